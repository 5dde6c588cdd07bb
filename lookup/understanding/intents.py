"""Which categories and brands a query means, with probabilities.

Naive Bayes over the terms of the query, damped because words of a query are not independent:
log P(c | query) = log P(c) + damping · Σ log(P(c | term) / P(c)), over all c to the sum of 1. The table of the night is
sparse: the best few of each term, and one ratio for all others.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.keys import Keys
from lookup.text.analyzer import Token
from lookup.understanding.arrays import Arrays
from lookup.understanding.attributes import Phrases

DAMPING = 0.8
LEAST = 0.05
"""A less likely category or brand is not named."""
MOST = 5
"""Named categories, and brands."""


class Meant(NamedTuple):
    """A category or a brand that a query means."""

    row: int
    probability: float


class NamedBrand(NamedTuple):
    """A brand whose name stands in a query."""

    row: int
    probability: float
    """The share of the items with this name in their titles that are of this brand: low for a brand called "Black"."""
    words: str


class IntentTable:
    """P(category | query), or P(brand | query), from the arrays of one kind. Thread-safe."""

    def __init__(self, arrays: Arrays, terms: Keys, kind: str):
        """kind: "category" or "brand", as the arrays' names have it."""
        self._terms = terms
        self._offsets = arrays[f"meaning_{kind}_offsets"].data
        self._rows: NDArray[Any] = arrays[f"meaning_{kind}_rows"]
        self._log: NDArray[Any] = arrays[f"meaning_{kind}_log"]
        self._rest = arrays[f"meaning_{kind}_rest"].data
        self._prior: NDArray[Any] = arrays[f"meaning_{kind}_prior"]

    def meant(self, terms: list[str]) -> tuple[Meant, ...]:
        """The likeliest, best first; empty where no term is known. terms: main terms of the query."""
        if not len(self._prior):
            return ()
        score, known = self._prior.astype(np.float64), False
        for term in dict.fromkeys(terms):
            row = self._terms.find(term)
            if row < 0:
                continue
            first, last = self._offsets[row], self._offsets[row + 1]
            if first < last:
                known = True
                # All others share one ratio, so it is enough to lift these above it.
                score[self._rows[first:last]] += DAMPING * (self._log[first:last] - self._rest[row])
        if not known:
            return ()
        odds = np.exp(score - score.max())
        odds /= odds.sum()
        best = np.argsort(-odds, kind="stable")[:MOST] if len(odds) <= 4 * MOST else _best(odds)
        return tuple(Meant(int(row), float(odds[row])) for row in best if odds[row] >= LEAST)


def _best(odds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of the `MOST` highest, best first, ties by row."""
    rows = np.flatnonzero(odds >= LEAST)
    return rows[np.argsort(-odds[rows], kind="stable")][:MOST]


class Brands:
    """Names of brands in queries."""

    def __init__(self, arrays: Arrays):
        self._names = Keys(arrays["meaning_names_hash"], arrays["meaning_names_offsets"], arrays["meaning_names_bytes"])
        self._phrases = Phrases(self._names)
        self._brand = arrays["meaning_name_brand"].data
        self._share = arrays["meaning_name_share"].data

    def named(self, tokens: list[Token]) -> tuple[NamedBrand, ...]:
        """The brands that are named, in the query's order."""
        return tuple(
            NamedBrand(self._brand[row], self._share[row], self._names.id(row))
            for row, _, _ in self._phrases.find(tokens)
        )
