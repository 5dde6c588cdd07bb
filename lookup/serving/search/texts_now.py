"""What a search reads of the items whose words are not those of the night."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from lookup.search.texts import texts_of

if TYPE_CHECKING:
    from lookup.search.searcher import Searcher
    from lookup.serving.state import State

MOST_RETOLD = 10_000
"""So many of the release's items are searched by new words at once; further ones from the next night on."""


def texts_now(state: "State", before: "Searcher | None") -> tuple[list[Sequence[str]], dict[int, Sequence[str]]]:
    """The texts of the added items, and by row those of the release's items that patches describe anew.

    before: the searcher of an earlier state. What did not change since is as it knows it.
    """
    known = before.added.texts if before is not None else {}
    then = getattr(before.facts, "patched", {}) if before is not None else {}

    def texts(row: int, item: str) -> Sequence[str]:
        if row in known and state.patched.get(item) is then.get(item):
            return known[row]
        return texts_of(state.record(item) or {})

    added = [texts(row, item) for row, item in enumerate(state.added, state.release_items)]
    return added, {row: texts(row, item) for row, item in islice(state.retold.items(), MOST_RETOLD)}
