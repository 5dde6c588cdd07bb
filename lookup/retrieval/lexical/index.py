"""One index with its terms, and the index of what was added since beside it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.build import Arrays, Parameters, Whole, build
from lookup.retrieval.lexical.counts import count
from lookup.retrieval.lexical.lexicon import Lexicon
from lookup.retrieval.lexical.postings import Postings
from lookup.retrieval.lexical.slots import Rows, Slot
from lookup.text.analyzer import Analyzer

Top = tuple[Rows, NDArray[np.float32]]
"""Rows and their scores, as `Postings.top` gives them."""


class WordIndex:
    """The terms and the postings of some items."""

    def __init__(self, arrays: Arrays, first: int = 0):
        self.lexicon = Lexicon(arrays)
        self.postings = Postings(arrays, first)
        self._arrays = arrays

    def slots(self, positions: Sequence[Sequence[tuple[str, float]]]) -> list[Slot]:
        """The slots of a query in this index. positions: of each the terms that may stand there, with their weights.

        There are as many slots as positions; unknown terms are left out, so a slot may be empty.
        """
        find = self.lexicon.find
        return [
            [(row, weight) for term, weight in alternatives if (row := find(term)) >= 0] for alternatives in positions
        ]

    def added(self, items: Sequence[Sequence[str]], analyzer: Analyzer, after: int = 0) -> "WordIndex":
        """An index of added items, whose rows follow those of this one and whose scores compare with them.

        items: of each the texts of `FIELDS`. after: how many others were added before them. A term that this index
        knows keeps its idf; the mean lengths are those of this index.
        """
        counted = count(items, analyzer)
        rows = [self.lexicon.find(term) for term in counted.terms]
        idf = {term: self.postings.idf(row) for term, row in zip(counted.terms, rows, strict=True) if row >= 0}
        mean = np.asarray(self._arrays["lexical_lengths"])
        whole = Whole(self.postings.items, mean, idf)
        arrays = build([counted], Parameters.of(self._arrays), whole)
        return WordIndex(arrays, self.postings.first + self.postings.items + after)


def merged(tops: Sequence[Top], n: int) -> Top:
    """The n best of several searches whose rows differ, the best first, ties by row."""
    rows = np.concatenate([rows for rows, _ in tops]) if tops else np.zeros(0, np.int32)
    scores = np.concatenate([scores for _, scores in tops]) if tops else np.zeros(0, np.float32)
    order = np.lexsort((rows, -scores))[:n]
    return rows[order], scores[order]
