"""The histories that the closed forms are fitted to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.encoding import transition_parameters
from jobs.models.behaviour.examples import MOST_USERS, read_histories
from jobs.models.repertoire.learn import Events

WINDOW, WINDOWS = 14, 6
"""What users take is learned from in so many last windows, of so many days."""


def read_events(files: list[Path], rows: NDArray[np.int64]) -> Events:
    """Read the events of at most about MOST_USERS users, until the day after the last of all."""
    histories = []
    for file in files:
        histories += read_histories(file, rows)
        if len(histories) >= MOST_USERS:
            break
    offsets = np.cumsum([0, *(len(one.items) for one in histories)])
    nothing = np.zeros(0, dtype=np.int64)
    items, days, weights = (
        np.concatenate([nothing, *(getattr(one, name) for one in histories)]) for name in ("items", "days", "weights")
    )
    ends = np.full(len(histories), days.max(initial=0) + 1.0)
    return Events(offsets, items.astype(np.int32), days.astype(np.float64), ends, weights.astype(np.float64))


def faded(events: Events, settings: TrainConfig, mix: Sequence[float]) -> NDArray[np.float64]:
    """How much each event counts at its user's end, (E,): m_j of `lookup.scoring.score_parameters`.

    mix: one number for each of the half-lives of the settings.
    """
    decay = transition_parameters(settings).encoder.decay(events.ends[events.users] - events.days)
    return np.asarray(events.weights * (decay @ np.asarray(mix)))
