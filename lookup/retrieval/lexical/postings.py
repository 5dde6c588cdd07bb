"""Searching an index: the best items of a query, all items that hold its words, and what each item holds of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.build import Arrays
from lookup.retrieval.lexical.counts import FIELDS
from lookup.retrieval.lexical.slots import NOTHING, UNIT, One, Part, Rows, Scratch, Several, Slot, Term, Values

CACHED = 1 << 14
"""How many terms stay known with the views of their postings: some 15 MiB at most."""
DENSE_BYTES = 16 << 20
"""What a process keeps of impacts over all items, for the words that calls ask for again and again."""
MISSED = 10_000
"""After so many words that had no room there, all make room for those of today."""
ONE_UNIT = np.float32(1 / UNIT)
WORTH_A_FILTER = 512
"""Of fewer items it is quicker to score all of them than to leave some out."""
SAMPLED = 128
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
        self._known: dict[tuple[int, float], One] = {}
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._missed = 0
        self._worth_a_row = max(self.items // 1024, 64)

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
        return rows + np.int32(self.first), np.multiply(scores, ONE_UNIT, dtype=np.float32)

    def _best(self, parts: list[Part], n: int) -> tuple[Rows, Values]:
        if len(parts) == 1 and isinstance(parts[0], One):
            return parts[0].first(n)
        scratch = self._scratch
        rest = sum([part.bound for part in parts])
        least = max([part.nth(n) for part in parts])
        rows, scores = NOTHING, NOTHING
        for place, part in enumerate(parts):
            if least > rest:
                break
            rest -= part.bound
            found, made = part.at_least(least - rest, scratch)
            for before in parts[:place]:
                if len(found):
                    found, made = _kept(before.scores_of(found, scratch) == 0, found, made)
            if not len(found):
                continue
            could = rest
            for after in parts[place + 1 :]:
                made += after.scores_of(found, scratch)
                could -= after.bound
                if len(found) > WORTH_A_FILTER:
                    found, made = _kept(made >= least - could, found, made)
            if len(rows):
                found, made = np.concatenate([rows, found]), np.concatenate([scores, made])
            rows, scores, least = _largest(found, made, n, least)
        order = np.lexsort((rows, -scores))[:n]
        return rows.take(order), scores.take(order)

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
        return np.sort(rows) + np.int32(self.first)

    def scores_of(self, rows: NDArray[np.integer], slots: Sequence[Slot]) -> NDArray[np.float32]:
        """The score of each of some rows, as `top` has it, float32 (n,)."""
        inside = np.asarray(rows, np.int32) - np.int32(self.first)
        made = np.zeros(len(inside), np.int32)
        for part in self._parts(slots):
            made += part.scores_of(inside, self._scratch)
        return np.multiply(made, ONE_UNIT, dtype=np.float32)

    def held(self, rows: NDArray[np.integer], slots: Sequence[Slot]) -> NDArray[np.float32]:
        """What share of the query's weight each field of each of some rows holds, float32 (n, 5), 0 … 1.

        A slot weighs as much as its best alternative, weight · idf; a field has the best alternative that it holds.
        Slots whose terms no item holds do not count.
        """
        inside = np.asarray(rows, np.int32) - np.int32(self.first)
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
            for term, weight in slot:
                if term < 0:
                    continue
                one = known.get((term, weight)) or self._one(term, weight)
                if one.asked > 1 and one.size >= self._worth_a_row:
                    self._make_dense(term, one)
                if one.size:
                    ones.append(one)
            if len(ones) == 1:
                parts.append(ones[0])
            elif ones:
                parts.append(Several(ones))
        if len(parts) > 1:
            parts.sort(key=_size)
        return parts

    def _one(self, term: int, weight: float) -> One:
        part = slice(self._starts[term], self._starts[term + 1])
        champion, dense = self._champion.get(term), self._dense.get(term)
        row = self._kept.get(term) if dense is None else self._dense_impact[dense]
        best = None if champion is None else self._champion_impact[champion]
        made = One(
            Term(
                self._row[part],
                self._impact[part],
                self._fields[part],
                self._idf[term],
                self._largest[term],
                None if champion is None else self._champion_row[champion],
                best,
                b"" if best is None else best.tobytes(),
                row,
            ),
            weight,
        )
        if len(self._known) >= CACHED:
            self._known = {}
        self._known[term, weight] = made
        return made

    def _make_dense(self, term: int, one: One) -> None:
        """Keep the impacts of a term over all items, because calls ask for it again and again."""
        dense = self._kept.get(term)
        if dense is None:
            if (len(self._kept) + 1) * self.items > DENSE_BYTES:
                self._missed += 1
                if self._missed > MISSED:  # calls ask for other words now
                    self._known, self._kept, self._missed = {}, {}, 0
                return
            dense = np.zeros(self.items, np.uint8)
            dense[one.term.row] = one.term.impact
            self._kept[term] = dense
        one.dense, one.asked = dense, 0


def _size(part: Part) -> int:
    return part.size


def _kept(chosen: NDArray[np.bool_], rows: Rows, values: Values) -> tuple[Rows, Values]:
    places = chosen.nonzero()[0]
    return (rows, values) if len(places) == len(rows) else (rows.take(places), values.take(places))


def _largest(rows: Rows, scores: Values, n: int, least: int) -> tuple[Rows, Values, int]:
    """Those that may be among the n largest, in no order, and a bound that the n-th largest reaches.

    least: a bound that is known already; what is below it may be left out.
    """
    sampled = max(SAMPLED, 4 * n)
    if len(rows) > 4 * sampled:
        # The n-th largest of a part is a bound for that of all.
        some = scores[:: len(rows) // sampled].copy()
        some.partition(len(some) - n)
        rows, scores = _kept(scores >= max(least, int(some[len(some) - n])), rows, scores)
    if len(rows) > n:
        all_of = scores.copy()
        all_of.partition(len(rows) - n)
        least = max(least, int(all_of[len(rows) - n]))
        rows, scores = _kept(scores >= least, rows, scores)
    return rows, scores, least
