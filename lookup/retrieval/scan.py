"""The best items for a vector, by scoring all items: exactly, or by short projections first.

Only the items that survive the projections are then scored exactly. A projection keeps the part of the score q . v in
which users' vectors q differ most. With M = E[q q'] = W L W' over users, R = W L^(1/2), and U the eigenvectors of
sum_i R' v_i v_i' R by falling eigenvalue, cut to a few columns,

    q . v  ~  (U' R^-1 q) . (U' R' v)

is the approximation of that rank with the least mean square error over users and items (Eckart & Young, "The
approximation of one matrix by another of lower rank", Psychometrika 1, 1936, in the norm weighted by M).
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
WIDER = 2
"""At least this many times as many items as wanted survive the projections."""
STEP = 16
"""One number in this many is in the sample that a threshold is estimated from."""


def scan(item_vector: Matrix, vector: Matrix, n: int) -> NDArray[np.int32]:
    """Rows of the `n` items with the largest inner product, best first, int32; all items where there are fewer.

    item_vector: (I, D). vector: (D,).
    """
    return _best(item_vector @ vector, n)


def scan_projections(
    item_vector: Matrix, item_projection: Matrix, query_map: Matrix, vector: Matrix, *, n: int, survivors: int
) -> NDArray[np.int32]:
    """As `scan`, but approximate: only items with high projected scores are scored exactly.

    item_projection: of all items, (I, R). query_map: from a vector to its projection, (D, R). survivors: how many items
    are scored exactly, at least; for a large `n` it is WIDER times `n`.
    """
    scores = item_projection @ (vector @ query_map)
    found = largest(scores, min(max(survivors, WIDER * n), len(scores)))
    return found[_best(item_vector[found] @ vector, n)].astype(np.int32)


def largest(scores: Matrix, n: int) -> NDArray[np.int64]:
    """The places of the `n` largest numbers, and perhaps some more, in no order, int64.

    A sample estimates the n-th largest number, which is quicker than a search for it; only where the estimate is wrong
    all numbers are partitioned.
    """
    sample = scores[::STEP]
    rank = int(n / STEP + 3 * (n / STEP) ** 0.5) + 1
    if rank < len(sample):
        place = len(sample) - rank
        found = np.flatnonzero(scores >= np.partition(sample, place)[place])
        if n <= len(found) <= 2 * n + 2 * STEP:
            return found
    return np.argpartition(scores, len(scores) - n)[-n:] if n < len(scores) else np.arange(len(scores))


def fit_projections(item_vector: Matrix, queries: Matrix, dimensions: int, block: int = 8192) -> Matrix:
    """The maps from item vectors and from queries to their projections, float32 (2, D, R).

    item_vector: (I, D), read in blocks. queries: (n, D). dimensions: R, at most D. Rows that are not finite are left
    out.
    """

    def finite(rows: Matrix) -> NDArray[np.float64]:
        return rows[np.isfinite(rows).all(axis=1)].astype(np.float64)

    wide = finite(queries)
    moments = wide.T @ wide / max(len(wide), 1)
    # A little weight in every direction keeps those that no user of the sample points in.
    moments += np.eye(len(moments)) * max(float(np.trace(moments)) / len(moments), 1e-12) * 1e-3
    sizes, directions = np.linalg.eigh(moments)
    root = directions * np.sqrt(sizes)
    gram = np.zeros_like(moments)
    for start in range(0, len(item_vector), block):
        turned = finite(item_vector[start : start + block]) @ root
        gram += turned.T @ turned
    chosen = np.linalg.eigh(gram)[1][:, ::-1][:, :dimensions]
    return np.stack([root @ chosen, directions / np.sqrt(sizes) @ chosen]).astype(np.float32)


def _best(scores: Matrix, n: int) -> NDArray[np.int32]:
    """The places of the `n` largest scores, the largest first, int32."""
    if n < len(scores):
        found = np.argpartition(scores, len(scores) - n)[-n:]
        return found[np.argsort(-scores[found], kind="stable")].astype(np.int32)
    return np.argsort(-scores, kind="stable").astype(np.int32)
