"""A linear ranker of queries from graded lists: listwise softmax with a prior.

A list is the candidates of a query with their features x and gains g. With scores s = x w the loss of a list is the
cross-entropy of the shares of the gains and the softmax of the scores (ListNet: Cao et al., "Learning to rank: from
pairwise approach to listwise approach", ICML 2007),

    loss = - sum_i (g_i / sum g) log (exp s_i / sum_j exp s_j)

and that of the ranker is the mean over lists, and l2 sum_f (sd_f (w_f - a p_f))^2: weights w may leave the prior
weights p only as far as the lists are worth it. The scale a is free, because only ratios of weights order candidates,
and sd_f is the standard deviation of a feature within lists, so all features are equally free.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Matrix = NDArray[np.float32]
MOST_STEPS = 200
L2 = (0.003, 0.03, 0.3, 1e6)
"""What is tried; with the last one the weights keep the ratios of the prior."""
FOLDS = 5
CONSTANT = 1e-6
"""A feature that varies less than this within lists is not learned: it orders nothing."""


class GradedList(NamedTuple):
    """The candidates of one query, n of them."""

    features: Matrix
    """(n, F)"""
    gains: NDArray[np.float64]
    """(n,): at least 0. A list with no gain, or with one candidate, teaches nothing."""
    weight: float = 1.0


class Lists(NamedTuple):
    """Lists side by side, fit to be learned from."""

    features: NDArray[np.float64]
    """(N, F), each less its mean in the list."""
    shares: NDArray[np.float64]
    """(N,): of the gains of a list; they sum up to the weight of the list."""
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    weights: NDArray[np.float64]
    """(lists,): they sum up to 1."""

    @classmethod
    def of(cls, lists: Sequence[GradedList]) -> "Lists | None":
        """Put lists side by side; None where none of them teaches anything."""
        kept = [one for one in lists if len(one.gains) > 1 and one.gains.sum() > 0 and one.weight > 0]
        if not kept:
            return None
        whole = sum(one.weight for one in kept)
        sizes = np.array([len(one.gains) for one in kept], np.int64)
        features = [one.features.astype(np.float64) - one.features.mean(axis=0, dtype=np.float64) for one in kept]
        return cls(
            np.concatenate(features),
            np.concatenate([one.gains / one.gains.sum() * (one.weight / whole) for one in kept]),
            np.concatenate([[0], np.cumsum(sizes)[:-1]]),
            sizes,
            np.array([one.weight / whole for one in kept]),
        )

    def loss(self, weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The cross-entropy, and its gradient (F,)."""
        scores = self.features @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, self.starts), self.sizes)
        odds = np.exp(scores)
        total = np.add.reduceat(odds, self.starts)
        logs = scores - np.repeat(np.log(total), self.sizes)
        guess = odds * np.repeat(self.weights / total, self.sizes)
        return -float(self.shares @ logs), (guess - self.shares) @ self.features


def learn_weights(lists: Sequence[GradedList], prior: NDArray[np.floating], l2: float) -> NDArray[np.float64]:
    """The weights that lists teach, (F,); the prior where they teach nothing.

    prior: (F,), not all 0. l2: how dear it is to leave it; from about .001 (free) to 10 (hardly).
    """
    together = Lists.of(lists)
    first = np.asarray(prior, np.float64)
    if together is None:
        return first
    deviation = np.sqrt((together.features**2).mean(axis=0))
    varies = deviation > CONSTANT
    unit = np.where(varies, 1 / np.where(varies, deviation, 1), 0)

    def objective(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, moved = values[0], values[1:]
        loss, gradient = together.loss(scale * first + unit * moved)
        return loss + l2 * float(moved @ moved), np.concatenate([[gradient @ first], gradient * unit + 2 * l2 * moved])

    start = np.zeros(len(first) + 1)
    start[0] = 1
    # The prior may not be turned round, whatever few lists say.
    limits = [(1e-3, None), *[(None, None)] * len(first)]
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": MOST_STEPS})
    return np.asarray(found.x[0] * first + unit * found.x[1:])


def learn_well(
    lists: Sequence[GradedList], prior: NDArray[np.floating], folds: int = FOLDS, seed: int = 0
) -> tuple[NDArray[np.float64], float]:
    """The weights that lists teach, (F,), and the l2 with which, by cross-validation, lists that are left out lose
    least. So the prior stays where lists do not agree with one another.
    """
    order = np.random.default_rng(seed).permutation(len(lists))
    parts = list(np.array_split(order, min(folds, len(lists)))) if len(lists) > 1 else []
    lost = dict.fromkeys(L2, 0.0)
    for left_out in parts:
        taught = [lists[place] for place in np.setdiff1d(order, left_out)]
        others = Lists.of([lists[place] for place in left_out])
        if others is not None:
            share = sum(lists[place].weight for place in left_out)
            for l2 in L2:
                lost[l2] += share * others.loss(learn_weights(taught, prior, l2))[0]
    # Of equals the one that moves the weights least.
    best = min(reversed(L2), key=lambda l2: lost[l2])
    return learn_weights(lists, prior, best), best
