"""A slot: one position of a query, and what an index holds for it.

Scores are whole numbers of 1 / `UNIT`, so that a sum is the same in whatever order it is made.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Slot = Sequence[tuple[int, float]]
"""The alternatives of a position, each the row of a term and its weight: stem, synonym, correction, completion."""
Rows = NDArray[np.int32]
Values = NDArray[np.int32]

SCALE = 2048
UNIT = SCALE * 255
"""A score of 1, in whole numbers."""
LARGEST = 2**31 // (255 * 64)
"""The largest product of weight, idf and SCALE: 64 slots of it are a whole number of 32 bits."""


NOTHING = np.zeros(0, np.int32)


def factor(idf: float, weight: float) -> int:
    """What an impact (1 … 255) of a term is multiplied by, in an alternative with this weight."""
    return max(1, min(LARGEST, round(idf * weight * SCALE)))


class Scratch(threading.local):
    """Two arrays over all items, zero between calls; of each thread its own."""

    def __init__(self, items: int):
        self.bytes = np.zeros(items, np.uint8)
        self.numbers = np.zeros(items, np.int32)


class Term(NamedTuple):
    """The postings of one term: views of the mapped arrays."""

    row: Rows
    impact: NDArray[np.uint8]
    fields: NDArray[np.uint8]
    idf: float
    largest: int
    """The largest impact."""
    best_row: Rows | None
    best_impact: NDArray[np.uint8] | None
    """The best items, where they are listed."""
    best: bytes
    """`best_impact` to read one by one."""
    dense: NDArray[np.uint8] | None
    """The impacts over all items, where they are stored."""


class One:
    """A slot with one alternative."""

    __slots__ = ("_factor", "asked", "bound", "dense", "factor", "size", "term")

    def __init__(self, term: Term, weight: float):
        self.term = term
        self.factor = factor(term.idf, weight)
        self._factor = np.int32(self.factor)
        self.bound = self.factor * term.largest
        """No item scores more here."""
        self.size = len(term.row)
        self.dense = term.dense
        self.asked = 0
        """How often scores of single rows were asked for that are not in `dense`."""

    def nth(self, n: int) -> int:
        """The score of the n-th best item, where it is known without work; else 0. n: from 1 on."""
        best = self.term.best
        return best[n - 1] * self.factor if n <= len(best) else 0

    def first(self, n: int) -> tuple[Rows, Values]:
        """The rows of the n best items and their scores, the best first, ties by row."""
        term = self.term
        if term.best_row is not None and term.best_impact is not None and n <= len(term.best):
            return term.best_row[:n], term.best_impact[:n] * self._factor
        order = (255 - term.impact).argsort(kind="stable")[:n]  # of bytes: a radix sort
        return term.row.take(order), term.impact.take(order) * self._factor

    def at_least(self, score: int, scratch: Scratch) -> tuple[Rows, Values]:
        """The rows with at least this score in the slot, rising, and their scores."""
        term = self.term
        if score > self.factor:
            if score > self.bound:
                return NOTHING, NOTHING
            chosen = (term.impact >= -(-score // self.factor)).nonzero()[0]
            if len(chosen) < self.size:
                return term.row.take(chosen), term.impact.take(chosen) * self._factor
        return term.row, term.impact * self._factor

    def scores_of(self, rows: Rows, scratch: Scratch) -> Values:
        """The score of each of some rows in the slot; 0 where a row does not hold it."""
        if self.dense is not None:
            return self.dense.take(rows) * self._factor
        self.asked += 1
        term, size = self.term, self.size
        if 2 * len(rows) > size + 64:  # reading all postings is quicker than a search for each row
            marks = scratch.bytes
            marks[term.row] = term.impact
            found = marks.take(rows)
            marks[term.row] = 0
            return found * self._factor
        place = term.row.searchsorted(rows)
        place[place == size] = 0
        made: Values = term.impact.take(place) * (term.row.take(place) == rows) * self._factor
        return made

    def fields_of(self, rows: Rows) -> NDArray[np.uint8]:
        """The bits of the fields that hold the term in each of some rows, uint8."""
        place = self.term.row.searchsorted(rows)
        place[place == self.size] = 0
        bits: NDArray[np.uint8] = self.term.fields.take(place) * (self.term.row.take(place) == rows)
        return bits


class Several:
    """A slot with several alternatives: the best one counts."""

    __slots__ = ("bound", "ones", "size")

    def __init__(self, ones: list[One]):
        self.ones = ones
        self.bound = max(one.bound for one in ones)
        self.size = sum(one.size for one in ones)

    def nth(self, n: int) -> int:
        """As in `One`: what the best alternative alone gives is a lower bound."""
        return max(one.nth(n) for one in self.ones)

    def at_least(self, score: int, scratch: Scratch) -> tuple[Rows, Values]:
        """As in `One`; the rows are in no order."""
        best = scratch.numbers
        pieces = []
        for one in self.ones:
            rows, values = one.at_least(score, scratch)
            known = best.take(rows)
            pieces.append(rows[known == 0])
            best[rows] = np.maximum(known, values)
        found = np.concatenate(pieces)
        made = best.take(found)
        best[found] = 0
        return found, made

    def scores_of(self, rows: Rows, scratch: Scratch) -> Values:
        """As in `One`."""
        made = self.ones[0].scores_of(rows, scratch)
        for one in self.ones[1:]:
            np.maximum(made, one.scores_of(rows, scratch), out=made)
        return made


Part = One | Several
