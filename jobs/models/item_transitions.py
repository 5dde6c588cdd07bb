"""Item transitions: which items come next after which. A sparse item-to-item regression, in closed form.

For a target item i the weights b of the items before it solve the ridge regression

    b = (X_C^T X_C + ridge I + shrink diag(X_C^T X_C))^-1 X_C^T y_i

over the examples (rows): X is the history before an event day, with each event counted by its fading; y_i is the share
of item i in that day; C is the set of the CANDIDATES items that go with i most. It is the next-item form of EASE
(Steck, WWW 2019, eq. 8), with each column fitted on its neighbourhood alone (Ning & Karypis, ICDM 2011, section 4.2:
fsSLIM). So a transition may lead from an item to itself. The ridge holds back rare items. `shrink` holds back all items
alike; it equals dropping each event of X with probability p, where shrink = p / (1 - p) (EDLAE: Steck, NeurIPS 2020,
section 4). Each item keeps its TRANSITIONS largest weights.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.infra.logging import Progress
from jobs.models.squares import Squares

if TYPE_CHECKING:
    import scipy.sparse as sp

CANDIDATES = 100
TRANSITIONS = 50
BLOCK = 500
"""Items that a thread fits at a time."""


class Penalty(NamedTuple):
    """The penalty on the squared weight of each candidate."""

    ridge: float
    """The same for all candidates, in squared weights of events."""
    shrink: float
    """This many times the candidate's own sum of squared weights."""


@dataclass(frozen=True)
class FittedTransitions:
    """The next items of each of n items."""

    items: NDArray[np.int32]
    """(n, TRANSITIONS), or (n, 1) where there are no transitions at all; -1 after the last."""
    weights: NDArray[np.float32]
    """Of the same shape, the largest first; 0 after the last."""

    def among(self, numbers: NDArray[np.int64], n: int) -> "FittedTransitions":
        """The same transitions among n items, of which these are the `numbers`; the others have none."""
        items = np.full((n, self.items.shape[1]), -1, dtype=np.int32)
        weights = np.zeros(items.shape, dtype=np.float32)
        items[numbers] = np.append(numbers, -1).astype(np.int32)[self.items]  # place -1 stands for no item
        weights[numbers] = self.weights
        return FittedTransitions(items, weights)


def fit(x: "sp.csr_array", y: "sp.csr_array", penalty: Penalty, *, itself: bool, threads: int = 1) -> FittedTransitions:
    """Fit the weights. x, y: float32, sparse, (examples, n). itself: whether an item may lead to itself.
    threads: they change the time, not the result.

    Memory: that of x^T x, sparse.
    """
    return _largest(_columns(x, y, penalty, np.arange(x.shape[1]), itself=itself, threads=threads))


def refit(
    old: FittedTransitions,
    x: "sp.csr_array",
    y: "sp.csr_array",
    penalty: Penalty,
    changed: NDArray[np.int64],
    *,
    itself: bool,
    threads: int = 1,
) -> FittedTransitions:
    """Fit the transitions to the items `changed` (rising) anew and keep the others of `old`.

    The other arguments are those of `fit`.
    """
    import scipy.sparse as sp

    before, place = np.nonzero((old.items >= 0) & ~np.isin(old.items, changed))
    unchanged = (old.weights[before, place], (before, old.items[before, place]))
    shape = (x.shape[1], x.shape[1])
    anew = _columns(x, y, penalty, changed, itself=itself, threads=threads)
    return _largest((sp.csr_array(unchanged, shape=shape) + anew).tocsr())


def with_more(found: FittedTransitions, more: "sp.csr_array") -> FittedTransitions:
    """Add weights to those found, and keep the TRANSITIONS largest sums. more: float32 (n, n), sparse, not negative."""
    import scipy.sparse as sp

    before, place = np.nonzero(found.items >= 0)
    known = (found.weights[before, place], (before, found.items[before, place]))
    total = (sp.csr_array(known, shape=more.shape) + more).tocsr()
    total.eliminate_zeros()
    return _largest(total)


def empty(n: int) -> FittedTransitions:
    """Return no transitions, for n items."""
    return FittedTransitions(np.full((n, 1), -1, dtype=np.int32), np.zeros((n, 1), dtype=np.float32))


class _Columns(NamedTuple):
    """What the weights of transitions are fitted from."""

    with_y: "sp.csc_array"
    """x^T y."""
    squares: Squares
    """Of x^T x."""
    penalties: NDArray[np.float32]
    norms: NDArray[np.float32]
    itself: bool


def _columns(
    x: "sp.csr_array", y: "sp.csr_array", penalty: Penalty, items: NDArray[np.int64], *, itself: bool, threads: int
) -> "sp.csr_array":
    """Fit the weights of the transitions to some items: float32 (n, n), sparse, with all other columns empty."""
    import scipy.sparse as sp
    from threadpoolctl import threadpool_limits

    n = x.shape[1]
    gram = (x.T @ x).tocsr()
    gram.sort_indices()
    lengths = gram.diagonal()
    penalties = penalty.ridge + penalty.shrink * lengths
    fit = _Columns((x.T @ y).tocsc(), Squares(gram), penalties, np.sqrt(lengths + penalties), itself)
    blocks = [items[start : start + BLOCK] for start in range(0, len(items), BLOCK)]
    progress, done, found = Progress("train", "transitions", len(items)), 0, []
    # Systems of CANDIDATES equations are too small for threads of BLAS to share.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for block, part in zip(blocks, pool.map(lambda block: _block(fit, block), blocks), strict=True):
            found.append(part)
            done += len(block)
            progress.at(done)
    if not found:
        return sp.csr_array((n, n), dtype=np.float32)
    before, after, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sp.csr_array((values, (before, after)), shape=(n, n))


def _block(fit: _Columns, items: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Fit the transitions to some items: where each comes from, where it leads, and its weight."""
    squares, with_y = fit.squares.of_thread(), fit.with_y
    before = [np.zeros(0, dtype=np.int32)]
    after, values = [before[0]], [np.zeros(0, dtype=np.float32)]
    for item in items.tolist():
        part = slice(with_y.indptr[item], with_y.indptr[item + 1])
        chosen, sums = with_y.indices[part], with_y.data[part]
        if not fit.itself:
            chosen, sums = chosen[chosen != item], sums[chosen != item]
        if len(chosen) == 0:
            continue
        if len(chosen) > CANDIDATES:
            place = np.argpartition(-sums / fit.norms[chosen], CANDIDATES)[:CANDIDATES]
            chosen, sums = chosen[place], sums[place]
        order = np.argsort(chosen)
        chosen, sums = chosen[order].astype(np.int32, copy=False), sums[order]
        square = squares.of(chosen)
        square.ravel()[:: len(chosen) + 1] += fit.penalties[chosen]
        weights = np.linalg.solve(square, sums)
        positive = weights > 0
        before.append(chosen[positive])
        after.append(np.full(int(positive.sum()), item, dtype=np.int32))
        values.append(weights[positive].astype(np.float32))
    return np.concatenate(before), np.concatenate(after), np.concatenate(values)


def _largest(weights: "sp.csr_array") -> FittedTransitions:
    """Return the TRANSITIONS largest weights of each row; of equal weights the lower item comes first."""
    n = weights.shape[0]
    if weights.nnz == 0:
        return empty(n)
    weights.sort_indices()
    items = np.full((n, TRANSITIONS), -1, dtype=np.int32)
    values = np.zeros((n, TRANSITIONS), dtype=np.float32)
    for row in range(n):
        part = slice(weights.indptr[row], weights.indptr[row + 1])
        order = np.argsort(-weights.data[part], kind="stable")[:TRANSITIONS]
        items[row, : len(order)] = weights.indices[part][order]
        values[row, : len(order)] = weights.data[part][order]
    return FittedTransitions(items, values)
