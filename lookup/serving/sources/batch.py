"""The precomputed lists of many users at once, as arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.release.reader import Release
from lookup.release.schema import NO_ITEM
from lookup.retrieval.ranked_lists import RankedLists
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
    """The first `k` items of the users' precomputed lists that are not blocked. A forgotten user has none.

    Raises ShardError, naming the first, where users are of shards that this host does not serve.
    """
    release = state.release
    said = live.overlay.forgotten.copy().items()
    forgotten = [user for user, (_, position) in said if position > state.watermark]
    length = release.manifest.dims["K"]
    shape = (len(users), min(k, length))
    batch = ListBatch(np.full(shape, NO_ITEM, dtype=np.int32), np.zeros(shape, dtype=np.float32), release)
    blocked = np.frombuffer(state.blocked, dtype=np.uint8)
    asked, out = _by_shard(release, users), _by_shard(release, forgotten)
    for shard, mine in asked.items():
        own = release.shards[shard]
        if own is None:
            raise release.elsewhere(users[int(mine[0])])
        found = own.keys.find_many([users[place] for place in mine.tolist()])
        if shard in out:
            found[np.isin(found, own.keys.find_many([forgotten[place] for place in out[shard].tolist()]))] = -1
        for start in range(0, len(mine), BLOCK):
            known = start + np.flatnonzero(found[start : start + BLOCK] >= 0)
            rows, places = found[known], mine[known]
            for width in (min(length, shape[1] + SPARE), length):  # the second time only for lists that came out short
                short = _fill(batch, own.topk, rows, places, width=width, blocked=blocked)
                rows, places = rows[short], places[short]
                if width == length or not len(places):
                    break
    return batch


def _by_shard(release: Release, users: Sequence[str]) -> dict[int, NDArray[np.int64]]:
    """The places of users in a sequence by the shard that they are on."""
    if len(release.shards) == 1:
        return {0: np.arange(len(users))}
    shards = np.array([release.shard_of(user) for user in users], dtype=np.int64)
    return {int(shard): np.flatnonzero(shards == shard) for shard in np.unique(shards)}


def _fill(
    batch: ListBatch,
    lists: RankedLists,
    users: NDArray[np.int64],
    places: NDArray[np.int64],
    *,
    width: int,
    blocked: NDArray[np.uint8],
) -> NDArray[np.int64]:
    """Fill places of a batch from the first `width` items of lists. users: their rows, one for each place.

    Returns which of the places are left short.
    """
    rows, scores, _ = batch
    k = rows.shape[1]
    items, values = lists.items[users, :width], lists.scores[users, :width]
    shown = (blocked[items] == 0) & (items != NO_ITEM)
    counts = shown.sum(axis=1)
    chosen = np.flatnonzero(shown)
    rank = np.arange(len(chosen)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = rank < k
    chosen = chosen[first]
    to = places[chosen // max(width, 1)] * k + rank[first]
    rows.ravel()[to], scores.ravel()[to] = items.ravel()[chosen], values.ravel()[chosen]
    return np.flatnonzero(counts < k)
