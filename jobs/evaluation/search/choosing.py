"""The parameters of BM25 over fields, from judged queries: drawn around the default ones and averaged.

As with the weights of the ranker (`jobs.models.query_ranker.posterior`), the best of many parameters on a few dozen
queries is best by chance, so the mean of all is taken, each as heavy as it does well; of logarithms, because only
ratios of weights matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.metrics.graded import graded_ndcg, recall_at
from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import Ranked
from jobs.evaluation.search.words import QueryWords
from jobs.models.query_ranker.worth import RECALL
from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import FIELDS

DRAWS = 200
TEMPERATURE = 1.5
K1_SPREAD, WEIGHT_SPREAD, B_SPREAD = 0.7, 1.0, 0.2
"""Standard deviations of the logarithms of k1 and of weights, and of b."""


class WordsChoice:
    """Parameters, and what they are worth on each query.

    words: of the judged queries. fields: those that hold texts; the weights of others stay as they are.
    """

    def __init__(self, words: QueryWords, judgements: Judgements, fields: Sequence[str], seed: int = 0):
        self.words, self.judgements = words, judgements
        self._free = [place for place, name in enumerate(FIELDS) if name in fields]
        self.drawn = self._drawn(seed)
        self.worth = np.stack([self._worth(one) for one in self.drawn])

    def mean(self, queries: NDArray[np.integer] | None = None) -> Parameters:
        """The mean parameters given some of the queries, all by default."""
        worth = (self.worth if queries is None else self.worth[:, queries]).sum(axis=1)
        heavy = np.exp((worth - worth.max()) / TEMPERATURE)
        heavy /= heavy.sum()
        k1 = float(np.exp(heavy @ np.log([one.k1 for one in self.drawn])))
        b = heavy @ np.array([one.b for one in self.drawn])
        weights = np.exp(heavy @ np.log([one.weights for one in self.drawn]))
        return Parameters(round(k1, 3), _rounded(b), _rounded(weights))

    def _worth(self, parameters: Parameters) -> NDArray[np.float64]:
        """Of each query as `jobs.models.query_ranker.worth` has it, (n,)."""
        made, judgements = self.words.impacts(parameters), self.judgements
        worth = np.zeros(len(judgements))
        for query, rows in enumerate(judgements.rows):
            ranked = Ranked.of(self.words.rows[query], self.words.scores(made, query), rows)
            found, gains = ranked.rows, judgements.gains(query)
            parts = (
                graded_ndcg(ranked.judged, rows, gains),
                graded_ndcg(found, rows, gains),
                RECALL * recall_at(found, judgements.relevant(query)),
            )
            worth[query] = np.nansum(parts)
        return worth

    def _drawn(self, seed: int) -> list[Parameters]:
        random, default = np.random.default_rng(seed), Parameters()
        made = [default]
        for _ in range(DRAWS - 1):
            b = float(np.clip(default.b[0] + B_SPREAD * random.standard_normal(), 0.0, 1.0))
            weights = np.array(default.weights)
            # The first field keeps its weight: only ratios to it and to k1 matter.
            for place in self._free[1:]:
                weights[place] *= np.exp(WEIGHT_SPREAD * random.standard_normal())
            k1 = default.k1 * float(np.exp(K1_SPREAD * random.standard_normal()))
            made.append(Parameters(k1, (b,) * len(FIELDS), tuple(weights.tolist())))
        return made


def _rounded(values: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
