"""Completions with the ids of what they name, as things are now."""

from collections.abc import Collection
from itertools import compress
from typing import NamedTuple

import numpy as np

from lookup.errors import ConditionError
from lookup.retrieval.variants import NO_GROUP, first_of_each
from lookup.search.searcher import Searcher
from lookup.serving.limits.variants import OVERFETCH
from lookup.serving.state import State
from lookup.understanding.suggester import ITEM, MOST, SUGGESTION_KINDS, Suggestion


class Suggested(NamedTuple):
    """A completion of what was typed."""

    text: str
    kind: str
    """"query", "category", "brand" or "item"."""
    item_id: str | None
    """Of an item; None for other kinds."""
    score: float
    """How popular it is, 0 to 1."""
    corrected: bool
    """Whether a letter that was typed was taken for another."""


def suggest(state: State, searcher: Searcher, prefix: str, k: int, kinds: Collection[str] | None) -> list[Suggested]:
    """The best completions. Raises ConditionError for an unknown kind."""
    if isinstance(kinds, str):
        kinds = (kinds,)
    try:
        n = min(k * OVERFETCH if state.grouped else k, MOST)
        found = searcher.index.suggester.suggest(prefix, n, kinds or SUGGESTION_KINDS, state.blocked)
    except ValueError as error:
        raise ConditionError(f"kinds: {error}") from None
    return [
        Suggested(one.text, one.kind, state.id(one.row) if one.kind == ITEM else None, one.score, one.corrected)
        for one in _things(state, found)[:k]
    ]


def _things(state: State, found: list[Suggestion]) -> list[Suggestion]:
    """Completions in which each group of variants is named once."""
    if not state.grouped:
        return found
    groups = np.array([state.group[one.row] if one.kind == ITEM else NO_GROUP for one in found], dtype=np.int32)
    return list(compress(found, first_of_each(groups).tolist()))
