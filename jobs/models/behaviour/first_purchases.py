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


@dataclass(frozen=True)
class EventColumns:
    """The events of users, one place each, (E,)."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    days: NDArray[np.int64]
    weights: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> "EventColumns":
        """Some of the events."""
        return EventColumns(self.users[chosen], self.items[chosen], self.days[chosen], self.weights[chosen])


def fit(files: list[Path], rows: NDArray[np.int64], settings: TrainConfig) -> FirstPurchases:
    """Fit the numbers on users of files of table `sequences`. rows: as in `read_histories`.

    Raises ArithmeticError when a weight of an event is not finite.
    """
    import scipy.sparse as sp

    events, users = _read(files, rows)
    n, end = len(rows), int(events.days.max(initial=0)) + 1
    before, first = [], []
    for window in range(WINDOWS):
        start = end - (window + 1) * WINDOW
        known = events.where(events.days < start)
        taken = events.where((events.days >= start) & (events.days < start + WINDOW))
        had, new = _sets(known, users, n), _sets(taken, users, n)
        new = (new - new.multiply(had)).tocsr()
        new.eliminate_zeros()
        asked = np.flatnonzero((np.diff(new.indptr) > 0) & (np.diff(had.indptr) > 0))
        before.append(_shares(known, users, n, start, settings)[asked])
        first.append(new[asked])
    popular = _popular(events, n, end)
    no_kinds = sp.csr_array((n, 0), dtype=np.float32)
    now = _shares(events, users, n, end, settings)
    parts = discovery.fit(now, sp.vstack(before).tocsr(), sp.vstack(first).tocsr(), popular, no_kinds)
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


def _read(files: list[Path], rows: NDArray[np.int64]) -> tuple[EventColumns, int]:
    """Read the events of at most about MOST_USERS users, and count the users."""
    histories = []
    for file in files:
        histories += read_histories(file, rows)
        if len(histories) >= MOST_USERS:
            break
    users = np.repeat(np.arange(len(histories)), [len(one.items) for one in histories])
    nothing = np.zeros(0, dtype=np.int64)
    items, days, weights = (
        np.concatenate([nothing, *(getattr(one, name) for one in histories)]) for name in ("items", "days", "weights")
    )
    return EventColumns(users, items.astype(np.int64), days.astype(np.int64), weights.astype(np.float64)), len(
        histories
    )


def _sets(events: EventColumns, users: int, n: int) -> "sp.csr_array":
    """1 for each item of a user, float32 (users, n)."""
    import scipy.sparse as sp

    pairs = np.unique(events.users * n + events.items)
    ones = np.ones(len(pairs), dtype=np.float32)
    return sp.csr_array((ones, (pairs // n, pairs % n)), shape=(users, n))


def _shares(events: EventColumns, users: int, n: int, at: int, settings: TrainConfig) -> "sp.csr_array":
    """n_j of each item of a user at a day, float32 (users, n): as `ScoreParameters.transition_shares`, for many."""
    import scipy.sparse as sp

    parameters = transition_parameters(settings)
    decay = parameters.encoder.decay((at - events.days).astype(np.float64))
    left = events.weights * (decay @ np.asarray(parameters.transition_mix))
    total = np.maximum(np.bincount(events.users, left, minlength=users), 1e-12)
    values = (left / total[events.users] ** parameters.transition_power).astype(np.float32)
    return sp.csr_array((values, (events.users, events.items)), shape=(users, n))


def _popular(events: EventColumns, n: int, end: int) -> NDArray[np.float32]:
    """Each item's share of the first purchases, which fade with their age, float32 (n,)."""
    order = np.lexsort((events.days, events.users * n + events.items))
    pairs = (events.users * n + events.items)[order]
    first = order[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    left = np.exp2(-(end - 1 - events.days[first]) / HALF_LIFE)
    counts = np.bincount(events.items[first], left, minlength=n)
    return (counts / max(float(counts.sum()), 1e-12)).astype(np.float32)
