"""BM25 over fields for many parameters and few queries: only the postings of the queries' terms are looked at."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.build import Parameters, inverse_frequency
from lookup.retrieval.lexical.counts import FIELDS, Counts
from lookup.retrieval.lexical.slots import NOTHING, Rows
from lookup.search.query import WEAK
from lookup.text.analyzer import Analyzer

Positions = Sequence[Sequence[tuple[str, float]]]
"""Of each position of a query its alternatives, with their weights (`lookup.search.query`)."""
TITLE = (1.0, 0.0, 0.0, 0.0, 0.0)


def positions_of(query: str, analyzer: Analyzer) -> list[list[tuple[str, float]]]:
    """The positions of a query by its own words alone: nothing is corrected, and no synonyms."""
    terms = analyzer.query(query)
    return [
        [*((term, 1.0) for term in strong), *((term, WEAK) for term in weak)]
        for strong, weak in zip(terms, terms.weak, strict=True)
    ]


class QueryWords:
    """The postings of some queries' terms.

    parts: of all n items. queries: of each its positions.
    """

    def __init__(self, parts: Sequence[Counts], queries: Sequence[Positions]):
        terms = sorted({term for query in queries for position in query for term, _ in position})
        row_of = {term: row for row, term in enumerate(terms)}
        term, row, times = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros((0, len(FIELDS)), np.float32)]
        for part in parts:
            known = np.array([row_of.get(name, -1) for name in part.terms], np.int64)[part.term]
            kept = np.flatnonzero(known >= 0)
            term.append(known[kept])
            row.append(part.row[kept])
            times.append(part.times[kept].astype(np.float32))
        joined = np.concatenate(term)
        order = np.argsort(joined, kind="stable")
        self._terms = len(terms)
        self._of, self._item = joined[order], np.concatenate(row)[order]
        self._times = np.concatenate(times)[order]
        self._lengths = np.concatenate([part.lengths for part in parts]).astype(np.float32)
        self.items = len(self._lengths)
        starts = np.searchsorted(self._of, np.arange(len(terms) + 1))
        self.rows: list[Rows] = []
        """Of each query the items that hold any of its terms, rising."""
        self._queries: list[list[list[_Part]]] = []
        for query in queries:
            positions = [
                [(row_of[term], weight, slice(starts[row_of[term]], starts[row_of[term] + 1])) for term, weight in one]
                for one in query
            ]
            held = [self._item[part] for one in positions for _, _, part in one]
            rows = np.unique(np.concatenate(held)) if held else NOTHING
            self.rows.append(rows)
            self._queries.append(
                [
                    [_Part(term, weight, part, np.searchsorted(rows, self._item[part])) for term, weight, part in one]
                    for one in positions
                ]
            )

    def impacts(self, parameters: Parameters) -> "Impacts":
        """Those of BM25 over fields; fields of weight 0 are not there at all."""
        weighted = np.zeros(len(self._item), np.float32)
        mean = np.maximum(self._lengths.mean(axis=0), 1e-9)
        for field, (weight, b) in enumerate(zip(parameters.weights, parameters.b, strict=True)):
            if weight > 0:
                norm = weight / np.maximum(1 - b + b * self._lengths[:, field] / mean[field], 1e-6)
                weighted += norm[self._item] * self._times[:, field]
        return self._saturated(weighted, parameters.k1)

    def one_text(self, k1: float, b: float) -> "Impacts":
        """Those of plain BM25, with all fields as one text."""
        lengths = self._lengths.sum(axis=1)
        norm = 1 - b + b * lengths / max(float(lengths.mean()), 1e-9)
        return self._saturated(self._times.sum(axis=1) / np.maximum(norm, 1e-6)[self._item], k1)

    def scores(self, made: "Impacts", query: int) -> NDArray[np.float32]:
        """The scores of `rows[query]`: of each position its best alternative, float32."""
        total = np.zeros(len(self.rows[query]), np.float32)
        for position in self._queries[query]:
            best = np.zeros(len(total), np.float32)
            for term, weight, part, place in position:
                values = made.impact[part] * np.float32(made.idf[term] * weight)
                best[place] = np.maximum(best[place], values)
            total += best
        return total

    def _saturated(self, weighted: NDArray[np.float32], k1: float) -> "Impacts":
        impact = weighted / (np.float32(k1) + weighted + np.float32(1e-9))
        df = np.bincount(self._of[weighted > 0], minlength=self._terms)
        return Impacts(impact.astype(np.float32), inverse_frequency(self.items, df).astype(np.float32))


class Impacts(NamedTuple):
    """What BM25 makes of postings: the impact of each, and the idf of each term."""

    impact: NDArray[np.float32]
    idf: NDArray[np.float32]


class _Part(NamedTuple):
    """The postings of one alternative."""

    term: int
    weight: float
    part: slice
    place: NDArray[np.intp]
    """Of each posting its item's place in the rows of the query."""


def title_only(k1: float, b: float) -> Parameters:
    """BM25 of titles."""
    return Parameters(k1, (b,) * len(FIELDS), TITLE)
