"""A request, and how its results are filled: from ranked sources to exactly `k` hits."""

from collections.abc import Callable, Iterable, Iterator
from itertools import compress, islice
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.keys import each
from lookup.release.schema import NONE
from lookup.retrieval.ranked_lists import Ranked, RankedLists
from lookup.serving.hit import Hit, SourceName
from lookup.serving.limits.conditions import Condition, Mask, condition
from lookup.serving.limits.diversity import MMR, MOST, POOL, REACH, Cap
from lookup.serving.limits.variants import OVERFETCH, SPARE, Score, make_hit, one_of_each, stored_things
from lookup.serving.state import State

MOST_IDS = 100_000
"""How many ids one list of a call may have (`exclude`, `pins`, `history`): looking up so many takes some .4 s."""
ALL = 2**62
"""More items than any source has."""


class Source(NamedTuple):
    """A retrieval source: a name, and ranked items for one request."""

    name: SourceName
    """Which the hits carry."""
    rank: Callable[[int], Ranked]
    """Gives item rows, best first, and their scores. Called with n, and only where the sources before it leave places
    free. The first n rows that the request allows must be right; what follows them may be missing.
    """


class Request:
    """What one call asks for, and the results that it has so far.

    state: the items to answer from. k: how many hits the caller wants. exclude, pins: item ids. where: a condition or a
    mask. diversity: how the results must vary. arm: of the A/B test, for the hits. variants: whether each variant of a
    thing is a result by itself.

    Raises TypeError for what cannot be an id and for another kind of diversity, ConditionError for a condition that
    makes no sense.
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
        variants: bool = False,
    ):
        if not (diversity is None or isinstance(diversity, MMR | Cap)):
            raise TypeError(f"diversity is lookup.MMR(…), lookup.Cap(…) or None, not {diversity!r:.100}")
        self.state, self.k, self.diversity, self.arm = state, k, diversity, arm
        self.where = None if where is None else condition(where)
        self.excluded_rows = set(rows_of(state, exclude))
        """Rows that must not come: the caller excludes them, or the results hold them already."""
        self.collapsed = state.grouped and not variants
        """Whether the results have one item of a group at most, beside pins."""
        self.opened = state.grouped and variants
        """Whether variants that stored lists leave out are wanted."""
        self.groups_shown: set[int] = set()
        """The groups of which no further item may come."""
        self.score: Score | None = None
        """Orders the variants that may stand in for one of a list; None: by popularity."""
        self.hits: list[Hit] = []
        self._rows: list[int] = []
        for row in rows_of(state, pins):
            if row >= 0 and row not in self.excluded_rows and not state.blocked[row] and len(self.hits) < k:
                self._add(row, 0.0, "pinned")

    def eligible_rows(self) -> NDArray[np.int32]:
        """All item rows that the request allows now, rising, int32."""
        shown = np.frombuffer(self.state.blocked, dtype=np.uint8) == 0
        shown[[row for row in self.excluded_rows if row >= 0]] = False
        if self.groups_shown:
            gone = np.zeros(int(self.state.group.max()) + 2, dtype=bool)
            gone[[*self.groups_shown]] = True
            shown &= ~gone[self.state.group]  # the last is of -1, no group
        rows = np.flatnonzero(shown).astype(np.int32)
        return rows if self.where is None or not len(rows) else rows[self.where.holds(self.state, rows)]

    def fill_results(self, sources: Iterable[Source]) -> list[Hit]:
        """Up to `k` hits: first the pinned items, then the allowed items of each source in turn.

        Items that a cap leaves out come last, and only where nothing else fills the places.
        """
        sources = list(sources)
        hits = self._filled(sources)
        if self.collapsed and len(hits) < self.k and self.diversity is not None:
            # Variants of few things filled what a cap looks at, and others were never seen.
            self.diversity = None
            hits = self._filled(sources)
        return hits

    def _filled(self, sources: list[Source]) -> list[Hit]:
        cap = self.diversity.counting(self.state, self._rows) if isinstance(self.diversity, Cap) else None
        left_out: list[tuple[int, float, SourceName]] = []
        reached: set[SourceName] = set()
        for source in self._in_turn(sources) if self.collapsed else sources:
            wanted = self.k - len(self.hits)
            if wanted == 0:
                break
            if source.name in reached:  # it begins with the same items
                continue
            pool = wanted if self.diversity is None else wanted * POOL
            enough = min(pool if cap is None else max(pool, REACH), ALL)
            ranked = source.rank(min(enough * OVERFETCH, ALL) if self.collapsed else enough)
            rows, scores = self._allowed(ranked, enough)
            if cap is not None and len(rows) >= enough:
                reached.add(source.name)
            if isinstance(self.diversity, MMR) and rows:
                rows, scores = self._diverse(self.diversity, rows, scores, wanted)
            kinds = cap.kinds(rows) if cap is not None else None
            for place, (row, score) in enumerate(zip(rows, scores, strict=True)):
                if cap is not None and kinds is not None and not cap.takes(*kinds[place]):
                    left_out.append((row, score, source.name))
                    continue
                self._add(row, score, source.name)
                if len(self.hits) == self.k:
                    return self.hits
        for row, score, name in left_out:
            free = row not in self.excluded_rows and (
                not self.collapsed or int(self.state.group[row]) not in self.groups_shown
            )
            if free and len(self.hits) < self.k:
                self._add(row, score, name)
        return self.hits

    def _in_turn(self, sources: list[Source]) -> Iterator[Source]:
        """The sources, each again as long as it gives more: variants of few groups may fill its first items."""
        for source in sources:
            before = -1
            while before < len(self.hits) < self.k:
                before = len(self.hits)
                yield source

    def _add(self, row: int, score: float, name: SourceName) -> None:
        self.excluded_rows.add(row)
        self._rows.append(row)
        state = self.state
        if state.grouped:
            self.hits.append(make_hit(state, row, score, name, self.arm))
            self.shown_group_of(row)
        else:
            self.hits.append(tuple.__new__(Hit, (state.id(row), score, name, self.arm, None, 1)))

    def shown_group_of(self, row: int) -> None:
        """Let no further item of an item's group come."""
        if self.collapsed and (code := self.state.groups.code(row)) != NONE:
            self.groups_shown.add(code)

    def allowed_rows(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Those of some item rows that the request allows now, in their order."""
        shown = np.frombuffer(self.state.blocked, dtype=np.uint8).take(rows) == 0
        if self.excluded_rows:
            shown &= ~np.isin(rows, [*self.excluded_rows])
        rows = rows[shown]
        return rows if self.where is None or not len(rows) else rows[self.where.holds(self.state, rows)]

    def _allowed(self, ranked: Ranked, enough: int) -> Ranked:
        """The part of a ranking that the request allows; no more than is enough where no condition is given."""
        if self.collapsed:
            return one_of_each(self, ranked, enough)
        blocked, excluded = self.state.blocked, self.excluded_rows
        shown = (place for place, row in enumerate(ranked[0]) if not blocked[row] and row not in excluded)
        places = list(shown if self.where is not None else islice(shown, enough))
        rows, scores = [ranked[0][place] for place in places], [ranked[1][place] for place in places]
        if self.where is None or not rows:
            return rows, scores
        holds = self.where.holds(self.state, np.array(rows, dtype=np.int32)).tolist()
        return list(compress(rows, holds)), list(compress(scores, holds))

    def _diverse(self, mmr: MMR, rows: list[int], scores: list[float], wanted: int) -> Ranked:
        """A ranking reordered by maximal marginal relevance, given the results so far."""
        pool, before = rows[: min(wanted, MOST) * POOL], self._rows[:MOST]
        vectors = self.state.item_vectors(np.array(before + pool, dtype=np.int32))[:, :-1]  # without the bias
        relevance = np.array(scores[: len(pool)], dtype=np.float32)
        order = mmr.order(relevance, vectors[len(before) :], min(wanted, MOST), vectors[: len(before)]).tolist()
        chosen = set(order)
        order += [place for place in range(len(rows)) if place not in chosen]
        return [rows[place] for place in order], [scores[place] for place in order]


def stored_hits(
    state: State,
    k: int,
    lists: RankedLists,
    row: int,
    *,
    name: SourceName,
    arm: str | None,
    variants: bool = False,
    order: Score | None = None,
) -> list[Hit]:
    """Up to `k` hits of a stored list of a release, without those that are blocked. Takes a few microseconds.

    row: of the list. name: the source's name for the hits. variants: whether a group may be there more than once.
    order: as in `lookup.serving.limits.variants.stored_things`.
    """
    if state.grouped:
        return stored_things(state, k, lists, row, name=name, arm=arm, variants=variants, order=order)
    blocked, id_of = state.blocked, state.release.items.id
    new = tuple.__new__  # quicker than the constructor of a NamedTuple
    hits: list[Hit] = []
    for width in (k + SPARE, state.release_items):
        hits = []
        rows, scores = lists.top(row, width)
        for item, score in zip(rows, scores, strict=True):
            if blocked[item]:
                continue
            hits.append(new(Hit, (id_of(item), score, name, arm, None, 1)))
            if len(hits) == k:
                return hits
        if len(rows) < width:
            break
    return hits


def hits_wanted(k: int) -> int:
    """A number of hits, of whatever kind of whole number. Raises ValueError for what is none, and for less than 1."""
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k is how many hits are wanted: a number of 1 or more, not {k!r:.100}")
    return int(k)


def rows_of(state: State, ids: Iterable[str]) -> list[int]:
    """The item rows of ids; -1 for an unknown one.

    Raises TypeError for what cannot be an id, and for one text; ValueError for more than `MOST_IDS`.
    """
    given = list(islice(each("item ids", ids), MOST_IDS + 1))
    if len(given) > MOST_IDS:
        raise ValueError(
            f"item ids: more than {MOST_IDS:,} are given in one list, and a call looks up each: give fewer; to leave "
            "out very many items, a mask as `where`"
        )
    return [state.find(one) for one in given]
