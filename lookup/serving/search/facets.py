"""Facets: what the items that match have, counted as they are now."""

import numpy as np
from numpy.typing import NDArray

from lookup.release.schema import NUMBER
from lookup.retrieval.lexical.slots import Rows
from lookup.serving.search.result import Facets, PriceBand
from lookup.serving.state import State

MOST = 50
"""Values of a facet."""
BANDS = 6
"""Price bands at most."""
STEPS = (1, 2, 5)
"""Bands begin at these times a power of ten."""


def facets(state: State, rows: Rows) -> Facets:
    """The facets of items. rows: of all that match."""
    if not len(rows):
        return Facets()
    paths = state.category.take(rows, axis=0)
    columns = enumerate(state.features.items())
    return Facets(
        _named(state, "category", paths.reshape(-1)),
        _named(state, "brand", state.brand.take(rows)),
        bands(state.price.take(rows)),
        {name: _values(state, kind, state.feature[rows, column]) for column, (name, kind) in columns},
    )


def bands(prices: NDArray[np.float64]) -> tuple[PriceBand, ...]:
    """Bands of known prices between round bounds, with about as many items in each; empty ones are left out."""
    known = np.sort(prices[np.isfinite(prices)])
    if not len(known):
        return ()
    cuts = sorted({_round(known[len(known) * part // BANDS]) for part in range(1, BANDS)})
    bounds = [float(known[0]), *(cut for cut in cuts if known[0] < cut <= known[-1]), float(known[-1])]
    places = [0, *np.searchsorted(known, bounds[1:-1], side="left").tolist(), len(known)]
    return tuple(
        PriceBand(bounds[part], bounds[part + 1], places[part + 1] - places[part])
        for part in range(len(bounds) - 1)
        if places[part + 1] > places[part]
    )


def _round(price: float) -> float:
    """The largest bound that is no more than a price."""
    if price <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(price))
    return float(max(step * power for step in STEPS if step * power <= price * (1 + 1e-9)))


def _named(state: State, kind: str, codes: NDArray[np.int32]) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(codes[codes >= 0])
    found = [(state.name(kind, code), count) for code, count in _largest(counts)]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def _values(state: State, kind: str, values: NDArray[np.float64]) -> tuple[tuple[str | float, int], ...]:
    known, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if kind == NUMBER:
        pairs = zip(known.tolist(), counts.tolist(), strict=True)
        return tuple(sorted(pairs, key=lambda one: (-one[1], one[0]))) if len(known) <= MOST else ()
    found = [(state.name("value", int(known[place])), count) for place, count in _largest(counts)]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def _largest(counts: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Places and counts of the largest ones."""
    places = np.argsort(-counts, kind="stable")[:MOST]
    return [(place, count) for place, count in zip(places.tolist(), counts[places].tolist(), strict=True) if count]
