"""A slot: one position of a query, and what an index holds for it.

Scores are whole numbers of 1 / `UNIT`, so that a sum is the same in whatever order it is made.
"""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Slot = Sequence[tuple[int, float]]
"""The alternatives of a position, each the row of a term and its weight: stem, synonym, correction, completion."""
Rows = NDArray[np.int32]
Places = NDArray[np.intp]
"""Rows within one index, in the type that numpy indexes with: with 32 bits it would convert them again and again."""
Values = NDArray[np.int32]

SCALE = 2048
UNIT = SCALE * 255
"""A score of 1, in whole numbers."""
LARGEST = 2**31 // (255 * 64)
"""The largest product of weight, idf and SCALE: 64 slots of it are a whole number of 32 bits."""


NOTHING, NOWHERE, NO_BYTES = np.zeros(0, np.int32), np.zeros(0, np.intp), np.zeros(0, np.uint8)


def factor(idf: float, weight: float) -> int:
    """What an impact (1 … 255) of a term is multiplied by, in an alternative with this weight."""
    return max(1, min(LARGEST, round(idf * weight * SCALE)))


class Scratch(threading.local):
    """Two arrays over all items, zero between calls; of each thread its own."""

    def __init__(self, items: int):
        self.bytes = np.zeros(items, np.uint8)
        self.numbers = np.zeros(items, np.int32)


class Term:
    """The postings of one term: views of the mapped arrays."""

    __slots__ = (
        "asked",
        "best",
        "best_impact",
        "best_row",
        "dense",
        "fields",
        "idf",
        "impact",
        "largest",
        "plain",
        "row",
    )

    def __init__(self, row: Rows, impact: NDArray[np.uint8], fields: NDArray[np.uint8], idf: float, largest: int):
        self.row, self.impact, self.fields, self.idf = row, impact, fields, idf
        self.largest = largest
        """The largest impact."""
        self.best_row: Rows = NOTHING
        self.best_impact: NDArray[np.uint8] = NO_BYTES
        """The best items, where they are listed."""
        self.best = b""
        """`best_impact` to read one by one."""
        self.dense: NDArray[np.uint8] | None = None
        """The impacts over all items, where they are kept."""
        self.asked = 0
        """How often scores of single rows were asked for that are not in `dense`."""
        self.plain = One(self, 1.0)
        """A slot of this term alone with the weight 1, as most are."""


class One:
    """A slot with one alternative."""

    __slots__ = ("_factor", "bound", "factor", "impact", "row", "size", "term")

    def __init__(self, term: Term, weight: float):
        self.term, self.row, self.impact = term, term.row, term.impact
        self.factor = factor(term.idf, weight)
        self._factor = np.int32(self.factor)
        self.bound = self.factor * term.largest
        """No item scores more here."""
        self.size = len(term.row)

    def nth(self, n: int) -> int:
        """The score of the n-th best item, where it is known without work; else 0. n: from 1 on."""
        best = self.term.best
        return best[n - 1] * self.factor if n <= len(best) else 0

    def first(self, n: int) -> tuple[Rows, Values]:
        """The rows of the n best items and their scores, the best first, ties by row."""
        term = self.term
        if n <= len(term.best):
            return term.best_row[:n].copy(), term.best_impact[:n] * self._factor
        order = (255 - term.impact).argsort(kind="stable")[:n]  # of bytes: a radix sort
        return term.row.take(order), term.impact.take(order) * self._factor

    def at_least(self, score: int, scratch: Scratch) -> tuple[Places, Values]:
        """The rows with at least this score in the slot, rising, and their scores."""
        row, impact = self.row, self.impact
        if score > self.factor:
            if score > self.bound:
                return NOWHERE, NOTHING
            chosen = (impact >= -(-score // self.factor)).nonzero()[0]
            if len(chosen) < self.size:
                return row[chosen].astype(np.intp), impact[chosen] * self._factor
        return row.astype(np.intp), impact * self._factor

    def scores_of(self, rows: Places, scratch: Scratch) -> Values:
        """The score of each of some rows in the slot; 0 where a row does not hold it."""
        term = self.term
        if term.dense is not None:
            return term.dense[rows] * self._factor
        term.asked += 1
        if 8 * len(rows) > self.size:  # reading all postings is quicker than a search for each row
            marks, held = scratch.bytes, term.row.astype(np.intp)
            marks[held] = term.impact
            found = marks[rows]
            marks[held] = 0
            return found * self._factor
        wanted = rows.astype(np.int32)  # of another type than the postings, all of them would be converted
        place = term.row.searchsorted(wanted)
        made: Values = term.impact.take(place, mode="clip") * (term.row.take(place, mode="clip") == wanted)
        return made * self._factor

    def fields_of(self, rows: Places) -> NDArray[np.uint8]:
        """The bits of the fields that hold the term in each of some rows, uint8."""
        wanted = rows.astype(np.int32)
        place = self.term.row.searchsorted(wanted)
        bits: NDArray[np.uint8] = self.term.fields.take(place, mode="clip") * (
            self.term.row.take(place, mode="clip") == wanted
        )
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

    def at_least(self, score: int, scratch: Scratch) -> tuple[Places, Values]:
        """As in `One`; the rows are in no order."""
        best = scratch.numbers
        pieces = []
        for one in self.ones:
            rows, values = one.at_least(score, scratch)
            known = best[rows]
            pieces.append(rows[known == 0])
            best[rows] = np.maximum(known, values)
        found = np.concatenate(pieces)
        made = best[found]
        best[found] = 0
        return found, made

    def scores_of(self, rows: Places, scratch: Scratch) -> Values:
        """As in `One`."""
        made = self.ones[0].scores_of(rows, scratch)
        for one in self.ones[1:]:
            np.maximum(made, one.scores_of(rows, scratch), out=made)
        return made


Part = One | Several
