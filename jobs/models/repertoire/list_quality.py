"""How good lists are, on pairs of a user and an item that stand one after the other."""

import numpy as np
from numpy.typing import NDArray

SHOWN = 10
"""Choices are made for lists of this length."""


def list_ndcg(users: NDArray[np.int64], taken: NDArray[np.bool_], wants: NDArray[np.int64]) -> float:
    """Mean NDCG@SHOWN (Järvelin & Kekäläinen, TOIS 2002, with log2 discount), as `jobs.evaluation` measures it.

    users: of the listed items, rising, (L,); a user's best item comes first. taken: (L,). wants: how many items each
    user takes, (U,), at least 1.
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=len(wants)))])
    place = np.arange(len(users)) - starts[users]
    discount = 1.0 / np.log2(np.arange(2, SHOWN + 2))
    hit = taken & (place < SHOWN)
    gained = np.bincount(users[hit], discount[place[hit]], minlength=len(wants))
    return float((gained / np.cumsum(discount)[np.minimum(wants, SHOWN) - 1]).mean())
