"""What a method answers to one query, and what that is worth."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.metrics.graded import graded_ndcg, recall_at, reciprocal_rank
from jobs.evaluation.search.files.judgements import Judgements
from lookup.retrieval.lexical.slots import Rows

LISTED = 100
"""Places of a ranked list that metrics look at."""
METRICS = ("judged NDCG@10", "NDCG@10", "Recall@100", "MRR", "zero results")
"""Of `Ranked.metrics`: NDCG of the judged products alone; the others of the whole catalogue."""
COMPARED = 3
"""So many of them are compared with the best baseline."""


class Ranked(NamedTuple):
    """The answer of a method to one query."""

    rows: Rows
    """The best of the catalogue, at most `LISTED`, the best first."""
    judged: Rows
    """All judged products of the query, the best first."""

    @classmethod
    def of(cls, rows: Rows, scores: NDArray[np.floating], judged: Rows) -> "Ranked":
        """From scored items, rising by row; an item that is not there scores least. Ties by row."""
        first = np.arange(len(rows))
        if len(rows) > LISTED:
            last = np.partition(scores, len(rows) - LISTED)[len(rows) - LISTED]
            first = np.flatnonzero(scores >= last)
        best = first[np.lexsort((first, -scores[first]))][:LISTED]
        lowest = float(scores.min()) - 1 if len(rows) else 0.0
        place = np.minimum(np.searchsorted(rows, judged), max(len(rows) - 1, 0))
        known = rows[place] == judged if len(rows) else np.zeros(len(judged), bool)
        found = np.where(known, scores[place], lowest) if len(rows) else np.zeros(len(judged))
        return cls(rows[best], judged[np.lexsort((judged, -found))])

    def metrics(self, judgements: Judgements, query: int) -> list[float]:
        """In the order of `METRICS`; NaN where a query has nothing that is relevant."""
        rows, gains, relevant = judgements.rows[query], judgements.gains(query), judgements.relevant(query)
        return [
            graded_ndcg(self.judged, rows, gains),
            graded_ndcg(self.rows, rows, gains),
            recall_at(self.rows, relevant),
            reciprocal_rank(self.rows, relevant),
            float(not len(self.rows)),
        ]
