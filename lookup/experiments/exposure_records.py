"""What one line of the record of exposures says: an answer that a user saw, of a search or of another call."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from numbers import Integral
from typing import Any, NamedTuple

from lookup.keys import LONGEST_ID, clean_id, each
from lookup.scoring.features import DAY

LONGEST_TEXT = 1000
"""Characters that are kept of a query, of what was searched for instead, and of each word that was given up."""
MOST_DROPPED = 64
"""Words given up that are kept: a search reads no more words."""
LARGEST_COUNT = 2**31 - 1
"""The largest position, and the largest total."""


class Exposure(NamedTuple):
    """An answer that a user saw."""

    user: str
    arm: str
    at: int
    """When the user saw it, in microseconds since 1970, UTC."""
    items: Sequence[str]
    """The ids of the items, in order."""
    test: str = ""
    """The name of the A/B test: its salt."""
    release: str = ""
    """The id of the release that answered."""
    place: str = ""
    """Where the answer was shown, such as "home" or "basket"."""


class SearchExposure(NamedTuple):
    """An answer to a search. It is an exposure that says more; a guest has neither a user's id nor an arm."""

    user: str | None
    arm: str | None
    at: int
    items: Sequence[str]
    query: str
    """As typed."""
    test: str = ""
    release: str = ""
    place: str = ""
    sources: Sequence[str] = ()
    """Where each item comes from, as hits name it; empty: not known."""
    positions: Sequence[int] | None = None
    """The place of each item among all results, from 1; None: 1, 2, 3 …"""
    total: int | None = None
    """How many items matched; None: not known."""
    corrected: str | None = None
    """What was searched for instead; None: nothing was corrected."""
    dropped: Sequence[str] = ()
    """Words that were given up, because no item had all of them."""


class ExposureLine(NamedTuple):
    """An exposure as it will stand in a file."""

    day: int
    """Since 1970."""
    text: bytes


def line(given: Exposure | SearchExposure, last: int) -> ExposureLine:
    """The line of an exposure: JSON and a line feed. last: its time must be before, microseconds since 1970.

    Raises TypeError or ValueError for parts that none can have.
    """
    search = given if isinstance(given, SearchExposure) else None
    at = _whole("at, microseconds since 1970,", given.at, 0, last - 1)
    items = [_id("an item", item) for item in each("item ids", given.items)]
    user = "" if search and given.user is None else _id("the user", given.user)
    arm = "" if search and given.arm is None else given.arm
    said = given._asdict() | {"user": user, "arm": arm, "at": at, "items": items}
    for name in ("arm", "test", "release", "place"):
        _text(name, said[name])
    if search:
        said |= _beside(search, len(items))
    return ExposureLine(at // DAY, (_json(said) + "\n").encode("utf-8", "backslashreplace"))


_json = json.JSONEncoder(ensure_ascii=False).encode


def _beside(given: SearchExposure, items: int) -> dict[str, Any]:
    """What a search says besides an exposure; `items`: how many it showed."""
    sources = [_text("a source", source) for source in each("sources", given.sources)]
    places = range(1, items + 1) if given.positions is None else each("positions", given.positions)
    positions = [_whole("a position", place, 1, LARGEST_COUNT) for place in places]
    if len(positions) != items or len(sources) not in (0, items):
        raise ValueError(f"{items} items have {len(positions)} positions and {len(sources)} sources; one each expected")
    return {
        "query": _short("the query", given.query),
        "sources": sources,
        "positions": positions,
        "total": None if given.total is None else _whole("total", given.total, 0, LARGEST_COUNT),
        "corrected": None if given.corrected is None else _short("corrected", given.corrected),
        "dropped": _words(each("words that were given up", given.dropped)),
    }


def _words(given: Iterable[str]) -> list[str]:
    return [_short("a word", word) for word in islice(given, MOST_DROPPED)]


def _short(what: str, given: object) -> str:
    """The beginning of a text. Lone surrogates, which no reader of JSON takes, become U+FFFD."""
    text = _text(what, given)[:LONGEST_TEXT]
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(what: str, given: object) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{what} is {given!r:.100}; text was expected")
    return given


def _whole(what: str, given: object, low: int, high: int) -> int:
    number = int(given) if isinstance(given, Integral) and not isinstance(given, bool) else -1
    if not low <= number <= high:
        raise ValueError(f"{what} is {given!r:.100}; a whole number from {low} to {high} was expected")
    return number


def _id(what: str, given: object) -> str:
    found = clean_id(given)
    if not found or len(found) > LONGEST_ID:
        raise ValueError(f"the id of {what} is {found!r:.100}; 1 to {LONGEST_ID} characters were expected")
    return found
