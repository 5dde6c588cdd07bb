"""The parameters of BM25 over fields from judged queries (`jobs.models.lexical.draws`)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.metrics.graded import graded_ndcg, recall_at
from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import Ranked
from jobs.models.lexical.draws import averaged, drawn
from jobs.models.lexical.query_words import QueryWords
from jobs.models.query_ranker.worth import RECALL
from lookup.retrieval.lexical.build import Parameters

DRAWS = 200


class WordsChoice:
    """Parameters, and what they are worth on each query.

    words: of the judged queries. fields: those that hold texts; the weights of others stay as they are.
    """

    def __init__(self, words: QueryWords, judgements: Judgements, fields: Sequence[str], seed: int = 0):
        self.words, self.judgements = words, judgements
        self.drawn = drawn(fields, DRAWS, seed)
        self.worth = np.stack([self._worth(one) for one in self.drawn])

    def mean(self, queries: NDArray[np.integer] | None = None) -> Parameters:
        """The mean parameters given some of the queries, all by default."""
        return averaged(self.drawn, (self.worth if queries is None else self.worth[:, queries]).sum(axis=1))

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
