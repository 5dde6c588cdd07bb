"""What Daybreak is measured against: BM25, a sentence transformer, and both fused by ranks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import Ranked
from jobs.models.lexical.query_words import Impacts, QueryWords, title_only
from lookup.retrieval.lexical.slots import Rows

K1, B = 1.2, 0.75
"""The usual defaults."""
RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009)."""
FUSED = 1000
"""Places of each list that are fused."""
TITLES, ALL, TUNED = "BM25, titles", "BM25, all fields", "tuned BM25"
TRANSFORMER, TEXTS = "transformer, titles", "transformer, titles and descriptions"
FUSION = "RRF of BM25 and transformer"

Scored = tuple[Rows, NDArray[np.float32]]
"""Rows, rising, and their scores."""


class Baselines:
    """Answers of the baselines that nothing is learned for.

    queries, titles, texts: the transformer's vectors of queries, (q, d), and of items, (n, d).
    """

    def __init__(
        self,
        words: QueryWords,
        judgements: Judgements,
        queries: NDArray[np.float32],
        titles: NDArray[np.float32],
        texts: NDArray[np.float32],
    ):
        self.words, self.judgements = words, judgements
        self._every = np.arange(words.items, dtype=np.int32)
        by_title, by_all = words.impacts(title_only(K1, B)), words.one_text(K1, B)
        self.methods: dict[str, Callable[[int], Scored]] = {
            TITLES: lambda query: self.by_words(by_title, query),
            ALL: lambda query: self.by_words(by_all, query),
            TRANSFORMER: lambda query: (self._every, titles @ queries[query]),
            TEXTS: lambda query: (self._every, texts @ queries[query]),
            FUSION: lambda query: self._fused([self.by_words(by_title, query), (self._every, titles @ queries[query])]),
        }

    def by_words(self, impacts: Impacts, query: int) -> Scored:
        """The items that hold a word of a query in a field that counts."""
        scores = self.words.scores(impacts, query)
        found = scores > 0
        return self.words.rows[query][found], scores[found]

    def ranked(self, method: str, query: int) -> Ranked:
        """The answer of one of `methods`."""
        return Ranked.of(*self.methods[method](query), self.judgements.rows[query])

    def ranked_by(self, impacts: Impacts, query: int) -> Ranked:
        """The answer by words alone."""
        return Ranked.of(*self.by_words(impacts, query), self.judgements.rows[query])

    def _fused(self, lists: list[Scored]) -> Scored:
        total = np.zeros(self.words.items, np.float32)
        for rows, scores in lists:
            best = np.lexsort((rows, -scores))[:FUSED]
            total[rows[best]] += (1 / (RRF + 1 + np.arange(len(best)))).astype(np.float32)
        found = np.flatnonzero(total).astype(np.int32)
        return found, total[found]
