"""What terms say of categories and brands, counted in titles and clicks."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.understanding.texts import Arrays, phrase, table
from lookup.text.analyzer import Analyzer
from lookup.understanding.attributes import MOST_WORDS

LISTED = 16
"""Categories, or brands, that are kept for a term."""
STRENGTH = 1.0
"""Items of the usual mixture that each term is thought to have as well: rare terms say little."""
FEWEST = 2.0
"""Terms that stand in fewer titles and clicks are left out."""
CLICK = 3.0
"""What a click after a query counts beside a title."""


def build_intents(
    titles: Sequence[str],
    *,
    categories: NDArray[np.int32],
    brands: NDArray[np.int32],
    names: Sequence[str],
    n_categories: int,
    analyzer: Analyzer,
    clicks: Iterable[tuple[str, int, float]] = (),
) -> Arrays:
    """The arrays of terms, categories, brands and their names in `lookup.understanding.arrays.MEANING`.

    titles (I,): of items. categories, brands (I,): their rows, -1 for none. names (M,): of the brands.
    clicks: query, row of the item, how often.
    """
    weights: list[float] = []
    items: list[int] = []
    row_of: dict[str, int] = {}
    flat: list[int] = []
    sizes: list[int] = []

    def add(text: str, item: int, weight: float) -> None:
        found = {position[0] for position in analyzer.terms(text) if position}
        flat.extend(row_of.setdefault(term, len(row_of)) for term in sorted(found))
        sizes.append(len(found))
        weights.append(weight)
        items.append(item)

    for item, title in enumerate(titles):
        add(title, item, 1.0)
    for query, item, times in clicks:
        add(query, item, CLICK * times)
    terms = np.array(flat, dtype=np.int64)
    of = np.array(items, dtype=np.int64)
    weight = np.array(weights)
    total = np.bincount(terms, np.repeat(weight, sizes), len(row_of))
    arrays, ordered = table("meaning_terms", [term for term, row in row_of.items() if total[row] >= FEWEST])
    place = np.full(len(row_of), -1, dtype=np.int64)
    place[[row_of[term] for term in ordered]] = np.arange(len(ordered))
    terms = place[terms]
    for kind, rows, size in (("category", categories, n_categories), ("brand", brands, len(names))):
        group = np.asarray(rows, dtype=np.int64)[of] if len(of) else of
        seen = _Seen(terms, np.repeat(group, sizes), np.repeat(weight, sizes))
        counts = np.bincount(rows[rows >= 0], minlength=size) + 0.5
        prior = counts / max(counts.sum(), 1.0)
        arrays[f"meaning_{kind}_prior"] = np.log(prior).astype(np.float32)
        arrays |= _shares(kind, seen, prior, len(ordered))
    return arrays | _named(titles, brands, names, analyzer)


class _Seen(NamedTuple):
    """Terms in titles and queries, one an occurrence."""

    terms: NDArray[np.int64]
    groups: NDArray[np.int64]
    weight: NDArray[np.float64]


def _shares(kind: str, seen: _Seen, prior: NDArray[np.float64], n: int) -> Arrays:
    """Of each of n terms its best groups, and the ratio for the others. prior: the share of the items of each group."""
    terms, groups, weight = seen
    size = len(prior)
    kept = (terms >= 0) & (groups >= 0)
    pairs, inverse = np.unique(terms[kept] * max(size, 1) + groups[kept], return_inverse=True)
    counts = np.bincount(inverse, weight[kept], len(pairs))
    term, group = pairs // max(size, 1), pairs % max(size, 1)
    total = np.bincount(term, counts, n)
    share = (counts + STRENGTH * prior[group]) / (total[term] + STRENGTH)
    order = np.lexsort((group, -share, term))
    term, group, share = term[order], group[order], share[order]
    starts = np.searchsorted(term, np.arange(n + 1))
    best = np.arange(len(term)) - starts[term] < LISTED if len(term) else np.zeros(0, dtype=bool)
    best &= share > prior[group]
    term, group, share = term[best], group[best], share[best]
    left = np.maximum(1 - np.bincount(term, share, n), 1e-6)
    others = np.maximum(1 - np.bincount(term, prior[group], n), 1e-6)
    offsets = np.searchsorted(term, np.arange(n + 1)).astype(np.int64)
    return {
        f"meaning_{kind}_offsets": offsets,
        f"meaning_{kind}_rows": group.astype(np.int32),
        f"meaning_{kind}_log": np.log(share / prior[group]).astype(np.float32),
        f"meaning_{kind}_rest": np.minimum(np.log(left / others), 0).astype(np.float32),
    }


def _named(titles: Sequence[str], brands: NDArray[np.int32], names: Sequence[str], analyzer: Analyzer) -> Arrays:
    """Names of brands as phrases. Of two brands with one name, the one with more items has it."""
    sizes = np.bincount(brands[brands >= 0], minlength=len(names))
    brand_of: dict[str, int] = {}
    for row in np.argsort(-sizes, kind="stable").tolist() if len(names) else []:
        key = phrase(analyzer, names[row])
        if key:
            brand_of.setdefault(key, row)
    firsts = {key.split(" ", 1)[0] for key in brand_of}
    stands: Counter[str] = Counter()
    its: Counter[str] = Counter()
    for title, brand in zip(titles, brands.tolist(), strict=True):
        words = [token.text for token in analyzer.tokens(title)]
        found = {
            key
            for at, word in enumerate(words)
            if word in firsts
            for end in range(at + 1, at + MOST_WORDS + 1)
            if (key := " ".join(words[at:end])) in brand_of
        }
        stands.update(found)
        its.update(key for key in found if brand_of[key] == brand)
    arrays, ordered = table("meaning_names", brand_of)
    arrays["meaning_name_brand"] = np.array([brand_of[key] for key in ordered], dtype=np.int32)
    share = [its[key] / stands[key] if stands[key] else 1.0 for key in ordered]
    arrays["meaning_name_share"] = np.array(share, dtype=np.float32)
    return arrays
