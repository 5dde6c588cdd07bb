"""Weights from few judged queries: the mean of many weights, each as heavy as it does well.

A few dozen queries say little: the weights that are best on them are best by chance. So weights are drawn around the
default ones, each is measured by what counts in the end, and the mean under

    p(w) ~ prior(w) exp(sum over queries of worth(w, query) / temperature)

is taken: a Gibbs posterior (Catoni, "PAC-Bayesian supervised classification", 2007; Zhang, "Information-theoretic upper
and lower bounds for statistical estimation", IEEE Transactions on Information Theory 52, 2006). The draws and their
worth are made once; each set of training queries then only weighs them anew.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.models.query_ranker.worth import JudgedList, Matrix, worth

DRAWS = 3000
TEMPERATURE = 0.5
SPREAD = 0.8
"""The standard deviation of the logarithm of a weight that the prior has."""
NEW = 0.2
"""That of a weight which the prior does not have, in units of the whole prior."""
TRIED = 0.5
"""How often such a weight is not 0."""
RARE = 0.05
"""The least standard deviation that counts: a feature that hardly any item has gets no huge weight."""
CONSTANT = 1e-6
"""A feature that varies less than this within lists orders nothing: it keeps its prior weight."""


class Posterior:
    """The draws of weights, and what each is worth on each of some lists.

    prior: (F,), not all 0. new: bool (F,), which weights that the prior does not have may be learned.
    """

    def __init__(
        self, lists: Sequence[JudgedList], prior: NDArray[np.floating], new: NDArray[np.bool_], *, seed: int = 0
    ):
        self.prior = np.asarray(prior, np.float64)
        deviation = np.mean([one.features.std(axis=0, dtype=np.float64) for one in lists], axis=0)
        self._deviation = np.where(deviation > CONSTANT, deviation, 0)
        self._draws = self._drawn(new, seed)
        self.worth = worth(lists, self._draws.astype(np.float32))

    def mean(self, lists: NDArray[np.integer] | None = None, temperature: float = TEMPERATURE) -> NDArray[np.float64]:
        """The mean weights, (F,), given some of the lists (all by default), in the size of the prior."""
        worth_of = (self.worth if lists is None else self.worth[:, lists]).sum(axis=1)
        heavy = np.exp((worth_of - worth_of.max()) / temperature)
        # Only ratios of weights order items, so all draws are brought to one size first.
        sizes = np.linalg.norm(self._draws * self._deviation, axis=1)
        known = sizes > 0
        heavy = np.where(known, heavy / np.where(known, sizes, 1), 0)
        total = float((heavy * sizes).sum())
        if total <= 0:
            return self.prior
        mean = heavy @ self._draws / total
        learned = mean * np.linalg.norm(self.prior * self._deviation)
        return np.where(self._deviation > 0, learned, self.prior)

    def _drawn(self, new: NDArray[np.bool_], seed: int) -> Matrix:
        random = np.random.default_rng(seed)
        shape = (DRAWS, len(self.prior))
        there = self.prior * np.exp(SPREAD * random.standard_normal(shape))
        whole = float(np.linalg.norm(self.prior * self._deviation))
        may = new & (self._deviation > 0)
        unit = np.where(may, NEW * whole / np.maximum(self._deviation, RARE), 0)
        added = unit * random.standard_normal(shape) * (random.random(shape) < TRIED)
        draws = there + added
        draws[0] = self.prior
        return np.asarray(draws, dtype=np.float32)
