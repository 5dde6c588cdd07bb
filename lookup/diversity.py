"""Variety in a list: how the next item is chosen from those that are left, given those that were."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""Code of an item without a brand or category: such items are never held to be alike."""


@dataclass(frozen=True)
class MMR:
    """Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998, section 2): the next item is the one with the
    largest

        weight * relevance - (1 - weight) * max over the items chosen (cosine)

    relevance: the scores of all candidates, put between 0 and 1. cosine: of the item vectors, less their bias.
    weight: from 0 (variety alone) to 1 (scores alone).
    """

    weight: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise ValueError(f"the weight of MMR is a number from 0 to 1, not {self.weight!r}")

    def order(self, scores: NDArray[np.float32], vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Places of the first `k` candidates. scores: (n,). vectors: (n, D). Of equals the first wins."""
        low, high = float(scores.min()), float(scores.max())
        relevance = self.weight * (scores - low) / (high - low or 1.0)
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
        units = vectors / np.where(lengths > 0, lengths, 1.0)[:, None]
        alike = np.zeros(len(scores), dtype=np.float32)
        chosen = np.empty(min(k, len(scores)), dtype=np.int64)
        for place in range(len(chosen)):
            gain = relevance - (1.0 - self.weight) * alike
            gain[chosen[:place]] = -np.inf
            best = int(gain.argmax())
            chosen[place] = best
            cosine = units @ units[best]
            alike = cosine if place == 0 else np.maximum(alike, cosine)
        return chosen


@dataclass(frozen=True)
class Cap:
    """At most so many items of one brand, and of one category, in a list.

    depth: how far down the category path: 0 is its widest, -1 each item's narrowest. Items that a cap leaves out come
    back only where nothing else is left to fill the list.
    """

    category: int | None = None
    brand: int | None = None
    depth: int = 0

    def __post_init__(self) -> None:
        for name in ("category", "brand"):
            most = getattr(self, name)
            if most is not None and (not isinstance(most, int) or most < 1):
                raise ValueError(f"the cap of a {name} is a number of items, 1 or more, not {most!r}")
        if self.category is None and self.brand is None:
            raise ValueError("a cap names the most items of one category, of one brand, or both")

    def counting(self) -> "Counting":
        """A counter for one list."""
        return Counting(self)


class Counting:
    """What a list with a cap holds so far."""

    def __init__(self, cap: Cap):
        self._cap = cap
        self._brands: Counter[int] = Counter()
        self._categories: Counter[int] = Counter()

    def takes(self, state: Any, row: int) -> bool:
        """Whether the item in this row may come next; if so, it is counted. state: see `lookup.where.Features`."""
        brand = int(state.brand[row]) if self._cap.brand is not None else NONE
        category = self._category(state.category[row]) if self._cap.category is not None else NONE
        full = (brand != NONE and self._brands[brand] >= (self._cap.brand or 0)) or (
            category != NONE and self._categories[category] >= (self._cap.category or 0)
        )
        if full:
            return False
        self._brands[brand] += 1
        self._categories[category] += 1
        return True

    def _category(self, path: NDArray[np.int32]) -> int:
        there = path[path != NONE]
        if not len(there):
            return NONE
        return int(there[max(-len(there), min(self._cap.depth, len(there) - 1))])
