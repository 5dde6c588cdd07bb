"""Exact top-K of things: of each group of items the best one, so that K things remain."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jobs.ranking.exact import rank
from jobs.ranking.inputs import ItemLists, Terms
from jobs.ranking.join import join
from lookup.retrieval.variants import NO_GROUP, by_group, first_of_each

OVERFETCH = 4
"""How many times as many items are ranked first as things are wanted, and again where these were too few."""
PLACES = 1 << 22
"""Of lists that are ranked at a time: some 100 MB."""
NO_ITEM = -1
Lists = tuple[NDArray[np.int32], NDArray[np.float32]]
Search = Callable[[NDArray[np.intp], int], Lists]
"""Ranks the best n items of some queries: rows and scores of shape (q, n), as `jobs.ranking.exact.top_k`."""


def top_k_things(search: Search, queries: int, k: int, groups: NDArray[np.int32]) -> Lists:
    """The k best things of each query, each by its best item. The result is as that of `top_k`.

    queries: how many there are. groups: of each item, `NO_GROUP` for none, (I,).
    """
    items = np.full((queries, k), NO_ITEM, dtype=np.int32)
    scores = np.zeros((queries, k), dtype=np.float32)
    left, n = np.arange(queries), k * OVERFETCH
    while len(left):
        n = min(n, len(groups))
        found, values = search(left, n)
        items[left], scores[left] = best_things(found, values, k, groups)
        # A list without K things has them only where its search did not end before its n items.
        short = (items[left, -1] == NO_ITEM) & (found[:, -1] != NO_ITEM) & (n < len(groups))
        left, n = left[short], n * OVERFETCH
    return items, scores


def best_things(found: NDArray[np.int32], values: NDArray[np.float32], k: int, groups: NDArray[np.int32]) -> Lists:
    """The k best things of lists, each by its best item. found, values: as `top_k` returns them, (q, n)."""
    items = np.full((len(found), k), NO_ITEM, dtype=np.int32)
    scores = np.zeros((len(found), k), dtype=np.float32)
    for row, listed in enumerate(found):
        there = listed != NO_ITEM
        first = np.flatnonzero(there)[first_of_each(groups[listed[there]])][:k]
        items[row, : len(first)], scores[row, : len(first)] = listed[first], values[row][first]
    return items, scores


def best_with_had(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    had: ItemLists,
    others: Lists,
    *,
    k: int,
    groups: NDArray[np.int32],
    terms: Terms | None = None,
) -> Lists:
    """The k best things of each query: of the items that a user had, and of a list of k others.

    All that a user had may be variants of one thing, so all of it is ranked. A program may have had most of a shop:
    then few queries are ranked at a time.
    """
    longest = int(np.diff(had.offsets).max(initial=1))
    step = max(1, PLACES // (longest + k))
    found = [(np.zeros((0, k), dtype=np.int32), np.zeros((0, k), dtype=np.float32))]
    for first in range(0, len(queries), step):
        rows = np.arange(first, min(first + step, len(queries)))
        own = had.of(rows)
        most = int(np.diff(own.offsets).max(initial=1))
        ranked = rank(queries[rows], items, own, most, None if terms is None else terms.of(rows))
        every = join(ranked, (others[0][rows], others[1][rows]), most + k)
        found.append(best_things(*every, k, groups))
    return np.concatenate([one for one, _ in found]), np.concatenate([values for _, values in found])


class Variants:
    """The variants of each item. groups: as above; None: no item has a group."""

    def __init__(self, groups: NDArray[np.int32] | None):
        self._groups = groups
        if groups is not None:
            self._offsets, self._members = by_group(groups, int(groups.max(initial=NO_GROUP)) + 1)

    def of(self, rows: NDArray[np.int64]) -> ItemLists:
        """Of each item itself and its variants: what its list of similar items must not have."""
        if self._groups is None:
            return ItemLists(np.arange(len(rows) + 1), rows)
        own = [
            np.array([row]) if code == NO_GROUP else self._members[self._offsets[code] : self._offsets[code + 1]]
            for row, code in zip(rows.tolist(), self._groups[rows].tolist(), strict=True)
        ]
        return ItemLists(np.cumsum([0, *map(len, own)]), np.concatenate([np.zeros(0, np.int64), *own]))
