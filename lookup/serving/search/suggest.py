"""Completions with the ids of what they name, as things are now."""

from collections.abc import Collection
from typing import NamedTuple

from lookup.errors import ConditionError
from lookup.search.searcher import Searcher
from lookup.serving.state import State
from lookup.understanding.suggester import ITEM, MOST, SUGGESTION_KINDS


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
        found = searcher.index.suggester.suggest(prefix, min(k, MOST), kinds or SUGGESTION_KINDS, state.blocked)
    except ValueError as error:
        raise ConditionError(f"kinds: {error}") from None
    return [
        Suggested(one.text, one.kind, state.id(one.row) if one.kind == ITEM else None, one.score, one.corrected)
        for one in found
    ]
