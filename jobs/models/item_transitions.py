"""Which items follow which: a sparse item-to-item regression, in closed form. Numpy and scipy, no torch, no Spark.

For a target item i the weights b of the items before it solve the ridge regression

    b = (X_C^T X_C + ridge I + shrink diag(X_C^T X_C))^-1 X_C^T y_i

over the examples (rows): X the history before an event day, each event counted by its fading, y_i the share of item i
in that day, C the CANDIDATES items that go with i most. It is the next-item form of EASE (Steck, WWW 2019, eq. 8),
each column fitted on its neighbourhood alone (Ning & Karypis, ICDM 2011, section 4.2: fsSLIM); so an item may follow
itself. The ridge holds back rare items. `shrink`, which holds back all alike, is what dropping each event of X with
probability p comes to, with shrink = p / (1 - p) (EDLAE: Steck, NeurIPS 2020, section 4). Of each item's weights the
FOLLOWERS largest are kept.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.infra.logging import Progress

if TYPE_CHECKING:
    import scipy.sparse as sp

CANDIDATES = 100
FOLLOWERS = 50


class Penalty(NamedTuple):
    """On the squared weight of each candidate."""

    ridge: float
    """The same for all, in squared weights of events."""
    shrink: float
    """And so much times the candidate's own sum of squared weights."""


@dataclass(frozen=True)
class FittedTransitions:
    """The items that follow each of n items."""

    items: NDArray[np.int32]
    """(n, FOLLOWERS), or (n, 1) where nothing follows anything; -1 after the last."""
    weights: NDArray[np.float32]
    """Of the same shape, the largest first; 0 after the last."""


def fit(x: "sp.csr_array", y: "sp.csr_array", penalty: Penalty, *, itself: bool) -> FittedTransitions:
    """Fit the weights. x, y: float32, sparse, (examples, n). itself: whether an item may follow itself.

    Memory: that of x^T x, sparse.
    """
    return _largest(_columns(x, y, penalty, np.arange(x.shape[1]), itself=itself))


def refit(
    old: FittedTransitions,
    x: "sp.csr_array",
    y: "sp.csr_array",
    penalty: Penalty,
    changed: NDArray[np.int64],
    *,
    itself: bool,
) -> FittedTransitions:
    """`old`, but what the items `changed` (rising) follow is fitted anew; the other arguments as of `fit`."""
    import scipy.sparse as sp

    before, place = np.nonzero((old.items >= 0) & ~np.isin(old.items, changed))
    kept = (old.weights[before, place], (before, old.items[before, place]))
    shape = (x.shape[1], x.shape[1])
    return _largest((sp.csr_array(kept, shape=shape) + _columns(x, y, penalty, changed, itself=itself)).tocsr())


def _columns(
    x: "sp.csr_array", y: "sp.csr_array", penalty: Penalty, items: NDArray[np.int64], *, itself: bool
) -> "sp.csr_array":
    """The weights of what some items follow: float32 (n, n), sparse, other columns empty."""
    import scipy.sparse as sp

    n = x.shape[1]
    with_y = (x.T @ y).tocsc()
    gram = (x.T @ x).tocsr()
    gram.sort_indices()
    lengths = gram.diagonal()
    penalties = penalty.ridge + penalty.shrink * lengths
    norms = np.sqrt(lengths + penalties)
    before, after, values = [], [], []
    progress = Progress("train", "followers", len(items))
    for done, item in enumerate(items.tolist(), 1):
        part = slice(with_y.indptr[item], with_y.indptr[item + 1])
        chosen, sums = with_y.indices[part], with_y.data[part]
        if not itself:
            chosen, sums = chosen[chosen != item], sums[chosen != item]
        if len(chosen) == 0:
            continue
        if len(chosen) > CANDIDATES:
            place = np.argpartition(-sums / norms[chosen], CANDIDATES)[:CANDIDATES]
            chosen, sums = chosen[place], sums[place]
        order = np.argsort(chosen)
        chosen, sums = chosen[order], sums[order]
        square = _square(gram, chosen)
        square[np.diag_indices_from(square)] += penalties[chosen]
        weights = np.linalg.solve(square, sums)
        kept = weights > 0
        before.append(chosen[kept])
        after.append(np.full(int(kept.sum()), item, dtype=np.int32))
        values.append(weights[kept].astype(np.float32))
        progress.at(done)
    if not values:
        return sp.csr_array((n, n), dtype=np.float32)
    places = (np.concatenate(before), np.concatenate(after))
    return sp.csr_array((np.concatenate(values), places), shape=(n, n))


def nobody(n: int) -> FittedTransitions:
    """No followers of n items."""
    return FittedTransitions(np.full((n, 1), -1, dtype=np.int32), np.zeros((n, 1), dtype=np.float32))


def _square(gram: "sp.csr_array", chosen: NDArray[np.int32]) -> NDArray[np.float32]:
    """The rows and columns `chosen` (rising) of a sorted sparse matrix, dense."""
    square = np.zeros((len(chosen), len(chosen)), dtype=np.float32)
    for row, item in enumerate(chosen):
        part = slice(gram.indptr[item], gram.indptr[item + 1])
        columns = gram.indices[part]
        place = np.searchsorted(columns, chosen)
        place[place == len(columns)] = 0
        there = columns[place] == chosen if len(columns) else np.zeros(len(chosen), dtype=bool)
        square[row, there] = gram.data[part][place[there]]
    return square


def _largest(weights: "sp.csr_array") -> FittedTransitions:
    """The FOLLOWERS largest of each row; equal ones by the lower item."""
    n = weights.shape[0]
    if weights.nnz == 0:
        return nobody(n)
    weights.sort_indices()
    items = np.full((n, FOLLOWERS), -1, dtype=np.int32)
    values = np.zeros((n, FOLLOWERS), dtype=np.float32)
    for row in range(n):
        part = slice(weights.indptr[row], weights.indptr[row + 1])
        order = np.argsort(-weights.data[part], kind="stable")[:FOLLOWERS]
        items[row, : len(order)] = weights.indices[part][order]
        values[row, : len(order)] = weights.data[part][order]
    return FittedTransitions(items, values)
