"""What the parts of a repertoire model are learned from: users' histories, cut into windows of time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.models.repertoire import discovery
from jobs.models.repertoire.discovery import DiscoveryParts, rows_of
from jobs.models.repertoire.own_items import Habits, OwnItems, own_items

if TYPE_CHECKING:
    import scipy.sparse as sp

FADING = 2
"""The half-life, of `Clock.half_lives`, by which histories fade in discovery."""


@dataclass(frozen=True)
class Clock:
    """How the time of a shop runs."""

    half_lives: tuple[float, ...]
    """Of repeats; the last is infinity."""
    popular: tuple[float, ...]
    """Half-lives of popularity, to choose from."""
    window: float
    """The length of the windows whose first purchases are learned from …"""
    windows: int
    """… and how many there are."""


DAYS = Clock((7.0, 30.0, 90.0, np.inf), (14.0, 30.0, 90.0), window=14.0, windows=6)
"""Where events have times."""
BASKETS = Clock((1.0, 2.0, 4.0, np.inf), (0.25, 1.0), window=1.0, windows=4)
"""Where only the order of baskets is known: the day of an event is the number of its basket."""


@dataclass(frozen=True)
class Events:
    """The events of U users in CSR form, in order of time."""

    offsets: NDArray[np.int64]
    """(U + 1,)."""
    items: NDArray[np.int32]
    """(E,)."""
    days: NDArray[np.float64]
    """(E,)."""
    ends: NDArray[np.float64]
    """(U,): the moment until which the events of each user are known."""
    weights: NDArray[np.float64] | None = None
    """(E,); None: all count alike."""

    @property
    def users(self) -> NDArray[np.int64]:
        """The user of each event, (E,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def before(self, moment: NDArray[np.float64]) -> "Events":
        """The events of each user before a moment, (U,)."""
        users = self.users
        kept = self.days < moment[users]
        counts = np.bincount(users[kept], minlength=len(self.ends))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        weights = None if self.weights is None else self.weights[kept]
        return Events(offsets, self.items[kept], self.days[kept], moment, weights)

    def own(self, clock: Clock) -> OwnItems:
        """What the users have at the end."""
        return own_items(self.offsets, self.items, self.days, self.ends, clock.half_lives)


def learn(events: Events, clock: Clock, items: int, kinds: "sp.csr_array") -> tuple[DiscoveryParts, Habits]:
    """Learn the parts of the discovery, without `popular` (see `popularity`), and the habits of the shop."""

    def rows(known: Events) -> "sp.csr_array":
        return rows_of(known.own(clock), FADING, items)

    before, first = examples(events, clock.window, clock.windows, items, rows)
    popular = popularity(events, clock.popular[0], items)
    return discovery.fit(rows(events), before, first, popular, kinds), Habits.of(events.own(clock), items)


def popularity(events: Events, half_life: float, items: int) -> NDArray[np.float32]:
    """Each item's share of the first purchases, which fade with their age, float32 (items,)."""
    users = events.users
    _, first = np.unique(users * items + events.items, return_index=True)
    age = np.floor(events.ends[users[first]] - events.days[first] - 1e-9)
    counts = np.bincount(events.items[first], np.exp2(-age / half_life), minlength=items)
    return (counts / max(counts.sum(), 1e-12)).astype(np.float32)


def examples(
    events: Events, window: float, windows: int, items: int, rows: "Callable[[Events], sp.csr_array]"
) -> "tuple[sp.csr_array, sp.csr_array]":
    """Make the examples of `discovery.fit`: histories before the last windows, and the first purchases in them.

    window: the length of one. rows: makes the rows of all users from what is known of them, (U, items).
    """
    import scipy.sparse as sp

    before, first = [], []
    for number in range(windows):
        end = events.ends - number * window
        known = events.before(end - window)
        had, has = _sets(known, items), _sets(events.before(end), items)
        new = (has - had).tocsr()
        new.eliminate_zeros()
        asked = np.flatnonzero((np.diff(new.indptr) > 0) & (np.diff(had.indptr) > 0))
        before.append(rows(known)[asked])
        first.append(new[asked])
    return sp.vstack(before).tocsr(), sp.vstack(first).tocsr()


def _sets(events: Events, items: int) -> "sp.csr_array":
    """1 for each item of a user, float32 (U, items)."""
    import scipy.sparse as sp

    ones = np.ones(len(events.items), dtype=np.float32)
    matrix = sp.csr_array((ones, events.items.copy(), events.offsets.copy()), shape=(len(events.ends), items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
