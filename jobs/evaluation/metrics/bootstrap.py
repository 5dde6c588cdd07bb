"""Paired bootstrap intervals (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentiles)."""

import numpy as np
from numpy.typing import NDArray

BLOCK = 4_000_000
"""Users drawn at once, over all resamples of a block: some 100 MB."""


def intervals(
    differences: NDArray[np.float64], *, resamples: int = 1000, level: float = 0.95, seed: int = 7
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the intervals of the means of paired differences: lower and upper ends, float64 (m,) each.

    differences: ours less the baseline's for each user and metric, (n, m), n at least 1. Every metric sees the same
    resamples of users, drawn with replacement. level: the share of the resampled means inside the interval. The same
    seed gives the same interval.
    """
    n, m = differences.shape
    random = np.random.default_rng(seed)
    means = np.empty((resamples, m))
    block = max(1, BLOCK // n)
    for first in range(0, resamples, block):
        size = min(block, resamples - first)
        drawn = random.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)  # multinomial
        means[first : first + size] = counts.astype(np.float64) @ differences / n
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
