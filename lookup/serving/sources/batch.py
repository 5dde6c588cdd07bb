"""The precomputed lists of many users at once, as arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.release.reader import Release
from lookup.release.schema import NO_ITEM
from lookup.serving.limits.variants import SPARE
from lookup.serving.live import Live
from lookup.serving.state import State

BLOCK = 1000
"""How many users are read at a time: what stays in the processor's cache."""


class ListBatch(NamedTuple):
    """The lists of n users, in the order in which they were asked for."""

    rows: NDArray[np.int32]
    """Item rows of the release, best first, (n, k), or narrower where the stored lists are; -1 after the last item, and
    for a user whom the release does not know.
    """
    scores: NDArray[np.float32]
    """Of the same shape; 0 where there is no item."""
    release: Release
    """The release that the rows are of."""

    def ids(self, place: int) -> list[str]:
        """The item ids of the list at a place, 0 … n-1."""
        return [self.release.items.id(row) for row in self.rows[place].tolist() if row != NO_ITEM]


def list_batch(live: Live, state: State, users: Sequence[str], k: int) -> ListBatch:
    """The first `k` items of the users' precomputed lists that are not blocked. A forgotten user has none."""
    release = state.release
    found = release.users.find_many(users)
    said = live.overlay.forgotten.copy().items()
    forgotten = [user for user, (_, position) in said if position > state.watermark]
    if forgotten:
        found[np.isin(found, release.users.find_many(forgotten))] = -1
    length = release.user_topk.items.shape[1]
    shape = (len(users), min(k, length))
    batch = ListBatch(np.full(shape, NO_ITEM, dtype=np.int32), np.zeros(shape, dtype=np.float32), release)
    blocked = np.frombuffer(state.blocked, dtype=np.uint8)
    for start in range(0, len(users), BLOCK):
        places = start + np.flatnonzero(found[start : start + BLOCK] >= 0)
        for width in (min(length, shape[1] + SPARE), length):  # the second time only for lists that came out short
            places = _fill(batch, found[places], places, width, blocked)
            if width == length or not len(places):
                break
    return batch


def _fill(
    batch: ListBatch, users: NDArray[np.int64], places: NDArray[np.int64], width: int, blocked: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Fill places of a batch from the first `width` items of the users' lists. Returns the places left short."""
    rows, scores, release = batch
    k = rows.shape[1]
    items, values = release.user_topk.items[users, :width], release.user_topk.scores[users, :width]
    shown = (blocked[items] == 0) & (items != NO_ITEM)
    counts = shown.sum(axis=1)
    chosen = np.flatnonzero(shown)
    rank = np.arange(len(chosen)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = rank < k
    chosen = chosen[first]
    to = places[chosen // max(width, 1)] * k + rank[first]
    rows.ravel()[to], scores.ravel()[to] = items.ravel()[chosen], values.ravel()[chosen]
    short: NDArray[np.int64] = places[counts < k]
    return short
