"""The parameters of BM25 over fields from queries whose answers are known: drawn around the default ones and averaged.

As with the weights of the ranker (`jobs.models.query_ranker.posterior`), the best of many parameters on a few dozen
queries is best by chance, so the mean of all is taken, each as heavy as it does well; of logarithms, because only
ratios of weights matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import FIELDS

TEMPERATURE = 1.5
K1_SPREAD, WEIGHT_SPREAD, B_SPREAD = 0.7, 1.0, 0.2
"""Standard deviations of the logarithms of k1 and of weights, and of b."""


def drawn(fields: Sequence[str], draws: int, seed: int) -> list[Parameters]:
    """Parameters around the default ones, which come first. fields: those that hold texts; the weights of others stay
    as they are."""
    free = [place for place, name in enumerate(FIELDS) if name in fields]
    random, default = np.random.default_rng(seed), Parameters()
    made = [default]
    for _ in range(draws - 1):
        b = float(np.clip(default.b[0] + B_SPREAD * random.standard_normal(), 0.0, 1.0))
        weights = np.array(default.weights)
        # The first field keeps its weight: only ratios to it and to k1 matter.
        for place in free[1:]:
            weights[place] *= np.exp(WEIGHT_SPREAD * random.standard_normal())
        k1 = default.k1 * float(np.exp(K1_SPREAD * random.standard_normal()))
        made.append(Parameters(k1, (b,) * len(FIELDS), tuple(weights.tolist())))
    return made


def averaged(draws: Sequence[Parameters], worth: NDArray[np.float64]) -> Parameters:
    """The mean of draws. worth: what each is worth on all queries together, (D,)."""
    heavy = np.exp((worth - worth.max()) / TEMPERATURE)
    heavy /= heavy.sum()
    k1 = float(np.exp(heavy @ np.log([one.k1 for one in draws])))
    b = heavy @ np.array([one.b for one in draws])
    weights = np.exp(heavy @ np.log([one.weights for one in draws]))
    return Parameters(round(k1, 3), _rounded(b), _rounded(weights))


def _rounded(values: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
