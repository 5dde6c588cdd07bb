"""Which lists of similar items an earlier night made as this night would: pure functions of numpy.

The list of an item is the same as before where

- its own vector has the same bits, and so have those of all items in the list;
- no item that is new, or whose vector changed, has a score that could be among its K: by the product in float32, with
  what rounding may take from it.

Items that are gone or changed only leave the lists in which they were. Rows of items rise with a hash of their ids, so
items that are new or gone move the rows of others and leave their order, by which equal scores are ranked, as it was.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048
"""Rows that are compared at a time."""
MOST_CHANGED = 0.2
"""Where more than this share of the items is new or changed, every list is made."""


@dataclass(frozen=True)
class SameRows:
    """Which rows of two nights stand for the same item with the same vector."""

    tonight: NDArray[np.int32]
    """Of each item of the earlier night its row tonight; -1 where it is gone or has another vector, (J,)."""
    before: NDArray[np.int32]
    """The other way round; -1 for what is new or changed, (I,)."""

    @property
    def changed(self) -> NDArray[np.int64]:
        """The rows of tonight that are new or changed."""
        return np.flatnonzero(self.before < 0)

    @property
    def few(self) -> bool:
        """Whether so much is as before that it is worth looking at each list."""
        return len(self.changed) <= MOST_CHANGED * len(self.before)


def same_rows(known: NDArray[np.int64], before: NDArray[np.float32], tonight: NDArray[np.float32]) -> SameRows:
    """Compare the vectors of two nights, bit by bit.

    known: of each item of tonight the row of the same id in the earlier night, -1 for none, (I,). before, tonight:
    vectors, (J, D) and (I, D'), mapped or not.
    """
    found = known.astype(np.int32)
    if before.shape[1] != tonight.shape[1]:
        found[:] = -1
    for first in range(0, len(found), BLOCK):
        part = np.arange(first, min(first + BLOCK, len(found)))
        part = part[found[part] >= 0]
        one, other = (np.ascontiguousarray(rows).view(np.uint32) for rows in (tonight[part], before[found[part]]))
        found[part[(one != other).any(axis=1)]] = -1
    there = np.flatnonzero(found >= 0)
    back = np.full(len(before), -1, dtype=np.int32)
    back[found[there]] = there
    return SameRows(back, found)


def still_hold(
    rows: SameRows,
    items: NDArray[np.int32],
    scores: NDArray[np.float32],
    queries: NDArray[np.float32],
    changed: NDArray[np.float32],
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Say which lists of an earlier night hold tonight, bool (n,), and their items in rows of tonight, int32 (n, K).

    items, scores: the earlier lists of n queries, (n, K). queries: (n, d), of the same bits in both nights. changed:
    the vectors of `rows.changed`, (C, d).
    """
    there = items >= 0
    moved = np.where(there, rows.tonight[np.where(there, items, 0)], -1)
    hold = np.asarray((moved >= 0).all(axis=1))
    if len(changed):
        norms = np.linalg.norm(changed, axis=1)
        lengths = np.linalg.norm(queries, axis=1)
        # Both this product and that of the list are sums of d products in float32, in whatever order.
        noise = 4.0 * queries.shape[1] * np.finfo(np.float32).eps * lengths * float(norms.max())
        bar = scores[:, -1] - noise
        for first in range(0, len(changed), BLOCK):
            hold &= np.asarray((queries @ changed[first : first + BLOCK].T).max(axis=1) < bar)
    return hold, moved.astype(np.int32)
