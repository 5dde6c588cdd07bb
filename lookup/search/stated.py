"""The one statement of what the file `search.safetensors` of a release holds: its arrays, with the sizes they share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.retrieval.lexical.build import CHAMPIONS
from lookup.retrieval.lexical.counts import FIELDS
from lookup.search import FILE
from lookup.understanding.arrays import MEANING, SPELLING, SUGGESTIONS, Arrays, StatedArray, keys

_FIELDS = str(len(FIELDS))
WORDS: tuple[StatedArray, ...] = (
    *keys("term", "t", "terms"),
    StatedArray("term_starts", "int64", ("t+1",), "where each term's postings start"),
    StatedArray("term_idf", "float32", ("t",), "inverse document frequency"),
    StatedArray("term_best", "uint8", ("t",), "the largest impact"),
    StatedArray("term_docs", "int32", ("p",), "item rows of each term, rising"),
    StatedArray("term_impact", "uint8", ("p",), "BM25 over fields, without idf, of 255"),
    StatedArray("term_fields", "uint8", ("p",), f"a bit for each field that holds the term: {', '.join(FIELDS)}"),
    StatedArray("champion_term", "int32", ("c",), "terms with many items, rising"),
    StatedArray("champion_row", "int32", ("c", str(CHAMPIONS)), "their best items, the best first"),
    StatedArray("champion_impact", "uint8", ("c", str(CHAMPIONS)), "and the impacts of these"),
    StatedArray("dense_term", "int32", ("d",), "terms that very many items hold, rising"),
    StatedArray("dense_impact", "uint8", ("d", "I"), "their impacts over all items; 0: not there"),
    StatedArray("surface_offsets", "int64", ("s+1",), "where each word as written starts in the bytes"),
    StatedArray("surface_bytes", "uint8", ("*",), "words as written, by their bytes, UTF-8"),
    StatedArray("surface_term", "int32", ("s",), "their terms"),
    StatedArray("surface_times", "int32", ("s",), "how often they are there"),
    StatedArray("lexical_items", "int64", ("1",), "how many items the index has"),
    StatedArray("lexical_lengths", "float32", (_FIELDS,), "mean length of each field in tokens"),
    StatedArray("lexical_parameters", "float32", (str(1 + 2 * len(FIELDS)),), "k1, b and weight of each field"),
)
"""The lexical index (`lookup.retrieval.lexical.build`). t terms, p postings, c and d of these, s words, I items."""

TITLES: tuple[StatedArray, ...] = (
    StatedArray("title_starts", "int64", ("I+1",), "where each item's title starts in the next"),
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
    StatedArray("text_start", "int64", ("l+1",), "where each list starts in the order of lists"),
    StatedArray("text_item", "int32", ("I",), "the item row of each place in that order"),
    StatedArray("text_place", "int32", ("I",), "the place of each item row"),
    StatedArray("text_code", "int8", ("I", "E"), "the text vector of each item, by place"),
    StatedArray("text_scale", "float32", ("I",), "by which its codes are multiplied"),
)
"""The encoder of queries (`lookup.scoring.query_encoder`) and the items' vectors (`lookup.retrieval.text_index`)."""

HEAD: tuple[StatedArray, ...] = (
    *keys("head_query", "h", "head queries, normalised"),
    StatedArray("head_item", "int32", ("h", "k"), "item rows of each query, best first; -1 after the last"),
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


def check(arrays: Arrays, items: int) -> None:
    """Check that every stated array is there, with its dtype, and that shapes of one group agree.

    items: of the release. Raises ReleaseError, naming the array, with what was found and what was expected.
    """
    for group, stated in GROUPS.items():
        sizes = {"I": items}
        for one in stated:
            array = arrays.get(one.name)
            if array is None:
                raise ReleaseError(f"{FILE}: array {one.name} of {group} is missing")
            if array.dtype != np.dtype(one.dtype) or array.ndim != len(one.shape):
                raise ReleaseError(
                    f"{FILE}: {one.name} is {array.dtype} with {array.ndim} axes; {one.dtype} with {len(one.shape)} "
                    "expected"
                )
            for axis, name in enumerate(one.shape):
                _check_size(one.name, name, array.shape[axis], sizes)
            if one.name.endswith(("_offsets", "_start", "_starts", "_first")) and one.shape[0].endswith("+1"):
                _check_places(one.name, array)


def _check_size(array: str, name: str, found: int, sizes: dict[str, int]) -> None:
    if name == "*":
        return
    if name.isdigit():
        expected = int(name)
    else:
        letter, _, more = name.partition("+")
        expected = sizes.setdefault(letter, found - int(more or 0)) + int(more or 0)
    if found != expected:
        raise ReleaseError(f"{FILE}: {array} has {found} entries, {expected} expected")


def _check_places(name: str, places: NDArray[Any]) -> None:
    if places[0] != 0 or bool((places[1:] < places[:-1]).any()):
        raise ReleaseError(f"{FILE}: {name} must begin at 0 and never fall")
