"""What users have: for each pair of a user and an item, how often, how long ago, and at what intervals. Numpy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHRINK = 5.0
"""An item's or a pair's interval, and a user's share of repeats, count as if so many usual ones had been seen too."""
LEAST = 0.5
"""In days or baskets: no interval and no age counts as shorter."""


@dataclass(frozen=True)
class OwnItems:
    """The P pairs of a user and one of the user's items, by user, then by item; and numbers of the U users."""

    offsets: NDArray[np.int64]
    """(U + 1,): the pairs of user u are at offsets[u] … offsets[u + 1]."""
    items: NDArray[np.int32]
    """(P,)."""
    decayed: NDArray[np.float64]
    """(P, H): how many baskets hold the item, each counted by 2 ** (-age / half-life)."""
    age: NDArray[np.float64]
    """(P,): of the newest basket with the item."""
    gaps: NDArray[np.float64]
    """(P,): how many intervals there are between baskets with the item: one less than baskets."""
    log_gaps: NDArray[np.float64]
    """(P,): the sum of their logarithms."""
    baskets: NDArray[np.int64]
    """(U,): how many baskets the user has."""
    size: NDArray[np.float64]
    """(U,): the mean number of different items in them."""
    pace: NDArray[np.float64]
    """(U,): the mean interval between them; `LEAST` or more."""
    repeats: NDArray[np.float64]
    """(U,): how many items of baskets after the first one the user had before …"""
    later: NDArray[np.float64]
    """(U,): … of so many."""

    @property
    def users(self) -> NDArray[np.int64]:
        """The user of each pair, (P,)."""
        return np.repeat(np.arange(len(self.baskets)), np.diff(self.offsets))


def own_items(
    offsets: NDArray[np.int64],
    items: NDArray[np.int32],
    days: NDArray[np.float64],
    at: NDArray[np.float64],
    half_lives: tuple[float, ...],
) -> OwnItems:
    """Count what users have at a moment, from their events in CSR form in order of time.

    A basket is the events of one day (the whole part of `days`). offsets: (U + 1,). items, days: (E,). at: (U,), the
    moment of each user. half_lives: positive, in the unit of `days`; infinity never fades.
    """
    count = len(offsets) - 1
    users = np.repeat(np.arange(count), np.diff(offsets))
    day = np.floor(days)
    order = np.lexsort((day, items, users))
    u, i, d = users[order], items[order], day[order]
    once = np.ones(len(u), dtype=np.bool_)
    once[1:] = (u[1:] != u[:-1]) | (i[1:] != i[:-1]) | (d[1:] != d[:-1])
    u, i, d = u[once], i[once], d[once]
    new = np.ones(len(u), dtype=np.bool_)
    new[1:] = (u[1:] != u[:-1]) | (i[1:] != i[:-1])
    pair, pairs = np.cumsum(new) - 1, int(new.sum())
    age = np.maximum(at[u] - d, LEAST)
    fading = np.exp2(-age[:, None] / np.asarray(half_lives))
    last = np.append(np.flatnonzero(new)[1:], len(u)) - 1 if pairs else np.zeros(0, dtype=np.int64)
    between = np.flatnonzero(~new)
    log_gap = np.log(np.maximum(d[between] - d[between - 1], LEAST))
    first_day, user_days, baskets = _days_of_users(users, day, count)
    later = d > first_day[u]
    pair_users = u[new]
    return OwnItems(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(pair_users, minlength=count))]).astype(np.int64),
        items=i[new].astype(np.int32),
        decayed=np.stack([np.bincount(pair, column, minlength=pairs) for column in fading.T], axis=1),
        age=age[last],
        gaps=np.bincount(pair[between], minlength=pairs).astype(np.float64),
        log_gaps=np.bincount(pair[between], log_gap, minlength=pairs).astype(np.float64),
        baskets=baskets,
        size=np.bincount(u, minlength=count) / np.maximum(baskets, 1),
        pace=np.maximum(user_days / np.maximum(baskets - 1, 1), LEAST),
        repeats=np.bincount(u[later & ~new], minlength=count).astype(np.float64),
        later=np.bincount(u[later], minlength=count).astype(np.float64),
    )


def _days_of_users(
    users: NDArray[np.int64], day: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the first day of each user, the days from the first to the last, and the number of different days."""
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, users, day)
    np.maximum.at(last, users, day)
    new = np.ones(len(users), dtype=np.bool_)
    new[1:] = (users[1:] != users[:-1]) | (day[1:] != day[:-1])
    return first, np.where(last >= first, last - first, 0.0), np.bincount(users[new], minlength=count)


@dataclass(frozen=True)
class Habits:
    """What a shop's users do on average: what the numbers of a pair are shrunk to."""

    again: NDArray[np.float64]
    """(I,): the log odds that a user who has the item takes it a second time."""
    interval: NDArray[np.float64]
    """(I,): the mean logarithm of the intervals at which users take the item again."""
    share: float
    """The share of repeats in the baskets after the first."""

    @classmethod
    def of(cls, own: OwnItems, items: int) -> "Habits":
        """Count the habits of all users. items: I."""
        has = np.bincount(own.items, minlength=items).astype(np.float64)
        twice = np.bincount(own.items[own.gaps > 0], minlength=items)
        usual = (own.gaps > 0).mean() if len(own.items) else 0.5
        chance = (twice + SHRINK * usual + 1e-6) / (has + SHRINK + 2e-6)
        gaps, total = (np.bincount(own.items, values, minlength=items) for values in (own.gaps, own.log_gaps))
        middle = total.sum() / gaps.sum() if gaps.sum() else 0.0
        return cls(
            again=np.log(chance / (1.0 - chance)),
            interval=(total + SHRINK * middle) / (gaps + SHRINK),
            share=float((own.repeats.sum() + 1.0) / (own.later.sum() + 2.0)),
        )

    def due(self, own: OwnItems) -> NDArray[np.float64]:
        """The log of each pair's age over its expected interval, (P,): 0 is due today, above it is overdue.

        The interval is the geometric mean of the pair's own ones, shrunk to that of the item.
        """
        expected = (own.log_gaps + SHRINK * self.interval[own.items]) / (own.gaps + SHRINK)
        return np.asarray(np.log(own.age) - expected)

    def user_share(self, own: OwnItems) -> NDArray[np.float64]:
        """The log odds of each user's share of repeats, shrunk to the shop's, (U,)."""
        share = (own.repeats + SHRINK * self.share) / (own.later + SHRINK)
        share = np.clip(share, 0.01, 0.99)
        return np.asarray(np.log(share / (1.0 - share)))
