"""Variants by day: of each group of items a list shows one, the best that may be shown now.

Lists of the night name one item of a group. Where that one is sold out, hidden or not what is asked for, the next
variant takes its place and its score. `variants=True` opens groups: calls then rank every item by itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookup.keys import CACHED
from lookup.release.reader import Release
from lookup.retrieval.ranked_lists import NO_ITEM, Ranked, RankedLists
from lookup.retrieval.variants import NO_GROUP, first_of_each
from lookup.serving.hit import Hit, SourceName

if TYPE_CHECKING:
    from lookup.serving.request import Request
    from lookup.serving.state import State

Rows = NDArray[np.int32]
Score = Callable[[Rows], NDArray[np.float32]]
"""The scores of different item rows, rising, (n,)."""
SPARE = 12
"""How many items beyond those wanted are first read of a stored list, because some may be blocked."""
OVERFETCH = 4
"""A source is asked for this many times as many items as there are places, for some are of one group."""


class Groups(dict[int, tuple[str, int]]):
    """The groups of a state: by code its id, and how many items it has. Made when they are asked for.

    group: of each item its code. joined: by code the items that patches put into it. names: of the codes after those of
    the release.
    """

    def __init__(self, release: Release, group: Rows, joined: Mapping[int, Sequence[int]], names: Sequence[str]):
        super().__init__()
        self._release, self._group, self._joined, self._names = release, group, joined, names
        self.code: Callable[[int], int] = group.data.__getitem__
        """The code of an item by its row; a number of Python."""

    def rows(self, code: int) -> list[int]:
        """The items of a group: those of the release, rising, then those that patches put into it."""
        rows = self._release.group_rows(code)
        if self._group is self._release.item_group:
            return rows
        return [row for row in (*rows, *self._joined.get(code, ())) if self._group[row] == code]

    def __missing__(self, code: int) -> tuple[str, int]:
        if len(self) >= CACHED:
            self.clear()
        released = len(self._release.groups)
        name = self._release.groups.id(code) if code < released else self._names[code - released]
        self[code] = name, len(self.rows(code))
        return self[code]


def make_hit(state: "State", row: int, score: float, name: SourceName, arm: str | None) -> Hit:
    """A hit, with its group."""
    code = state.groups.code(row) if state.grouped else NO_GROUP
    if code == NO_GROUP:
        return Hit(state.id(row), score, name, arm)
    return Hit(state.id(row), score, name, arm, *state.groups[code])


def popularity(state: "State") -> Score:
    """Items by their popularity at night; 0 for those added since."""

    def score(rows: Rows) -> NDArray[np.float32]:
        found = np.zeros(len(rows), dtype=np.float32)
        of_release = rows < state.release_items
        found[of_release] = state.release.item_popularity[rows[of_release]]
        return found

    return score


def best_of_groups(
    state: "State", codes: Iterable[int], allows: Callable[[Rows], Rows], score: Score
) -> dict[int, int]:
    """The best item of each group, by its code; a group of which no item is allowed is left out.

    allows: the allowed of some rows, rising. Of equal scores the lower row wins.
    """
    rows = allows(np.array(sorted(row for code in codes for row in state.groups.rows(code)), dtype=np.int32))
    if not len(rows):
        return {}
    best = rows[np.argsort(-score(rows), kind="stable")]
    best = best[first_of_each(state.group[best])]
    return dict(zip(state.group[best].tolist(), best.tolist(), strict=True))


def one_of_each(request: "Request", ranked: Ranked, enough: int) -> Ranked:
    """The first `enough` things of a ranking that a request allows, each group once and none that it has.

    A group stands where the first of its items does. That is the item shown, or else the next of the ranking that is
    allowed, or else the best of the group.
    """
    state, rows = request.state, np.array(ranked[0], dtype=np.int32)
    codes = state.group[rows].tolist()
    allowed = set(request.allowed_rows(rows).tolist())
    best: dict[int, int] = {}
    for row, code in zip(ranked[0], codes, strict=True):
        if row in allowed:
            best.setdefault(code, row)
    shown = {*request.groups_shown}
    missing = dict.fromkeys(code for code in codes if code != NO_GROUP and code not in best and code not in shown)
    if missing:
        best |= best_of_groups(state, missing, request.allowed_rows, request.score or popularity(state))
    found: Ranked = ([], [])
    for row, code, score in zip(ranked[0], codes, ranked[1], strict=True):
        if row not in allowed if code == NO_GROUP else code in shown or code not in best:
            continue
        shown.add(code)
        found[0].append(row if code == NO_GROUP else best[code])
        found[1].append(score)
        if len(found[0]) == enough:
            break
    return found


def stored_things(
    state: "State",
    k: int,
    lists: RankedLists,
    row: int,
    *,
    name: SourceName,
    arm: str | None,
    variants: bool,
    order: Score | None,
) -> list[Hit]:
    """As `lookup.serving.request.stored_hits`, where items have groups; each once, without `variants`.

    order: of the variants outside of the list that may take the place of one that is sold out; None: none may.
    """
    stand_ins: dict[int, int] = {}
    for width in (k + SPARE, state.release_items):
        rows, scores = lists.top(row, width)
        while True:
            known = None if order is None else stand_ins
            hits, missing = _listed(state, k, (rows, scores), known, name=name, arm=arm, variants=variants)
            if order is None or not missing:
                break
            found = best_of_groups(state, missing, _unblocked(state), order)
            stand_ins |= {code: found.get(code, NO_ITEM) for code in missing}
        if len(hits) == k or len(rows) < width:
            break
    return hits


def _listed(
    state: "State",
    k: int,
    ranked: Ranked,
    stand_ins: Mapping[int, int] | None,
    *,
    name: SourceName,
    arm: str | None,
    variants: bool,
) -> tuple[list[Hit], list[int]]:
    """The hits of a stored list; and the groups whose item there is sold out and that `stand_ins` does not know.

    stand_ins: by group the item in its place, or `NO_ITEM`; None: there is none.
    """
    blocked, groups, id_of = state.blocked, state.groups, state.release.items.id
    code_of, new = groups.code, tuple.__new__  # quicker than the constructor of a NamedTuple
    shown: set[int] = set()
    hits: list[Hit] = []
    missing: list[int] = []
    for item, score in zip(*ranked, strict=True):
        code = code_of(item)
        if code == NO_GROUP:
            if not blocked[item]:
                hits.append(new(Hit, (id_of(item), score, name, arm, None, 1)))
        elif code not in shown:
            if not blocked[item]:
                hits.append(new(Hit, (id_of(item), score, name, arm, *groups[code])))
            elif stand_ins is None:
                continue
            elif (other := stand_ins.get(code)) is None:
                missing.append(code)
            elif other != NO_ITEM:
                hits.append(make_hit(state, other, score, name, arm))
            if not variants:
                shown.add(code)
        if len(hits) + len(missing) == k:
            break
    return hits, missing


def _unblocked(state: "State") -> Callable[[Rows], Rows]:
    blocked = np.frombuffer(state.blocked, dtype=np.uint8)
    return lambda rows: rows[blocked[rows] == 0]
