"""What people take for the first time, in closed form: what a score gains beside the network's.

    first_popular p_i + first sum_j n_j F_ji

p is the share of item i in recent first purchases, as a multiple of the mean share of the TOP most popular items, so
that it means the same in shops of all sizes. F, in the same unit, is a sparse matrix of items, the sum of two
regressions of `jobs.models.repertoire.discovery`: one leads to the items that users take for the first time within
WINDOW days, the other to items that the same users have. n_j is what `lookup.scoring.score_parameters` says of
transitions, so F is one more of them, and p a part of the bias.

The network predicts all that users take, repeats included, and ranks what is new to a user worse than these sums do.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.infra.logging import log_line
from jobs.models import item_transitions
from jobs.models.behaviour.encoding import transition_parameters
from jobs.models.behaviour.examples import MOST_USERS, read_histories
from jobs.models.item_transitions import FittedTransitions
from jobs.models.repertoire import discovery
from jobs.models.repertoire.discovery import DiscoveryWeights
from jobs.models.repertoire.learn import Events, examples, popularity

if TYPE_CHECKING:
    import scipy.sparse as sp

WINDOW, WINDOWS = 14, 6
"""First purchases are learned from in so many last windows, of so many days."""
TOP = 100
HALF_LIFE = 14.0
"""In days, of popularity."""
WEIGHTS = DiscoveryWeights(next=1.0, alike=0.3)
"""These were chosen on the validation parts of two grocers' data."""
MOST = 20
"""An item keeps so many transitions, or as many as it had before: a session adds up those of each item that a user
had."""


@dataclass(frozen=True)
class FirstPurchases:
    """The fitted numbers of n items."""

    popular: NDArray[np.float32]
    """p, (n,); all 0 where there are no events."""
    transitions: "sp.csr_array"
    """F, float32 (n, n), sparse."""


def fit(files: list[Path], rows: NDArray[np.int64], settings: TrainConfig) -> FirstPurchases:
    """Fit the numbers on users of files of table `sequences`. rows: as in `read_histories`.

    Raises ArithmeticError when a weight of an event is not finite.
    """
    import scipy.sparse as sp

    events, n = _read(files, rows), len(rows)
    shares = partial(_shares, items=n, settings=settings)
    before, first = examples(events, WINDOW, WINDOWS, n, shares)
    popular, no_kinds = popularity(events, HALF_LIFE, n), sp.csr_array((n, 0), dtype=np.float32)
    parts = discovery.fit(shares(events), before, first, popular, no_kinds)
    unit = float(np.sort(popular)[-TOP:].mean()) if n else 0.0
    scale = np.float32(1.0 / unit if unit > 0 else 0.0)
    return FirstPurchases(popular * scale, parts.weighted(WEIGHTS).transitions * scale)


def joined(
    numbers: dict[str, Any], files: list[Path], rows: NDArray[np.int64], settings: TrainConfig
) -> dict[str, Any]:
    """Return the numbers of a model with what first purchases add to bias, next_item, next_weight and item_repeat.

    rows: as in `read_histories`.
    """
    if not (settings.first > 0.0 or settings.first_popular > 0.0):
        return numbers
    started = time.monotonic()
    first = fit(files, rows, settings)
    known = FittedTransitions(numbers["next_item"], numbers["next_weight"])
    found = item_transitions.with_more(known, first.transitions * np.float32(settings.first))
    most = max(MOST, known.items.shape[1])
    bias = numbers["bias"] + np.float32(settings.first_popular) * first.popular
    pairs = int(first.transitions.nnz)
    log_line("train", "first purchases", pairs=pairs, seconds=time.monotonic() - started)
    repeats = numbers["item_repeat"] + np.float32(settings.again)
    return numbers | {
        "bias": bias,
        "next_item": found.items[:, :most],
        "next_weight": found.weights[:, :most],
        "item_repeat": repeats,
    }


def _read(files: list[Path], rows: NDArray[np.int64]) -> Events:
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


def _shares(events: Events, items: int, settings: TrainConfig) -> "sp.csr_array":
    """n_j of each item of a user at the end, float32 (U, items): `ScoreParameters.transition_shares`, for many."""
    import scipy.sparse as sp

    parameters, users = transition_parameters(settings), events.users
    decay = parameters.encoder.decay(events.ends[users] - events.days)
    left = events.weights * (decay @ np.asarray(parameters.transition_mix))
    total = np.maximum(np.bincount(users, left, minlength=len(events.ends)), 1e-12)
    values = (left / total[users] ** parameters.transition_power).astype(np.float32)
    return sp.csr_array((values, (users, events.items)), shape=(len(events.ends), items))
