"""The best items of a vector by scoring all: exactly, or by short sketches first and exactly those that survive.

A sketch keeps of the score q . v what the users' vectors q tell apart most. With M = E[q q'] = W L W' over users,
R = W L^(1/2), and U the eigenvectors of sum_i R' v_i v_i' R by falling eigenvalue, cut to a few columns,

    q . v  ~  (U' R^-1 q) . (U' R' v)

is the approximation of that rank with the least mean square error over users and items (Eckart & Young, "The
approximation of one matrix by another of lower rank", Psychometrika 1 (1936), in the norm weighted by M).
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
WIDER = 2
STEP = 16
"""One in so many numbers is in the sample from which a threshold is guessed."""


def scan(item_vector: Matrix, vector: Matrix, n: int) -> NDArray[np.int32]:
    """Rows of the `n` items with the largest inner product, best first, int32; fewer where there are fewer.

    item_vector: shape (I, D). vector: shape (D,).
    """
    return _best(item_vector @ vector, n)


def scan_sketches(
    item_vector: Matrix, item_sketch: Matrix, query_sketch: Matrix, vector: Matrix, *, n: int, survivors: int
) -> NDArray[np.int32]:
    """As `scan`, of about the best `n` items: those that survive are the best by their sketches.

    item_sketch: shape (I, R). query_sketch: shape (D, R). survivors: how many are scored exactly; more are for a
    large `n`, of which WIDER times as many are.
    """
    scores = item_sketch @ (vector @ query_sketch)
    kept = min(max(survivors, WIDER * n), len(scores))
    found = largest(scores, kept)
    return found[_best(item_vector[found] @ vector, n)].astype(np.int32)


def largest(scores: Matrix, n: int) -> NDArray[np.int64]:
    """The places of the `n` largest numbers, and perhaps of some more, in no order.

    What a sample says of the n-th is quicker than to look for it: only where the sample was wrong all are partitioned.
    """
    sample = scores[::STEP]
    rank = int(n / STEP + 3 * (n / STEP) ** 0.5) + 1
    if rank < len(sample):
        place = len(sample) - rank
        found = np.flatnonzero(scores >= np.partition(sample, place)[place])
        if n <= len(found) <= 2 * n + 2 * STEP:
            return found
    return np.argpartition(scores, len(scores) - n)[-n:] if n < len(scores) else np.arange(len(scores))


def sketch(item_vector: Matrix, queries: Matrix, dimensions: int, block: int = 8192) -> Matrix:
    """The maps of items and of queries to their sketches, each float32 (D, dimensions), side by side: (2, D, R).

    item_vector: shape (I, D), read in blocks. queries: shape (n, D). dimensions: R, at most D. Rows that are not finite
    are passed over.
    """

    def finite(rows: Matrix) -> NDArray[np.float64]:
        return rows[np.isfinite(rows).all(axis=1)].astype(np.float64)

    wide = finite(queries)
    moments = wide.T @ wide / max(len(wide), 1)
    # A little in every direction: those that no user of the sample points in are not lost.
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
    """Places of the `n` largest scores, the largest first, int32."""
    if n < len(scores):
        found = np.argpartition(scores, len(scores) - n)[-n:]
        return found[np.argsort(-scores[found], kind="stable")].astype(np.int32)
    return np.argsort(-scores, kind="stable").astype(np.int32)
