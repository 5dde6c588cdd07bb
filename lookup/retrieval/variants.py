"""Variants of one thing: of each group of items a ranking shows the first."""

import numpy as np
from numpy.typing import NDArray

NO_GROUP = -1
"""The group of an item that has no variants."""


def first_of_each(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which places of a ranking come first of their group, bool (n,); an item without a group always does.

    codes: the group of the item at each place, `NO_GROUP` for none, (n,). Takes time in proportion to n.
    """
    n = len(codes)
    if not n:
        return np.zeros(0, dtype=bool)
    places = np.arange(n)
    first = np.empty(int(codes.max()) + 2, dtype=np.int64)  # the last is of `NO_GROUP`
    first[codes[::-1]] = places[::-1]  # of equal codes the last one assigned stays: the first place
    return np.asarray((first[codes] == places) | (codes == NO_GROUP))


def count_things(codes: NDArray[np.int32]) -> int:
    """How many things items are: a group counts once. codes: as above."""
    return int(np.count_nonzero(first_of_each(codes)))


def by_group(codes: NDArray[np.int32], groups: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The rows of each group, rising, in CSR form: offsets int64 (groups + 1,) and rows int32.

    codes: the group of each row.
    """
    rows = np.flatnonzero(codes != NO_GROUP)
    order = np.argsort(codes[rows], kind="stable")
    offsets = np.zeros(groups + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes[rows], minlength=groups), out=offsets[1:])
    return offsets, rows[order].astype(np.int32)
