"""From ranked lists to exactly `k` hits: what is blocked, excluded or does not satisfy a condition is passed over."""

from collections.abc import Callable, Iterable
from itertools import compress, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.keys import each
from lookup.release.reader import Ranked, RankedLists
from lookup.serving.diversity import MMR, MOST, POOL, Cap
from lookup.serving.filters import Condition, Mask, condition
from lookup.serving.state import State


class Hit(NamedTuple):
    """An item that is recommended."""

    item_id: str
    score: float
    """Comparable within one source only; 0 for a pinned one."""
    source: str
    """Where it is from: "list" (precomputed), "session" (computed by this call from the user's history), "similar",
    "again", "category", "popular" or "pinned"."""
    arm: str | None = None
    """Of an A/B test, that the user is in."""


Source = tuple[str, Callable[[int], Ranked]]
"""A name, and what makes its list: called only where the lists before it were too short, with how many are wanted of it
by whoever needs no more of those that may be shown than its first ones."""

SPARE = 12
"""Of a list so many items more than wanted are looked at first, in case some are blocked."""
EVERY = 2**62
"""All that there are."""


class Request:
    """What a call wants, and what it has of it so far.

    exclude, pins: ids. Raises TypeError when one is not text, ConditionError for a condition that cannot be.
    """

    def __init__(
        self,
        state: State,
        k: int,
        *,
        exclude: Iterable[str],
        pins: Iterable[str],
        where: Condition | Mask | None,
        diversity: MMR | Cap | None,
        arm: str | None = None,
    ):
        if not (diversity is None or isinstance(diversity, MMR | Cap)):
            raise TypeError(f"diversity is lookup.MMR(…), lookup.Cap(…) or None, not {diversity!r:.100}")
        self.state, self.k, self.diversity, self.arm = state, k, diversity, arm
        self.where = None if where is None else condition(where)
        self.taken = set(rows_of(state, exclude))
        """Rows that may not come, because they are excluded, or there already."""
        self.hits: list[Hit] = []
        self._rows: list[int] = []
        for row in rows_of(state, pins):
            if row >= 0 and row not in self.taken and not state.blocked[row] and len(self.hits) < k:
                self._add(row, 0.0, "pinned")

    def eligible(self) -> NDArray[np.int32]:
        """All rows that may still come, rising."""
        shown = np.frombuffer(self.state.blocked, dtype=np.uint8) == 0
        shown[[row for row in self.taken if row >= 0]] = False
        rows = np.flatnonzero(shown).astype(np.int32)
        return rows if self.where is None or not len(rows) else rows[self.where.holds(self.state, rows)]

    def fill(self, sources: Iterable[Source]) -> list[Hit]:
        """Up to `k` hits: those pinned, and then the first that may come of each source.

        What a cap leaves out comes at the end, where nothing else is left.
        """
        cap = self.diversity.counting(self.state, self._rows) if isinstance(self.diversity, Cap) else None
        left: list[tuple[int, float, str]] = []
        for source, make in sources:
            wanted = self.k - len(self.hits)
            if wanted == 0:
                break
            enough = min(EVERY if cap is not None else wanted if self.diversity is None else wanted * POOL, EVERY)
            rows, scores = self._allowed(make(enough), enough)
            if isinstance(self.diversity, MMR) and rows:
                rows, scores = self._diverse(self.diversity, rows, scores, wanted)
            for row, score in zip(rows, scores, strict=True):
                if cap is not None and not cap.takes(row):
                    left.append((row, score, source))
                    continue
                self._add(row, score, source)
                if len(self.hits) == self.k:
                    return self.hits
        for row, score, source in left:
            if row not in self.taken and len(self.hits) < self.k:
                self._add(row, score, source)
        return self.hits

    def _add(self, row: int, score: float, source: str) -> None:
        self.taken.add(row)
        self._rows.append(row)
        self.hits.append(Hit(self.state.id(row), score, source, self.arm))

    def _allowed(self, ranked: Ranked, enough: int) -> Ranked:
        """Those that may come: as many as are enough."""
        blocked, taken = self.state.blocked, self.taken
        may = (place for place, row in enumerate(ranked[0]) if not blocked[row] and row not in taken)
        places = list(may if self.where is not None else islice(may, enough))
        rows, scores = [ranked[0][place] for place in places], [ranked[1][place] for place in places]
        if self.where is None or not rows:
            return rows, scores
        holds = self.where.holds(self.state, np.array(rows, dtype=np.int32)).tolist()
        return list(compress(rows, holds)), list(compress(scores, holds))

    def _diverse(self, mmr: MMR, rows: list[int], scores: list[float], wanted: int) -> Ranked:
        """A list by maximal marginal relevance, given what was chosen before."""
        pool, before = rows[: min(wanted, MOST) * POOL], self._rows[:MOST]
        vectors = self.state.vector(np.array(before + pool, dtype=np.int32))[:, :-1]  # less the bias
        relevance = np.array(scores[: len(pool)], dtype=np.float32)
        order = mmr.order(relevance, vectors[len(before) :], min(wanted, MOST), vectors[: len(before)]).tolist()
        there = set(order)
        order += [place for place in range(len(rows)) if place not in there]
        return [rows[place] for place in order], [scores[place] for place in order]


def first(state: State, k: int, lists: RankedLists, row: int, *, source: str, arm: str | None) -> list[Hit]:
    """Up to `k` hits of one list of a release, as it is: what most calls need, in some microseconds."""
    blocked, name = state.blocked, state.release.items.id
    new = tuple.__new__
    hits: list[Hit] = []
    for width in (k + SPARE, state.own):
        hits = []
        rows, scores = lists.top(row, width)
        for item, score in zip(rows, scores, strict=True):
            if blocked[item]:
                continue
            hits.append(new(Hit, (name(item), score, source, arm)))
            if len(hits) == k:
                return hits
        if len(rows) < width:
            break
    return hits


def rows_of(state: State, ids: Iterable[str]) -> list[int]:
    """Rows of ids, -1 for those that nobody knows. Raises TypeError for one text, and for an id that is not text."""
    return [state.find(one) for one in each("item ids", ids)]
