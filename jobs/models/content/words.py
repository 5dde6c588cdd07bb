"""From the labels of an item to its text part: a ridge regression, fitted where the night has both."""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse as sp

ITEMS = 100_000
"""At most so many items are learned from."""
KEPT = 20
"""One text of so many is kept from the fit, to be measured on."""
RIDGE = 1.0
STEPS = 30
"""Of conjugate gradients, or fewer where they have come near enough."""

Matrix = NDArray[np.float32]


def kept_from_fit(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which items are only measured on: about one of KEPT, all with the same text or none of them."""
    return np.asarray([zlib.crc32(text.encode()) % KEPT == 0 for text in texts], dtype=bool)


def fit_texts(labels: "sp.csr_array", texts: Matrix, kept: NDArray[np.bool_]) -> tuple[Matrix, float | None]:
    """The text of each label, float32 (L, T), and its mean cosine to the truth over items that were kept from the fit.

    labels: of n items, (n, L), as `jobs.models.attributes.Vocabulary.matrix` makes them. texts: t of each, (n, T), of
    length
    1; items without text (all zeros) are passed over. kept: (n,). The cosine is None where nothing was kept.
    """
    there = texts.any(axis=1)
    learned, kept = there & ~kept, there & kept
    fitted = ridge(labels[learned], texts[learned], RIDGE)
    if not kept.any():
        return fitted, None
    found = labels[kept] @ fitted
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    cosines = (found / np.where(lengths > 0, lengths, 1.0) * texts[kept]).sum(axis=1)
    return fitted, float(cosines.mean())


def ridge(x: "sp.csr_array", y: Matrix, weight: float) -> Matrix:
    """W of the least |x W - y|^2 + weight |W|^2, float32 (L, T). x: (n, L), sparse. y: (n, T).

    By conjugate gradients on the normal equations, all columns side by side (Hestenes & Stiefel, "Methods of conjugate
    gradients for solving linear systems", 1952): a dense L x L matrix would not fit in memory.
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
