"""What a call answers with: hits, each with the name of the source that it comes from."""

from typing import Literal, NamedTuple

SourceName = Literal[
    "list",
    "session",
    "similar",
    "again",
    "category",
    "popular",
    "elsewhere",
    "pinned",
    "exact",
    "search",
    "corrected",
    "relaxed",
]
"""The names that a hit's source may have. `SOURCES` documents them."""

SOURCES: dict[SourceName, str] = {
    "list": "a precomputed list: of the user, or of a query that is asked often",
    "session": "scores that this call computed from the user's history",
    "similar": "the items most similar to the item that was asked for",
    "again": "the items that the user may buy again",
    "category": "the most popular items of a category",
    "popular": "the most popular items of the whole shop",
    "elsewhere": "the most popular items, in place of the list of a user whose shard this host does not serve",
    "pinned": "the ids that the caller pinned",
    "exact": "the item that a search names by its whole title, or by its id",
    "search": "items with all words of a search",
    "corrected": "items with all words of a search whose spelling was corrected",
    "relaxed": "items with some words of a search, or that mean something like it",
}
"""What each source gives."""


class Hit(NamedTuple):
    """An item that a call recommends."""

    item_id: str
    score: float
    """Comparable with scores of the same source only; 0 for a pinned item. A variant that stands in for one that may
    not be shown has the score of that one."""
    source: SourceName
    """Where the item comes from: see `SOURCES`."""
    arm: str | None = None
    """The user's arm of the A/B test; None without a test."""
    group: str | None = None
    """The id of the item's group: what its variants share. None for an item without variants."""
    variants: int = 1
    """How many items the group has, this one included, in stock or not."""
