"""Diversity: how a list chooses the next item, given the items that it has."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from lookup.serving.conditions import Filterable

NONE = -1
"""Code of an item without a brand or category. No cap counts such items."""
POOL = 10
"""MMR chooses among this many times as many candidates as there are places."""
MOST = 500
"""MMR orders at most this many hits; the others follow by their scores."""


@dataclass(frozen=True)
class MMR:
    """Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998, section 2): the next item is the one with the
    largest

        weight * relevance - (1 - weight) * max over the items chosen (cosine)

    relevance: the scores of all candidates, scaled to 0 … 1. cosine: of the item vectors without their bias. weight:
    from 0 (only variety) to 1 (only scores).

    Raises ValueError for a weight that is no number from 0 to 1.
    """

    weight: float = 0.7

    def __post_init__(self) -> None:
        if not isinstance(self.weight, Real) or not 0.0 <= self.weight <= 1.0:
            raise ValueError(f"the weight of MMR is a number from 0 to 1, not {self.weight!r}")

    def order(
        self, scores: NDArray[np.float32], vectors: NDArray[np.float32], k: int, before: NDArray[np.float32]
    ) -> NDArray[np.int64]:
        """The places of the first `k` candidates, in order, int64. Of equal candidates the first wins.

        scores: (n,). vectors: (n, D). before: the vectors of the items chosen before, (m, D).
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
    """At most so many items of one category, and of one brand, in a list.

    category, brand: the most items of one, 1 or more; None for no limit. depth: the level of the category path that
    counts: 0 is the widest, -1 each item's narrowest. Items that a cap leaves out come last, and only where nothing
    else fills the list.

    Raises ValueError for another number, and for a cap without any limit.
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
        """A counter for one list that starts with some item rows."""
        return Counting(self, state, rows)


class Counting:
    """Counts the items of one list by brand and category, for a cap."""

    def __init__(self, cap: Cap, state: Filterable, rows: Iterable[int]):
        self._cap, self._state = cap, state
        self._brands: Counter[int] = Counter()
        self._categories: Counter[int] = Counter()
        for row in rows:
            self._add(*self._kinds(row))

    def takes(self, row: int) -> bool:
        """Whether the cap lets the item in this row come next; if so, counts it."""
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
        """Brand and category of a row; `NONE` for what the cap does not limit."""
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
