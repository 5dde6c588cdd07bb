"""Ranking metrics with binary relevance, as in Järvelin & Kekäläinen, TOIS 2002 (NDCG)."""

import numpy as np
from numpy.typing import NDArray


def hits(lists: NDArray[np.int32], truth: list[NDArray[np.int32]]) -> NDArray[np.bool_]:
    """Whether each place of each list holds a wanted item: bool (n, k). lists: item rows, -1 after the last."""
    return np.stack([np.isin(one, wanted) for one, wanted in zip(lists, truth, strict=True)])


def recall(hit: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the wanted items that are in the list. hit: (n, k); wanted: how many there are, (n,). Returns (n,)."""
    return np.asarray(hit.sum(1) / wanted)


def ndcg(hit: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """sum over hits of 1 / log2(rank + 1), divided by the same sum of the best list of that length.

    hit: (n, k); wanted: how many there are, (n,). Returns (n,).
    """
    length = hit.shape[1]
    discount = 1.0 / np.log2(np.arange(2, length + 2))
    best = np.cumsum(discount)[np.minimum(wanted, length) - 1]
    return np.asarray((hit @ discount) / best)


def measure(
    lists: NDArray[np.int32], truth: list[NDArray[np.int32]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and NDCG of each list at its length, float64 (n,) each. lists: item rows, (n, k), -1 after the last."""
    hit = hits(lists, truth)
    wanted = np.asarray([len(one) for one in truth])
    return recall(hit, wanted), ndcg(hit, wanted)
