"""The one statement of what the file `search.safetensors` of a release holds: its arrays, with the sizes they share."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.retrieval.lexical.build import CHAMPIONS
from lookup.retrieval.lexical.counts import FIELDS
from lookup.search import FILE
from lookup.understanding.arrays import MEANING, SPELLING, SUGGESTIONS, Arrays, StatedArray, keys
from lookup.understanding.suggester import SUGGESTION_KINDS

_FIELDS = str(len(FIELDS))
WORDS: tuple[StatedArray, ...] = (
    *keys("term", "t", "terms"),
    StatedArray("term_starts", "int64", ("t+1",), "where each term's postings start", places_in="term_docs"),
    StatedArray("term_idf", "float32", ("t",), "inverse document frequency"),
    StatedArray("term_best", "uint8", ("t",), "the largest impact"),
    StatedArray("term_docs", "int32", ("p",), "item rows of each term, rising", rows_of="I"),
    StatedArray("term_impact", "uint8", ("p",), "BM25 over fields, without idf, of 255"),
    StatedArray("term_fields", "uint8", ("p",), f"a bit for each field that holds the term: {', '.join(FIELDS)}"),
    StatedArray("champion_term", "int32", ("c",), "terms with many items, rising", rows_of="t"),
    StatedArray("champion_row", "int32", ("c", str(CHAMPIONS)), "their best items, the best first", rows_of="I"),
    StatedArray("champion_impact", "uint8", ("c", str(CHAMPIONS)), "and the impacts of these"),
    StatedArray("dense_term", "int32", ("d",), "terms that very many items hold, rising", rows_of="t"),
    StatedArray("dense_impact", "uint8", ("d", "I"), "their impacts over all items; 0: not there"),
    StatedArray(
        "surface_offsets",
        "int64",
        ("s+1",),
        "where each word as written starts in the bytes",
        places_in="surface_bytes",
    ),
    StatedArray("surface_bytes", "uint8", ("*",), "words as written, by their bytes, UTF-8"),
    StatedArray("surface_term", "int32", ("s",), "their terms", rows_of="t"),
    StatedArray("surface_times", "int32", ("s",), "how often they are there"),
    StatedArray("lexical_items", "int64", ("1",), "how many items the index has"),
    StatedArray("lexical_lengths", "float32", (_FIELDS,), "mean length of each field in tokens"),
    StatedArray("lexical_parameters", "float32", (str(1 + 2 * len(FIELDS)),), "k1, b and weight of each field"),
)
"""The lexical index (`lookup.retrieval.lexical.build`). t terms, p postings, c and d of these, s words, I items."""

TITLES: tuple[StatedArray, ...] = (
    StatedArray(
        "title_starts", "int64", ("I+1",), "where each item's title starts in the next", places_in="title_terms"
    ),
    StatedArray("title_terms", "int32", ("*",), "rows of the main terms of titles, in their order"),
    StatedArray("title_head", "int32", ("I",), "row of the term of the thing that each title names; -1 where unknown"),
)

ITEMS: tuple[StatedArray, ...] = (
    StatedArray("item_popular", "float32", ("I",), "share of the items that are less popular"),
    StatedArray("item_day", "int32", ("I",), "day since 1970 on which the shop first had the item; -1 where unknown"),
)

VECTORS: tuple[StatedArray, ...] = (
    *keys("query_token", "q", "tokens: words, pieces of words, and pairs of words"),
    StatedArray("query_token_code", "int8", ("q", "E"), "what a token adds to the vector of a query"),
    StatedArray("query_token_scale", "float32", ("q",), "by which its codes are multiplied"),
    StatedArray("text_centre", "float32", ("l", "E"), "centres of lists of items"),
    StatedArray("text_start", "int64", ("l+1",), "where each list starts in the order of lists", places_in="text_item"),
    StatedArray("text_item", "int32", ("I",), "the item row of each place in that order", rows_of="I"),
    StatedArray("text_place", "int32", ("I",), "the place of each item row", rows_of="I"),
    StatedArray("text_code", "int8", ("I", "E"), "the text vector of each item, by place"),
    StatedArray("text_scale", "float32", ("I",), "by which its codes are multiplied"),
    StatedArray("title_code", "int8", ("I", "E"), "the vector of each title as if it were a query, by row", later=True),
    StatedArray("title_scale", "float32", ("I",), "by which its codes are multiplied", later=True),
)
"""The encoder of queries (`lookup.scoring.query_encoder`) and the items' vectors (`lookup.retrieval.text_index`)."""

HEAD: tuple[StatedArray, ...] = (
    *keys("head_query", "h", "head queries, normalised"),
    StatedArray(
        "head_item",
        "int32",
        ("h", "k"),
        "item rows of each query, best first; -1 after the last",
        rows_of="I",
        least=-1,
    ),
    StatedArray("head_score", "float32", ("h", "k"), "their scores"),
    StatedArray("head_total", "int32", ("h",), "how many items hold all words of each and could be shown at night"),
)
"""Lists of head queries (`lookup.search.head`), h of them with k places."""

GROUPS: Mapping[str, tuple[StatedArray, ...]] = {
    "words": WORDS,
    "titles": TITLES,
    "items": ITEMS,
    "vectors": VECTORS,
    "spelling": SPELLING,
    "meaning": MEANING,
    "suggestions": SUGGESTIONS,
    "head": HEAD,
}
"""Groups of arrays. A size is a letter of its group; I is the number of items everywhere."""


BLOCK = 1 << 16
"""So many numbers are checked at a time: they stay in the processor's cache."""
ITEM = SUGGESTION_KINDS.index("item")


def check(arrays: Arrays, items: int, checked: bool = False) -> None:
    """Check that every stated array is there, with its dtype, that shapes of one group agree, and that places and rows
    exist, so that no call meets one that does not.

    items: of the release. checked: every byte is known to be right, so no number has to be looked at. Raises
    ReleaseError, naming the array, with what was found and what was expected.
    """
    for group, stated in GROUPS.items():
        sizes = {"I": items}
        for one in stated:
            array = arrays.get(one.name)
            if array is None and one.later:
                continue
            if array is None:
                raise ReleaseError(f"{FILE}: array {one.name} of {group} is missing")
            if array.dtype != np.dtype(one.dtype) or array.ndim != len(one.shape):
                raise ReleaseError(
                    f"{FILE}: {one.name} is {array.dtype} with {array.ndim} axes; {one.dtype} with {len(one.shape)} "
                    "expected"
                )
            for axis, name in enumerate(one.shape):
                _check_size(one.name, name, array.shape[axis], sizes)
        for one in () if checked else stated:
            if one.places_in is not None:
                _check_places(one.name, arrays[one.name], one.places_in, len(arrays[one.places_in]))
            if one.rows_of is not None:
                end = int(one.rows_of) if one.rows_of.isdigit() else sizes[one.rows_of]
                _check_rows(one.name, arrays[one.name], one.least, end)
    if int(arrays["lexical_items"][0]) != items:
        raise ReleaseError(f"{FILE}: lexical_items is {arrays['lexical_items'][0]}; the release has {items} items")
    if not checked:
        shown = arrays["suggest_row"][arrays["suggest_kind"] == ITEM]
        _check_rows("suggest_row", shown, 0, items)


def _check_size(array: str, name: str, found: int, sizes: dict[str, int]) -> None:
    if name == "*":
        return
    if name.isdigit():
        expected = int(name)
    else:
        letter, _, more = name.partition("+")
        expected = sizes.setdefault(letter, max(found - int(more or 0), 0)) + int(more or 0)
    if found != expected:
        raise ReleaseError(f"{FILE}: {array} has {found} entries, {expected} expected")


def _check_places(name: str, places: NDArray[Any], of: str, size: int) -> None:
    falls = any(bool((part[1:] < part[:-1]).any()) for part in _blocks(places, overlap=1))
    if places[0] != 0 or falls:
        raise ReleaseError(f"{FILE}: {name} must begin at 0 and never fall")
    if places[-1] != size:
        raise ReleaseError(f"{FILE}: {name} ends at {places[-1]}; {of} has {size} entries")


def _check_rows(name: str, rows: NDArray[Any], low: int, end: int) -> None:
    for part in _blocks(rows.reshape(-1)):
        held = part.astype(np.uint32) if part.dtype == np.uint64 else part  # the lower half
        least, most = int(held.min()), int(held.max())
        if least < low or most >= end:
            raise ReleaseError(
                f"{FILE}: {name} holds row {least if least < low else most}; rows from {low} to {end - 1} expected"
            )


def _blocks(values: NDArray[Any], overlap: int = 0) -> Iterator[NDArray[Any]]:
    for start in range(0, len(values), BLOCK):
        yield values[start : start + BLOCK + overlap]
