"""Content parts of attributes: a ridge regression from an item's attributes to its text vector, or that of its picture.

The night fits it to items with both. By day a new item gets these parts from it, for the day has no large model.
"""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse as sp

ITEMS = 100_000
"""The regression learns from about this many items at most."""
MEASURED = 20
"""One text in this many is held out from the fit, to measure on."""
RIDGE = 1.0
STEPS = 30
"""Of conjugate gradients, at most."""

Matrix = NDArray[np.float32]


def held_out(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Choose the items to measure on, bool (n,): about one in MEASURED. Items with the same text stay together."""
    return np.asarray([zlib.crc32(text.encode()) % MEASURED == 0 for text in texts], dtype=bool)


def fit_parts(attributes: "sp.csr_array", vectors: Matrix, measured: NDArray[np.bool_]) -> tuple[Matrix, float | None]:
    """Return the content part of each attribute, float32 (L, T), and the mean cosine to the truth over measured items.

    attributes: of n items, (n, L), as `jobs.models.attributes.Vocabulary.matrix` makes them. vectors: t of each item,
    (n, T), of length 1, or zeros for an item without one, which does not count. measured: (n,), the items held out from
    the fit. The cosine is None where no such item has a vector.
    """
    there = vectors.any(axis=1)
    learned, measured = there & ~measured, there & measured
    fitted = ridge(attributes[learned], vectors[learned], RIDGE)
    if not measured.any():
        return fitted, None
    found = attributes[measured] @ fitted
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    cosines = (found / np.where(lengths > 0, lengths, 1.0) * vectors[measured]).sum(axis=1)
    return fitted, float(cosines.mean())


def ridge(x: "sp.csr_array", y: Matrix, weight: float) -> Matrix:
    """Return the W with the least |x W - y|^2 + weight |W|^2, float32 (L, T). x: (n, L), sparse. y: (n, T).

    It uses conjugate gradients on the normal equations, with all columns side by side (Hestenes & Stiefel, "Methods of
    conjugate gradients for solving linear systems", 1952): a dense L x L matrix would not fit in memory.
    """
    turned = x.T.tocsr()
    solved = np.zeros((x.shape[1], y.shape[1]))
    left = np.asarray(turned @ y.astype(np.float64))
    direction, size = left.copy(), (left**2).sum(axis=0)
    enough = 1e-8 * size
    for _ in range(STEPS):
        if np.all(size <= enough):
            break
        moved = turned @ (x @ direction) + weight * direction
        along = (direction * moved).sum(axis=0)
        step = np.where(along > 0, size / np.where(along > 0, along, 1.0), 0.0)
        solved += step * direction
        left -= step * moved
        before, size = size, (left**2).sum(axis=0)
        direction = left + np.where(before > 0, size / np.where(before > 0, before, 1.0), 0.0) * direction
    return solved.astype(np.float32)
