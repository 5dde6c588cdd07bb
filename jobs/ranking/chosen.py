"""Some of the items, as a ranking takes them: those that a mask leaves, such as what a store has."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.ranking.inputs import ItemLists, Rows, Terms, check_rows

Lists = tuple[NDArray[np.int32], NDArray[np.float32]]


class ChosenRows:
    """Some rows of a matrix, read by ranges like all of them. chosen: row numbers, rising."""

    def __init__(self, rows: Rows, chosen: NDArray[np.int32]):
        self._rows, self._chosen = rows, chosen

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (len(self._chosen), self._rows.shape[1])

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return some of the chosen rows. Others between them are read, too, where the matrix is no array."""
        chosen = self._chosen[rows]
        if isinstance(self._rows, np.ndarray):
            found: NDArray[Any] = self._rows[chosen]
            return found
        step = max(1, len(chosen))  # never more rows at a time than are asked for
        parts = []
        for first in range(int(chosen[0]), int(chosen[-1]) + 1, step) if len(chosen) else ():
            inside = chosen[np.searchsorted(chosen, first) : np.searchsorted(chosen, first + step)]
            if len(inside):
                parts.append(self._rows[first : int(inside[-1]) + 1][inside - first])
        return np.concatenate(parts) if parts else self._rows[0:0]


class AllowedItems:
    """The items that a mask leaves. where: bool, shape (N,)."""

    def __init__(self, where: NDArray[np.bool_]):
        self.rows = np.flatnonzero(where).astype(np.int32)
        self.where = where

    def lists(self, lists: ItemLists | None) -> ItemLists | None:
        """Lists of the chosen items, by their numbers among them; others are in no list.

        Raises ValueError where one holds what is no row of the items.
        """
        if lists is None:
            return None
        offsets, items, _ = self._kept(lists)
        return ItemLists(offsets, items)

    def terms(self, terms: Terms | None) -> Terms | None:
        """Likewise terms."""
        if terms is None:
            return None
        offsets, items, there = self._kept(terms)
        return Terms(offsets, items, np.asarray(terms.values)[there])

    def back(self, found: Lists) -> Lists:
        """Lists of a ranking of the chosen items, by the rows of all."""
        items, scores = found
        return np.where(items >= 0, self.rows[items] if len(self.rows) else items, np.int32(-1)), scores

    def _kept(self, lists: ItemLists | Terms) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]:
        items = np.asarray(lists.items)
        check_rows(items, len(self.where))
        there = self.where[items]
        before = np.concatenate([[0], np.cumsum(there, dtype=np.int64)])
        kept = np.searchsorted(self.rows, items[there]).astype(np.int32)
        return before[np.asarray(lists.offsets, dtype=np.int64)], kept, there
