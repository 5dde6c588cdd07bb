"""Page tokens: which items of a search were shown, so that no page repeats or loses one while patches go on.

A position alone would: a price patch may move an item from the third page to the first, where the shopper was already.
So a token holds what was shown, four bytes an item, and the next page is the best of the rest. It is bound to the query
and says of which release it is; items keep their numbers when another release takes over.
"""

import base64
import binascii
import struct
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ConditionError
from lookup.keys import hash_id

MOST_SHOWN = 2000
"""Items of all pages together."""
LONGEST = 16_000
"""Characters of a token."""
VERSION = 1
OF_GROUPS = 0x5BD1E995
"""Turns the number of an id into that of a group: an item and a group may have one id."""
_HEAD = struct.Struct(">B8s8s")


class Page(NamedTuple):
    """What a token says."""

    release: bytes
    """The first 8 bytes of sha256 of the release's id."""
    shown: NDArray[np.uint32]
    """Numbers of the items that were shown, rising."""


def number(item_id: str) -> int:
    """The number of an item in tokens: the first 4 bytes of sha256 of its id."""
    return hash_id(item_id.encode("utf-8", "surrogatepass")) >> 32


def number_of(item_id: str, group: str | None) -> int:
    """The number of a hit: where groups are shown once, that of its group."""
    return number(item_id) if group is None else number(group) ^ OF_GROUPS


def token(release_id: str, asked: str, shown: Sequence[int] | NDArray[np.uint32]) -> str:
    """The token for the page after what was shown. asked: the query with all that changes its hits."""
    numbers = np.unique(np.asarray(shown, dtype=np.uint32)).astype(">u4")
    head = _HEAD.pack(VERSION, _digest(release_id), _digest(asked))
    return base64.urlsafe_b64encode(head + numbers.tobytes()).decode().rstrip("=")


def read(text: str, asked: str) -> Page:
    """What a token says. Raises ConditionError for one that is damaged, or that belongs to another search."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ConditionError(f"page: the `next` of an earlier result expected, not {text!r:.100}")
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, release, query = _HEAD.unpack_from(data)
    except (ValueError, binascii.Error, struct.error):
        raise ConditionError(f"page: the `next` of an earlier result expected, not {text!r:.100}") from None
    numbers = data[_HEAD.size :]
    if version != VERSION or len(numbers) % 4:
        raise ConditionError(f"page: {text!r:.100} is not whole, or of another version of Daybreak: begin anew")
    if query != _digest(asked):
        raise ConditionError("page: it belongs to another search: give the same query, sort and conditions, or no page")
    return Page(release, np.frombuffer(numbers, dtype=">u4").astype(np.uint32))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]
