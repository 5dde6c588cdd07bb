"""Ranked lists of the same queries joined into one."""

import numpy as np
from numpy.typing import NDArray

Ranking = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Item rows and scores, both (n, k), as `jobs.ranking.exact.top_k` returns them."""


def join(one: Ranking, other: Ranking, k: int) -> Ranking:
    """Return the k best items of two lists of each query, as `top_k` orders them. The lists share no item.

    Where each list holds the k best of its items, the result holds the k best of all.
    """
    items, scores = (np.concatenate(parts, axis=1) for parts in zip(one, other, strict=True))
    order = np.lexsort((items, -scores, items < 0), axis=1)[:, :k]
    return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
