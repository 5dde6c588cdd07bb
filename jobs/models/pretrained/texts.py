"""The text vectors of a shop, made comparable with those of another."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
RIDGE = 0.1
"""Of the covariance, as a share of its mean variance."""


def whitened(texts: Matrix) -> Matrix:
    """Return text vectors that every shop has alike: centred, whitened and of length 1, float32 (n, T).

    texts: (n, T); zeros for an item without a text, which stays zeros. What all texts of a shop share counts nothing
    then, and a direction in which they hardly differ counts as much as another. The axes keep their meaning (ZCA:
    Bell & Sejnowski, Vision Research 37, 1997), so that a map learned in one shop reads the texts of another.
    """
    there = np.asarray(texts.any(axis=1))
    if not there.any():
        return np.zeros(texts.shape, dtype=np.float32)
    mean = texts[there].mean(axis=0, dtype=np.float64)
    centred = np.where(there[:, None], texts - mean, 0.0)
    values, vectors = np.linalg.eigh(centred.T @ centred / there.sum())
    scale = np.sqrt(np.maximum(values, 0.0) + max(RIDGE * float(values.mean()), 1e-12))
    white = centred @ ((vectors / scale) @ vectors.T)
    lengths = np.linalg.norm(white, axis=1, keepdims=True)
    return np.asarray(white / np.where(lengths > 1e-9, lengths, 1.0), dtype=np.float32)
