"""Items with about the largest inner product, from an Annoy index over cosines.

The reduction of inner product to cosine adds one coordinate (Bachrach et al., "Speeding up the Xbox recommender system
using a Euclidean transformation for inner-product spaces", RecSys 2014; Neyshabur & Srebro, "On symmetric and
asymmetric LSHs for inner product search", ICML 2015): with M the largest norm of an item,

    item  v -> (v, sqrt(M^2 - |v|^2))      query  u -> (u, 0)

All items then have norm M, and the order by cosine is the order by u . v.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

from lookup.errors import ReleaseError

MOST = (1 << 31) - 1
"""The largest effort that Annoy takes."""
PROBES = 8
"""How many items of an index are compared with the release's vectors when it is opened."""


@dataclass(frozen=True)
class AnnoyFact:
    """How the Annoy index was made."""

    file: str
    metric: str
    """"angular", after the reduction of this module."""
    f: int
    """D + 1."""
    n: int
    """How many items it has."""
    trees: int
    norm: float
    """The largest norm of an item vector: M of the reduction."""


def norms(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The length of every vector, float64 (n,). vectors: (n, D)."""
    wide = vectors.astype(np.float64)
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", wide, wide)))


def reduce_items(vectors: NDArray[np.float32], norm: float) -> NDArray[np.float32]:
    """The reduction for items, float32 (n, D + 1). vectors: (n, D). norm: M."""
    rest = np.sqrt(np.maximum(norm**2 - norms(vectors) ** 2, 0.0))
    return np.concatenate([vectors, rest[:, None].astype(np.float32)], axis=1)


def reduce_query(vector: NDArray[np.float32]) -> list[float]:
    """The reduction for a query, D + 1 numbers. vector: (D,)."""
    return [*vector.tolist(), 0.0]


class Index:
    """An Annoy index over the items of a release; the file is mapped, not read."""

    def __init__(self, annoy: AnnoyIndex):
        self._annoy = annoy

    def candidates(self, vector: NDArray[np.float32], n: int, search_k: int) -> NDArray[np.int32]:
        """Rows of about the `n` items with the largest inner product, best first, int32.

        vector: (D,). search_k: how many nodes to inspect for 20 items; more for a larger `n`.
        """
        effort = min(max(search_k, search_k * n // 20), MOST)
        return np.asarray(self._annoy.get_nns_by_vector(reduce_query(vector), n, search_k=effort), dtype=np.int32)


def open_index(release: Path, fact: AnnoyFact, item_vector: NDArray[np.float32]) -> Index:
    """Map the Annoy index of a release, and compare a few of its items with the rows of `item_vector`.

    Raises ReleaseError, naming the file, when the index is not readable, or has other items, another order or another
    space.
    """
    path = release / fact.file
    items, dimensions = item_vector.shape
    if fact.metric != "angular" or fact.f != dimensions + 1:
        raise ReleaseError(
            f"{path}: the manifest says metric {fact.metric!r}, {fact.f} numbers a vector; "
            f"expected 'angular', {dimensions + 1}"
        )
    annoy = AnnoyIndex(fact.f, "angular")
    try:
        annoy.load(str(path))
    except OSError as error:
        raise ReleaseError(f"{path}: Annoy cannot load it: {error}") from None
    if annoy.get_n_items() != items or fact.n != items:
        raise ReleaseError(
            f"{path}: {annoy.get_n_items()} items found, {fact.n} by the manifest, {items} in item_vector"
        )
    rows = np.unique(np.linspace(0, items - 1, PROBES).astype(np.int64))
    for row, expected in zip(rows.tolist(), reduce_items(item_vector[rows], fact.norm), strict=True):
        found = np.asarray(annoy.get_item_vector(row), dtype=np.float32)
        # Not bit by bit: another processor may sum squares in another order.
        if not np.allclose(found, expected, rtol=1e-4, atol=1e-5 * fact.norm):
            raise ReleaseError(
                f"{path}: the vector of item row {row} is not that of arrays/item_vector.npy; "
                "the index is of another space or order; spaces are never mixed"
            )
    return Index(annoy)
