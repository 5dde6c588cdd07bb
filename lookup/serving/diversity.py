"""Variety in a list: how the next item is chosen from those that are left, given those that were."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from lookup.serving.filters import Filterable

NONE = -1
"""Code of an item without a brand or category: such items are never held to be alike."""
POOL = 10
"""MMR chooses among so many times as many candidates as hits are wanted."""
MOST = 500
"""So many hits, at most, MMR puts in order; after them come the others by their scores."""


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
        if not isinstance(self.weight, Real) or not 0.0 <= self.weight <= 1.0:
            raise ValueError(f"the weight of MMR is a number from 0 to 1, not {self.weight!r}")

    def order(
        self, scores: NDArray[np.float32], vectors: NDArray[np.float32], k: int, before: NDArray[np.float32]
    ) -> NDArray[np.int64]:
        """Places of the first `k` candidates. scores: (n,). vectors: (n, D). before: of items that are chosen already,
        (m, D). Of equals the first wins.
        """
        low, high = float(scores.min()), float(scores.max())
        relevance = self.weight * (scores - low) / (high - low or 1.0)
        units = _units(vectors)
        alike = (units @ _units(before).T).max(axis=1) if len(before) else np.zeros(len(scores), dtype=np.float32)
        none_yet = not len(before)
        chosen = np.empty(min(k, len(scores)), dtype=np.int64)
        for place in range(len(chosen)):
            gain = relevance - (1.0 - self.weight) * alike
            gain[chosen[:place]] = -np.inf
            best = int(gain.argmax())
            chosen[place] = best
            cosine = units @ units[best]
            alike = cosine if none_yet and place == 0 else np.maximum(alike, cosine)
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
        if not isinstance(self.depth, int):
            raise ValueError(f"the depth of a cap is a level of the category path, from 0, not {self.depth!r}")
        if self.category is None and self.brand is None:
            raise ValueError("a cap names the most items of one category, of one brand, or both")

    def counting(self, state: Filterable, rows: Iterable[int]) -> "Counting":
        """A counter for one list that holds some rows already."""
        return Counting(self, state, rows)


class Counting:
    """What a list with a cap holds so far."""

    def __init__(self, cap: Cap, state: Filterable, rows: Iterable[int]):
        self._cap, self._state = cap, state
        self._brands: Counter[int] = Counter()
        self._categories: Counter[int] = Counter()
        for row in rows:
            self._add(*self._kinds(row))

    def takes(self, row: int) -> bool:
        """Whether the item in this row may come next; if so, it is counted."""
        brand, category = self._kinds(row)
        full = (brand != NONE and self._brands[brand] >= (self._cap.brand or 0)) or (
            category != NONE and self._categories[category] >= (self._cap.category or 0)
        )
        if not full:
            self._add(brand, category)
        return not full

    def _add(self, brand: int, category: int) -> None:
        self._brands[brand] += 1
        self._categories[category] += 1

    def _kinds(self, row: int) -> tuple[int, int]:
        """Brand and category of a row, as far as the cap is of them."""
        brand = int(self._state.brand[row]) if self._cap.brand is not None else NONE
        return brand, self._category(self._state.category[row]) if self._cap.category is not None else NONE

    def _category(self, path: NDArray[np.int32]) -> int:
        there = path[path != NONE]
        if not len(there):
            return NONE
        return int(there[max(-len(there), min(self._cap.depth, len(there) - 1))])


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0)[:, None], dtype=np.float32)
