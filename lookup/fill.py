"""From ranked lists to exactly `k` hits: what is blocked, excluded or does not satisfy a condition is passed over."""

from collections.abc import Callable, Iterable
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.diversity import MMR, Cap, Counting
from lookup.release import Ranked
from lookup.state import State
from lookup.where import Condition


class Hit(NamedTuple):
    """An item that is recommended."""

    item_id: str
    score: float
    """Comparable within one source only."""
    source: str
    """Where it is from: "list" (precomputed), "session" (computed by this call from the user's history), "similar",
    "again", "category", "popular" or "pinned"."""
    arm: str | None = None
    """Of an A/B test, that the user is in."""


Source = tuple[str, Callable[[], Ranked]]
"""A name, and what makes its list: called only where the lists before it were too short."""

DIVERSE = 10
"""MMR chooses among so many times as many candidates as hits are wanted."""


def fill(
    state: State,
    k: int,
    sources: Iterable[Source],
    taken: set[int],
    *,
    where: Condition | None = None,
    diversity: MMR | Cap | None = None,
    arm: str | None = None,
) -> list[Hit]:
    """The first `k` hits that may be shown. taken: rows that may not; what is chosen is added to it.

    What a cap leaves out comes back at the end, where nothing else is left.
    """
    hits: list[Hit] = []
    left: list[Hit] = []
    left_rows: list[int] = []
    counting = diversity.counting() if isinstance(diversity, Cap) else None
    for source, make in sources:
        rows, scores = _allowed(state, make(), taken, where)
        if isinstance(diversity, MMR) and rows:
            rows, scores = _diverse(state, diversity, rows, scores, k - len(hits))
        if counting is not None:
            rows, scores, held = _capped(state, counting, rows, scores, k - len(hits))
            left_rows += [row for row, _ in held]
            left += [_hit(state, row, score, source, arm) for row, score in held]
        for row, score in zip(rows, scores, strict=True):
            if row in taken:
                continue
            taken.add(row)
            hits.append(_hit(state, row, score, source, arm))
            if len(hits) == k:
                return hits
    for row, hit in zip(left_rows, left, strict=True):
        if row not in taken and len(hits) < k:
            taken.add(row)
            hits.append(hit)
    return hits


def first(state: State, k: int, listed: tuple[str, Ranked], taken: set[int], arm: str | None = None) -> list[Hit]:
    """As `fill`, of one list, without conditions and variety: what most calls need, in a microsecond or two."""
    source, (rows, scores) = listed
    blocked, name = state.blocked, state.id
    new, there = tuple.__new__, 0
    hits: list[Hit] = []
    for row, score in zip(rows, scores, strict=True):
        if blocked[row] or row in taken:
            continue
        hits.append(new(Hit, (name(row), score, source, arm)))
        taken.add(row)
        there += 1
        if there == k:
            break
    return hits


def pinned(state: State, pins: Iterable[int], taken: set[int], k: int, arm: str | None) -> list[Hit]:
    """Hits of pinned rows, in their order; those that are blocked or excluded are left out."""
    hits: list[Hit] = []
    for row in pins:
        if row >= 0 and row not in taken and not state.blocked[row] and len(hits) < k:
            taken.add(row)
            hits.append(_hit(state, row, 0.0, "pinned", arm))
    return hits


def eligible(state: State, taken: set[int], where: Condition | None) -> NDArray[np.int32]:
    """All rows that may be shown, rising."""
    open_rows = np.frombuffer(state.blocked, dtype=np.uint8) == 0
    if taken:
        open_rows = open_rows.copy()
        open_rows[[row for row in taken if row >= 0]] = False
    rows = np.flatnonzero(open_rows).astype(np.int32)
    return rows if where is None or not len(rows) else rows[where.holds(state, rows)]


def _allowed(state: State, ranked: Ranked, taken: set[int], where: Condition | None) -> Ranked:
    blocked = state.blocked
    keep = [not blocked[row] and row not in taken for row in ranked[0]]
    rows, scores = list(compress(ranked[0], keep)), list(compress(ranked[1], keep))
    if where is None or not rows:
        return rows, scores
    holds = where.holds(state, np.array(rows, dtype=np.int32)).tolist()
    return list(compress(rows, holds)), list(compress(scores, holds))


def _diverse(state: State, mmr: MMR, rows: list[int], scores: list[float], wanted: int) -> Ranked:
    pool = rows[: wanted * DIVERSE]
    vectors = state.vector(np.array(pool, dtype=np.int32))[:, :-1]  # less the bias
    order = mmr.order(np.array(scores[: len(pool)], dtype=np.float32), vectors, wanted).tolist()
    chosen = set(order)
    rest = [place for place in range(len(rows)) if place not in chosen]
    return [rows[place] for place in order + rest], [scores[place] for place in order + rest]


def _capped(
    state: State, counting: Counting, rows: list[int], scores: list[float], wanted: int
) -> tuple[list[int], list[float], list[tuple[int, float]]]:
    """The rows that a cap lets through, and those that it holds back."""
    chosen_rows: list[int] = []
    chosen_scores: list[float] = []
    held: list[tuple[int, float]] = []
    for row, score in zip(rows, scores, strict=True):
        if len(chosen_rows) == wanted:
            break
        if counting.takes(state, row):
            chosen_rows.append(row)
            chosen_scores.append(score)
        else:
            held.append((row, score))
    return chosen_rows, chosen_scores, held


def _hit(state: State, row: int, score: float, source: str, arm: str | None) -> Hit:
    return Hit(state.id(row), score, source, arm)
