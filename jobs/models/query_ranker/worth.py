"""What many weights of a ranker are worth on judged queries, at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
FIRST, FAR = 10, 100
"""Places of NDCG, and of recall."""
RECALL = 0.5
"""What recall counts beside either NDCG."""
BLOCK = 4_000_000
"""Scores that are made at once."""


class JudgedList(NamedTuple):
    """The items of one query, n of them: its candidates, and what else of it is judged."""

    features: Matrix
    """(n, F)"""
    gains: NDArray[np.float64]
    """(n,): of judged items; 0 for others."""
    relevant: NDArray[np.bool_]
    """(n,)"""
    judged: NDArray[np.bool_]
    """(n,)"""
    candidate: NDArray[np.bool_]
    """(n,): the others are ranked among the judged ones only."""


def worth(lists: Sequence[JudgedList], weights: Matrix) -> NDArray[np.float64]:
    """What each of S weights is worth on each list, float64 (S, lists).

    NDCG@10 of the judged items alone, plus that of all candidates, plus half of the recall at 100; a part of them that
    is not known of a list, because nothing is relevant, is 0 for all weights alike. weights: (S, F).
    """
    made = np.zeros((len(weights), len(lists)))
    for place, one in enumerate(lists):
        step = max(1, BLOCK // max(len(one.gains), 1))
        for first in range(0, len(weights), step):
            scores = one.features @ weights[first : first + step].T.astype(np.float32)
            made[first : first + step, place] = _worth(one, scores)
    return made


def _worth(one: JudgedList, scores: Matrix) -> NDArray[np.float64]:
    best = np.sort(one.gains)[::-1][:FIRST]
    ideal = float(best @ _discounts(len(best)))
    total = np.zeros(scores.shape[1])
    if ideal > 0:
        for some in (one.judged, one.candidate):
            gains = one.gains[some][_first(scores[some], FIRST)]
            total += _discounts(len(gains)) @ gains / ideal
    if one.relevant.any():
        there = one.relevant[one.candidate][_first(scores[one.candidate], FAR, ordered=False)]
        total += RECALL * there.sum(axis=0) / one.relevant.sum()
    return total


def _first(scores: Matrix, k: int, *, ordered: bool = True) -> NDArray[np.int64]:
    """The places of the k largest of each column, (k, S), the largest first."""
    if k < len(scores):
        some = np.argpartition(-scores, k, axis=0)[:k]
    else:
        some = np.broadcast_to(np.arange(len(scores))[:, None], scores.shape)
    if not ordered:
        return np.asarray(some)
    order = np.argsort(-np.take_along_axis(scores, some, axis=0), axis=0, kind="stable")
    return np.take_along_axis(some, order, axis=0)


def _discounts(k: int) -> NDArray[np.float64]:
    return 1 / np.log2(np.arange(2, k + 2))
