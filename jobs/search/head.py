"""Lists of head queries: what is searched most, names of categories and brands, ranked by night as the day would."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lookup import keys
from lookup.release.schema import NO_ITEM
from lookup.retrieval.variants import count_things
from lookup.search.head import LONGEST
from lookup.search.index import SearchIndex
from lookup.search.searcher import Searcher
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays

LENGTH = 200
"""Items of a list."""
MOST = 10_000
"""Head queries: some 25 s for a shop of 100,000 items on one core, and 16 MB."""
LEAST_PAIR = 5
"""Items that a brand must have in a category for their names together to be a head query."""


@dataclass(frozen=True)
class NightItems:
    """What the night knows of items, by row; `lookup.search.features.KnownItems`."""

    price: NDArray[np.float64]
    """(I,): NaN where unknown."""
    category: NDArray[np.int32]
    """(I, G): codes of the path; -1 after the last."""
    brand: NDArray[np.int32]
    """(I,): codes; -1 where unknown."""
    in_stock: NDArray[np.bool_]
    """(I,)."""
    group: NDArray[np.int32] | None = None
    """(I,): codes; -1 for none. None: no item has one."""

    def count(self, rows: NDArray[np.int32]) -> int:
        """How many things some items are: a group counts once."""
        return len(rows) if self.group is None else count_things(self.group[rows])


def head_queries(
    log: Mapping[str, float], categories: Sequence[str], brands: Sequence[str], items: NightItems, most: int = MOST
) -> list[str]:
    """The head queries, normalised, each once, the most important first: the names of categories and brands, then what
    is searched most, then the names of a brand and a category together, those with the most items first.

    log: how often each query is searched. categories, brands: names by their codes. most: how many at most.
    """
    names = [*categories, *brands]
    by_times = sorted(log, key=lambda query: (-log[query], query))
    pairs = Counter(zip(items.brand.tolist(), _last(items.category).tolist(), strict=True))
    together = (
        f"{brands[brand]} {categories[category]}"
        for (brand, category), times in sorted(pairs.items(), key=lambda one: (-one[1], one[0]))
        if brand >= 0 and category >= 0 and times >= LEAST_PAIR
    )
    return _first_different(chain(names, by_times, together), most)


def head_lists(index: SearchIndex, items: NightItems, queries: Sequence[str], length: int = LENGTH) -> Arrays:
    """The arrays of `lookup.search.stated.HEAD`, by the day's own search among the items in stock.

    A list has all variants, so that the day shows the best of those in stock; the totals count a group once.
    A query that names a price is left out, because prices change, and so is one whose words no item in stock holds.
    """
    searcher = Searcher(index, items)
    found: dict[str, tuple[NDArray[np.int32], NDArray[np.float32], int]] = {}

    def in_stock(rows: NDArray[np.int32]) -> NDArray[np.int32]:
        return rows[items.in_stock.take(rows)]

    for query in queries:
        asked = index.asked(query)
        matching = in_stock(searcher.matches(asked.needed()))
        if asked.interpretation.price is None and len(matching):
            rows, scores = searcher.ranked(asked, matching, in_stock)
            found[query] = rows[:length], scores[:length], items.count(matching)
    return _arrays(found, length)


def no_head() -> Arrays:
    """The same arrays without any query."""
    return _arrays({}, 0)


def _arrays(found: Mapping[str, tuple[NDArray[np.int32], NDArray[np.float32], int]], length: int) -> Arrays:
    hashes, offsets, data = keys.build(found)
    known = keys.Keys(hashes, offsets, data)
    item = np.full((len(found), length), NO_ITEM, np.int32)
    score, total = np.zeros((len(found), length), np.float32), np.zeros(len(found), np.int32)
    for row in range(len(found)):
        rows, scores, total[row] = found[known.id(row)]
        item[row, : len(rows)], score[row, : len(rows)] = rows, scores
    return {
        "head_query_hash": hashes,
        "head_query_offsets": offsets,
        "head_query_bytes": data,
        "head_item": item,
        "head_score": score,
        "head_total": total,
    }


def _last(paths: NDArray[np.int32]) -> NDArray[np.int32]:
    """The last code of each path; -1 of an empty one."""
    if not paths.shape[1]:  # no item has a category
        return np.full(len(paths), -1, np.int32)
    length = (paths >= 0).sum(axis=1)
    last = paths[np.arange(len(paths)), np.maximum(length - 1, 0)]
    return np.where(length > 0, last, -1).astype(np.int32)


def _first_different(texts: Iterable[str], most: int) -> list[str]:
    """The first different ones, normalised."""
    found: dict[str, None] = {}
    for text in texts:
        if len(found) >= most:
            break
        if (query := normalise(text)) and len(query) <= LONGEST:
            found[query] = None
    return list(found)
