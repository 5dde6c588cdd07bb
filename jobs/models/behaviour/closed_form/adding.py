"""Adds to a fitted network what first purchases and repeats say in closed form."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.infra.logging import log_line
from jobs.models import item_transitions
from jobs.models.behaviour.closed_form import first_purchases, repeat_odds
from jobs.models.behaviour.closed_form.histories import read_events
from jobs.models.item_transitions import FittedTransitions
from jobs.models.repertoire.learn import Events

TRANSITIONS = 20
"""An item keeps so many transitions, or as many as it had before: a session adds up those of each item that a user
had."""


def joined(
    numbers: dict[str, Any], files: list[Path], rows: NDArray[np.int64], settings: TrainConfig
) -> dict[str, Any]:
    """Return the fitted numbers of a network with what first purchases and repeats add to them.

    rows: as in `read_histories`. Raises ArithmeticError when a weight of an event is not finite.
    """
    first, again = settings.first > 0.0 or settings.first_popular > 0.0, settings.repeat > 0.0 and settings.odds > 0.0
    if not (first or again):
        return numbers
    events = read_events(files, rows)
    if first:
        numbers = _with_first_purchases(numbers, events, settings)
    if again:
        found = repeat_odds.fit(events, numbers["item_repeat"], settings)
        numbers = numbers | {"item_repeat": found.items} | found.repeats.numbers()
    return numbers


def _with_first_purchases(numbers: dict[str, Any], events: Events, settings: TrainConfig) -> dict[str, Any]:
    started = time.monotonic()
    first = first_purchases.fit(events, len(numbers["bias"]), settings)
    known = FittedTransitions(numbers["next_item"], numbers["next_weight"])
    found = item_transitions.with_more(known, first.transitions * np.float32(settings.first))
    most = max(TRANSITIONS, known.items.shape[1])
    log_line("train", "first purchases", pairs=int(first.transitions.nnz), seconds=time.monotonic() - started)
    return numbers | {
        "bias": numbers["bias"] + np.float32(settings.first_popular) * first.popular,
        "next_item": found.items[:, :most],
        "next_weight": found.weights[:, :most],
    }
