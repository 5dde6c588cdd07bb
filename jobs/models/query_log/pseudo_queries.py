"""Queries for a shop without a query log: what people would type to find what the catalogue has."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.text.normalise import normalise

LEAST_ITEMS = 2
"""A word, or a pair of words, is a query where so many titles have it."""
LONGEST = 60
"""Characters of a query; a longer name is none."""
Kind = Literal["category", "brand", "words", "title"]


class PseudoQuery(NamedTuple):
    """A query that nobody typed yet."""

    query: str
    """Normalised."""
    kind: Kind
    """What it comes from."""
    weight: float
    """The popularity of the items that it stands for; above 0."""


def pseudo_queries(
    titles: Sequence[str],
    popularity: NDArray[np.float64],
    categories: Sequence[Sequence[str]] = (),
    brands: Sequence[str | None] = (),
    most: int = 100_000,
) -> list[PseudoQuery]:
    """The names of categories and brands, words and pairs of words of titles, and the titles, the heaviest first.

    titles (I,), and where given categories (I,), paths, and brands (I,), of the items; popularity: float64 (I,), of
    each, 0 or more: every item counts one more than that. A query that is of two kinds is of the first.
    """
    weights = 1.0 + np.asarray(popularity, dtype=np.float64)
    totals: dict[Kind, Counter[str]] = {
        "category": Counter(),
        "brand": Counter(),
        "words": Counter(),
        "title": Counter(),
    }
    items: Counter[str] = Counter()
    for path, weight in zip(categories, weights, strict=False):
        for name in {normalise(one) for one in path}:
            totals["category"][name] += weight
    for brand, weight in zip(brands, weights, strict=False):
        if brand:
            totals["brand"][normalise(brand)] += weight
    for title, weight in zip(titles, weights, strict=True):
        plain = normalise(title)
        totals["title"][plain] += weight
        words = [word.strip(".,;:!?()[]\"'/|*-") for word in plain.split()]
        words = [word for word in words if word]
        for text in {*(word for word in words if word.isalpha() and len(word) > 2), *map(" ".join, pairwise(words))}:
            items[text] += 1
            totals["words"][text] += weight
    for text in [one for one in totals["words"] if items[one] < LEAST_ITEMS]:
        del totals["words"][text]
    found: dict[str, PseudoQuery] = {}
    for kind, counted in totals.items():
        for text, weight in counted.items():
            if text and len(text) <= LONGEST and any(one.isalnum() for one in text):
                found.setdefault(text, PseudoQuery(text, kind, float(weight)))
    return sorted(found.values(), key=lambda one: (-one.weight, one.query))[:most]
