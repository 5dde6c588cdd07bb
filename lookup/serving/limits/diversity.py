"""Diversity: how a list chooses the next item, given the items that it has."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from lookup.serving.limits.conditions import Filterable

NONE = -1
"""Code of an item without a brand or category. No cap counts such items."""
POOL = 10
"""MMR chooses among this many times as many candidates as there are places."""
REACH = 500
"""A cap looks at this many of the best items of each source, or at POOL times as many as there are places."""
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
    else fills the list: nothing else among the first REACH items of each source.

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
        for brand, category in self.kinds(list(rows)):
            self._brands[brand] += 1
            self._categories[category] += 1

    def takes(self, brand: int, category: int) -> bool:
        """Whether the cap lets an item of these kinds come next; if so, counts it."""
        full = (brand != NONE and self._brands[brand] >= (self._cap.brand or 0)) or (
            category != NONE and self._categories[category] >= (self._cap.category or 0)
        )
        if not full:
            self._brands[brand] += 1
            self._categories[category] += 1
        return not full

    def kinds(self, rows: list[int]) -> list[tuple[int, int]]:
        """Brand and category of each row; `NONE` for what the cap does not limit."""
        places = np.array(rows, dtype=np.int64)
        none = np.full(len(rows), NONE)
        brands = none if self._cap.brand is None else self._state.brand[places]
        categories = none if self._cap.category is None else self._at_depth(self._state.category.take(places, axis=0))
        return list(zip(brands.tolist(), categories.tolist(), strict=True))

    def _at_depth(self, paths: NDArray[np.int32]) -> NDArray[np.int32]:
        """The category of each path at the depth of the cap, (n,). paths: (n, G)."""
        if not paths.shape[1]:
            return np.full(len(paths), NONE, dtype=np.int32)
        lengths, depth = (paths != NONE).sum(axis=1), self._cap.depth
        # A path that is too short counts by its last name, and from the end by its first.
        level = np.minimum(depth, lengths - 1) if depth >= 0 else lengths + max(depth, -paths.shape[1])
        return np.asarray(paths[np.arange(len(paths)), np.maximum(level, 0)])


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0)[:, None], dtype=np.float32)
