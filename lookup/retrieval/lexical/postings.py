"""Searching an index: the best items of a query, all items that hold its words, and what each item holds of it."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.build import Arrays
from lookup.retrieval.lexical.counts import FIELDS
from lookup.retrieval.lexical.slots import (
    NOTHING,
    NOWHERE,
    UNIT,
    One,
    Part,
    Places,
    Rows,
    Scratch,
    Several,
    Slot,
    Term,
    Values,
)

CACHED = 1 << 14
"""How many terms stay known with the views of their postings: some 15 MiB at most."""
DENSE_BYTES = 16 << 20
"""What a process keeps of impacts over all items, for the words that calls ask for again and again."""
MISSED = 10_000
"""After so many words that had no room there, all make room for those of today."""
ONE_UNIT = np.float32(1 / UNIT)
WORTH_A_FILTER = 512
"""Of fewer items it is quicker to score all of them than to leave some out."""
SAMPLED = 64
"""Scores from which a bound of the n-th largest is taken, before all of them are looked at."""


class Postings:
    """An index of items. Thread-safe; reads of mapped arrays only the postings that are asked for.

    arrays: as `build` makes them. first: the row of its first item, where other rows are before it: an index of added
    items is searched beside that of all.
    """

    def __init__(self, arrays: Arrays, first: int = 0):
        plain = {name: np.asarray(array) for name, array in arrays.items()}  # a view of np.memmap costs a microsecond
        self.items = int(plain["lexical_items"][0])
        """How many items it has."""
        self.first = first
        self._starts = plain["term_starts"].data
        self._idf, self._largest = plain["term_idf"].data, plain["term_best"].data
        self._row, self._impact, self._fields = (plain[f"term_{name}"] for name in ("docs", "impact", "fields"))
        self._champion = {term: place for place, term in enumerate(plain["champion_term"].tolist())}
        self._champion_row, self._champion_impact = plain["champion_row"], plain["champion_impact"]
        self._dense = {term: place for place, term in enumerate(plain["dense_term"].tolist())}
        self._dense_impact = plain["dense_impact"]
        self._scratch = Scratch(self.items)
        self._known: dict[int, Term] = {}
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._missed = 0
        self._worth_a_row = max(self.items // 128, 64)

    def idf(self, term: int) -> float:
        """The inverse document frequency of a term's row."""
        return float(self._idf[term])

    def frequency(self, term: int) -> int:
        """How many items hold a term's row."""
        return int(self._starts[term + 1] - self._starts[term])

    def top(self, slots: Sequence[Slot], n: int) -> tuple[Rows, NDArray[np.float32]]:
        """The n best rows and their scores, the best first, ties by row: at most n, with a score above 0.

        The score is the sum over slots of the best of its alternatives, weight · idf · impact. It is the exact one over
        the quantised impacts.

        A MaxScore (Turtle & Flood, "Query evaluation: strategies and optimizations", 1995) over whole lists: the slot
        with the fewest items comes first. Of each list only those items are scored, in all other lists, that can
        still be among the n best. Once a whole rest of lists cannot bring one in, they are read no more.
        """
        parts = self._parts(slots)
        if not parts or n <= 0:
            return NOTHING, np.zeros(0, np.float32)
        rows, scores = self._best(parts, n)
        if self.first:
            rows = rows + np.int32(self.first)
        return rows, np.multiply(scores, ONE_UNIT, dtype=np.float32)

    def _best(self, parts: list[Part], n: int) -> tuple[Rows, Values]:
        if len(parts) == 1 and isinstance(parts[0], One):
            return parts[0].first(n)
        scratch = self._scratch
        rest = sum([part.bound for part in parts])
        least = max([part.nth(n) for part in parts])
        rows, scores, rising = NOWHERE, NOTHING, True
        for place, part in enumerate(parts):
            if least > rest:
                break
            rest -= part.bound
            found, made = part.at_least(least - rest, scratch)
            if not len(found):
                continue
            could = rest
            for after in parts[place + 1 :]:
                made += after.scores_of(found, scratch)
                could -= after.bound
                if len(found) > WORTH_A_FILTER:
                    found, made = _kept(made >= least - could, found, made)
            # An item of an earlier list is in `rows` already, or cannot be among the best.
            found, made = _promising(found, made, n, least, partial(_in_none, parts[:place], scratch))
            if len(rows):
                found, made = np.concatenate([rows, found]), np.concatenate([scores, made])
                rising = False
            if len(found) > n:
                ordered = made.copy()
                ordered.partition(len(made) - n)
                least = max(least, int(ordered[len(made) - n]))
                found, made = _kept(made >= least, found, made)
            rows, scores = found, made
            rising = rising and isinstance(part, One)
        # The rows of the first list are rising; then a stable order by score alone is the one by score and row.
        order = ((-scores).argsort(kind="stable") if rising else np.lexsort((rows, -scores)))[:n]
        return rows[order].astype(np.int32), scores[order]

    def matches(self, slots: Sequence[Slot], least: int | None = None) -> Rows:
        """All rows that hold at least `least` of the slots, rising; every slot where it is None.

        A slot whose terms no item holds still counts: without `least`, nothing is found then.
        """
        parts = self._parts(slots)
        wanted = len(slots) if least is None else least
        if wanted > len(parts) or not parts:
            return NOTHING
        scratch = self._scratch
        if wanted < len(parts):
            held = np.zeros(self.items, np.uint8)
            for part in parts:
                held[part.at_least(0, scratch)[0]] += 1
            return np.flatnonzero(held >= max(wanted, 1)).astype(np.int32) + np.int32(self.first)
        rows = parts[0].at_least(0, scratch)[0]
        for part in parts[1:]:
            rows = rows[part.scores_of(rows, scratch) > 0]
        if not isinstance(parts[0], One):
            rows = np.sort(rows)
        return rows.astype(np.int32) + np.int32(self.first)

    def scores_of(self, rows: NDArray[np.integer], slots: Sequence[Slot]) -> NDArray[np.float32]:
        """The score of each of some rows, as `top` has it, float32 (n,)."""
        inside = np.asarray(rows, np.intp) - self.first
        made = np.zeros(len(inside), np.int32)
        for part in self._parts(slots):
            made += part.scores_of(inside, self._scratch)
        return np.multiply(made, ONE_UNIT, dtype=np.float32)

    def held(self, rows: NDArray[np.integer], slots: Sequence[Slot]) -> NDArray[np.float32]:
        """What share of the query's weight each field of each of some rows holds, float32 (n, 5), 0 … 1.

        A slot weighs as much as its best alternative, weight · idf; a field has the best alternative that it holds.
        Slots whose terms no item holds do not count.
        """
        inside = np.asarray(rows, np.intp) - self.first
        made = np.zeros((len(inside), len(FIELDS)), np.float32)
        whole = 0.0
        for part in self._parts(slots):
            ones = part.ones if isinstance(part, Several) else [part]
            whole += max(one.factor for one in ones)
            best = np.zeros_like(made)
            for one in ones:
                bits = one.fields_of(inside)
                there = np.unpackbits(bits[:, None], axis=1, count=len(FIELDS), bitorder="little")
                np.maximum(best, there * np.float32(one.factor), out=best)
            made += best
        return made / np.float32(whole) if whole else made

    def _parts(self, slots: Sequence[Slot]) -> list[Part]:
        """The slots that some item holds, that with the fewest items first."""
        known = self._known
        parts: list[Part] = []
        for slot in slots:
            ones = []
            for row, weight in slot:
                if row < 0:
                    continue
                term = known.get(row) or self._term(row)
                if term.asked > 1:
                    self._make_dense(row, term)
                ones.append(term.plain if weight == 1.0 else One(term, weight))
            if ones:
                parts.append(ones[0] if len(ones) == 1 else Several(ones))
        if len(parts) > 1:
            parts.sort(key=_size)
        return parts

    def _term(self, row: int) -> Term:
        part = slice(self._starts[row], self._starts[row + 1])
        made = Term(self._row[part], self._impact[part], self._fields[part], self._idf[row], self._largest[row])
        champion, dense = self._champion.get(row), self._dense.get(row)
        if champion is not None:
            made.best_row, made.best_impact = self._champion_row[champion], self._champion_impact[champion]
            made.best = made.best_impact.tobytes()
        made.dense = self._kept.get(row) if dense is None else self._dense_impact[dense]
        if len(self._known) >= CACHED:
            self._known = {}
        self._known[row] = made
        return made

    def _make_dense(self, row: int, term: Term) -> None:
        """Keep the impacts of a term over all items, because calls ask for it again and again."""
        if len(term.row) < self._worth_a_row:
            term.asked = -(2**62)  # never
        elif (len(self._kept) + 1) * self.items <= DENSE_BYTES:
            dense = np.zeros(self.items, np.uint8)
            dense[term.row] = term.impact
            self._kept[row] = term.dense = dense
            term.asked = 0
        else:
            self._missed += 1
            if self._missed > MISSED:  # calls ask for other words now
                self._known, self._kept, self._missed = {}, {}, 0


def _size(part: Part) -> int:
    return part.size


def _kept(chosen: NDArray[np.bool_], rows: Places, values: Values) -> tuple[Places, Values]:
    places = chosen.nonzero()[0]
    return (rows, values) if len(places) == len(rows) else (rows[places], values[places])


def _promising(
    rows: Places, scores: Values, n: int, least: int, is_new: Callable[[Places], NDArray[np.bool_] | None]
) -> tuple[Places, Values]:
    """Those that are new and may be among the n largest. least: a bound that the n-th largest of all reaches."""
    if least and len(rows) > SAMPLED:
        rows, scores = _kept(scores >= least, rows, scores)
    sampled = max(SAMPLED, 4 * n)
    if len(rows) > 4 * sampled:
        # The n-th largest of a part is a bound for that of all.
        step = len(rows) // sampled
        new, some = is_new(rows[::step]), scores[::step]
        some = some.copy() if new is None else some[new]
        if len(some) >= n:
            some.partition(len(some) - n)
            rows, scores = _kept(scores >= some[len(some) - n], rows, scores)
    new = is_new(rows)
    return (rows, scores) if new is None else _kept(new, rows, scores)


def _in_none(parts: Sequence[Part], scratch: Scratch, rows: Places) -> NDArray[np.bool_] | None:
    """Whether no part holds each of some rows; None where there are no parts."""
    made = None
    for part in parts:
        free = part.scores_of(rows, scratch) == 0
        made = free if made is None else made & free
    return made
