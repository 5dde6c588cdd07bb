"""Facets: what the items that match have, counted as they are now."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lookup.release.schema import NUMBER
from lookup.retrieval.lexical.slots import Rows
from lookup.serving.search.result import Facets, PriceBand
from lookup.serving.state import State

MOST = 50
"""Values of a facet."""
FIRST = 500
"""Items whose numbers are looked at first."""
SMALL = 1 << 16
"""Whole numbers below this are counted in an array of so many."""
SAMPLED = 2000
"""Prices from which bounds of bands are taken."""
BANDS = 6
"""Price bands at most."""
STEPS = (1, 2, 5)
"""Bands begin at these times a power of ten."""
Counts = tuple[tuple[str, int], ...]


def facets(state: State, rows: Rows, *, collapsed: bool = False) -> Facets:
    """The facets of items. rows: of all that match. collapsed: whether a value counts a group of variants once."""
    if not len(rows):
        return Facets()
    groups = state.group.take(rows) if collapsed else None
    paths = once(state.category.take(rows, axis=0))
    features = state.feature.take(rows, axis=0)
    return Facets(
        _named(state, "category", _first(groups, paths)),
        _named(state, "brand", _first(groups, state.brand.take(rows))),
        bands(state.price.take(rows), groups),
        {name: _values(state, kind, features[:, n], groups) for n, (name, kind) in enumerate(state.features.items())},
    )


def once(paths: NDArray[np.int32]) -> NDArray[np.int32]:
    """Paths without a name that came before, (n, G): what is in "Books > Fiction > Books" is one item of "Books"."""
    repeated = []
    for column in range(1, paths.shape[1]):
        names = paths[:, column]
        if not (names >= 0).any():  # no path is longer
            break
        for before in range(column):
            again = np.flatnonzero((names == paths[:, before]) & (names >= 0))
            if len(again):
                repeated.append((again, column))
    if repeated:
        paths = paths.copy()
        for rows, column in repeated:
            paths[rows, column] = -1
    return paths


def _first(groups: Rows | None, codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The codes that items have, flat, each once of a group.

    groups: of the items, -1 for none, (n,); None where every item counts. codes: (n,) or (n, G); -1 for none.
    """
    flat = codes.reshape(-1)
    if groups is None or not len(flat):
        return flat
    groups = np.repeat(groups, codes.size // len(codes))
    of_groups = np.flatnonzero((groups >= 0) & (flat >= 0))
    pairs = groups[of_groups].astype(np.int64) * (int(flat.max()) + 1) + flat[of_groups]
    again = np.ones(len(pairs), bool)
    again[np.unique(pairs, return_index=True)[1]] = False
    flat = flat.copy()
    flat[of_groups[again]] = -1
    return flat


def bands(prices: NDArray[np.float64], groups: Rows | None = None) -> tuple[PriceBand, ...]:
    """Bands of known prices between round bounds, with about as many items in each; empty ones are left out.

    groups: as in `_first`; a band counts a group once.
    """
    there = np.isfinite(prices)
    known = prices[there]
    if not len(known):
        return ()
    # Some thousand say where the bounds lie; all are counted, without being sorted.
    some = np.sort(known[:: max(1, len(known) // SAMPLED)])
    low, high = float(known.min()), float(known.max())
    cuts = sorted({_round(some[len(some) * part // BANDS]) for part in range(1, BANDS)})
    bounds = [low, *(cut for cut in cuts if low < cut <= high), high]
    if groups is None:
        below = [0, *(int(np.count_nonzero(known < bound)) for bound in bounds[1:-1]), len(known)]
        counts = [more - less for less, more in pairwise(below)]
    else:
        inside = np.searchsorted(np.array(bounds[1:-1]), known, side="right").astype(np.int32)
        band = _first(groups[there], inside)
        counts = np.bincount(band[band >= 0], minlength=len(bounds) - 1).tolist()
    return tuple(PriceBand(*pair, count) for pair, count in zip(pairwise(bounds), counts, strict=True) if count)


def _round(price: float) -> float:
    """The largest bound that is no more than a price."""
    if price <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(price))
    return float(max(step * power for step in STEPS if step * power <= price * (1 + 1e-9)))


def _named(state: State, kind: str, codes: NDArray[np.int32]) -> Counts:
    return _largest(state, kind, np.bincount(codes + 1)[1:])  # without -1, which is none


def _values(
    state: State, kind: str, values: NDArray[np.float64], groups: Rows | None
) -> tuple[tuple[str | float, int], ...]:
    there = np.isfinite(values)
    known = values[there]
    if kind != NUMBER:
        codes = known.astype(np.int32)
        return _named(state, "value", codes if groups is None else _first(groups[there], codes))
    if len(np.unique(known[:FIRST])) > MOST:  # of many items a few tell, without a look at all
        return ()
    different, counts = _different(known)
    if groups is not None and len(different) <= MOST:
        codes = _first(groups[there], np.searchsorted(different, known).astype(np.int32))
        counts = np.bincount(codes[codes >= 0], minlength=len(different))
    pairs = zip(different.tolist(), counts.tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda one: (-one[1], one[0]))) if len(different) <= MOST else ()


def _different(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The different numbers, rising, and how often each is there. Small whole ones are counted without a sort."""
    if len(numbers) > FIRST and numbers.min() >= 0 and numbers.max() < SMALL:
        whole = numbers.astype(np.intp)
        if np.array_equal(whole, numbers):
            counts = np.bincount(whole)
            there = np.flatnonzero(counts)
            return there.astype(np.float64), counts[there]
    return np.unique(numbers, return_counts=True)


def _largest(state: State, kind: str, counts: NDArray[np.intp]) -> Counts:
    """Names and counts of the codes with the largest counts. counts: by code."""
    codes = np.flatnonzero(counts)
    codes = codes[np.argsort(-counts[codes], kind="stable")[:MOST]]
    pairs = zip(state.names(kind, codes.tolist()), counts[codes].tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda one: (-one[1], one[0])))
