"""Ranked lists of items, as a release stores them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_ITEM = -1
"""Fills an item list after its last entry; the score beside it is 0."""

Ranked = tuple[list[int], list[float]]
"""Item rows, best first, and their scores."""


class RankedLists:
    """Ranked lists of items, one a row, best first."""

    def __init__(self, items: NDArray[np.int32], scores: NDArray[np.float32]):
        self.items, self.scores = items, scores
        """Shape (rows, length); `NO_ITEM` after the last item of a row."""
        # A slice of a flat memoryview becomes a Python list faster than a row of numpy.
        self._length = items.shape[1]
        self._flat_items: Any = items.reshape(-1).data
        self._flat_scores: Any = scores.reshape(-1).data

    def top(self, row: int, k: int) -> Ranked:
        """Item rows and scores of the first `k` places; fewer where the list is shorter."""
        start = row * self._length
        end = start + (k if k < self._length else self._length)
        items: list[int] = self._flat_items[start:end].tolist()
        scores: list[float] = self._flat_scores[start:end].tolist()
        if items and items[-1] == NO_ITEM:
            there = items.index(NO_ITEM)
            return items[:there], scores[:there]
        return items, scores
