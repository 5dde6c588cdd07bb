"""The one statement of what a release holds: its schema version, the letters of its shapes, and its arrays.

Writers, readers, checks and `lookup/release/FORMAT.md` derive from this module; `lookup.release.catalog_schema` states
the tables for SQL. Each array and letter says since which schema version it exists, and what stands in for it in a
release of an older version. So a reader of today opens a release of yesterday's schema and no caller needs an `if`.

To add an array: state it here with `since` one above today's version, raise `SCHEMA_VERSION`, give it a stand-in with
which readers behave as they did before, and write it in `jobs.stages.build`. Then `python -m tests.release_format`
writes FORMAT.md, and `python -m tests.golden_release` the release by which later readers are tested. An array never
changes its meaning, dtype or shape: give the changed one a new name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval import ranked_lists

SCHEMA_VERSION = 8
"""The newest version that this Daybreak writes. It rises by one whenever a release gets something that readers need."""

UNSHARDED_VERSION = 7
"""The version of a release without shards: 8 brought shards and nothing else, so that readers of 7 read all others.
What comes next raises both."""

FIRST_VERSION = 3
"""The oldest version of which releases exist outside of development; 1 and 2 were drafts."""

NO_ITEM = ranked_lists.NO_ITEM
"""Fills an item list after its last entry; the score beside it is 0."""

NONE = -1
"""No category, no brand."""

NUMBER, TEXT = "number", "text"
"""The kinds of declared features; yes and no are the numbers 1 and 0."""

WHOLE_SHOP = 0
"""Row of `popular_*` with the list of the whole shop; category c has row c + 1."""

FREE = "*"
"""In a shape: a size that the file itself tells."""


@dataclass(frozen=True)
class Letter:
    """A letter in the shapes of arrays. The manifest gives its size under `dims`."""

    letter: str
    doc: str
    since: int = FIRST_VERSION
    """The schema version that brought it."""
    stand_in: int | None = None
    """Its size in a release older than `since`. None: a reader needs it, and refuses older releases."""


@dataclass(frozen=True)
class Array:
    """A memory-mapped array `arrays/<name>.npy`; in a shard `arrays/shard-003/<name>.npy`."""

    name: str
    dtype: str
    shape: tuple[str, ...]
    """One letter a dimension; "I+1" means one more than I."""
    doc: str
    since: int = FIRST_VERSION
    """The schema version that brought it: each release of this version or a newer one has the file."""
    stand_in: float | None = None
    """The number that fills the array where a reader opens a release older than `since`; the release then answers as
    its own version did. None: a reader needs the array, and refuses older releases."""
    rows_of: str | None = None
    """The numbers are rows: 0 up to the size of this letter, and with `ends` also -1."""
    ends: bool = True
    """Whether -1 stands where there is no row."""
    places_in: str | None = None
    """The numbers are places in this array: from 0, never falling, and at last its length."""

    @property
    def of_users(self) -> bool:
        """Whether its rows are of users: a release with shards has such an array once in each of them."""
        return self.name.startswith("user_")

    def size(self, dims: Mapping[str, int], free: int = 0) -> tuple[int, ...]:
        """The shape in numbers. dims: the size of each letter. free: the size of `FREE`."""
        return tuple(free if d == FREE else dims[d[0]] + int(d[2:] or 0) for d in self.shape)

    def filled(self, dims: Mapping[str, int]) -> NDArray[Any]:
        """The array of an older release: `stand_in` everywhere, read-only, in the memory of one number."""
        return np.broadcast_to(np.array(self.stand_in, dtype=self.dtype), self.size(dims))


LETTERS: tuple[Letter, ...] = (
    Letter("I", "items"),
    Letter("U", "active users"),
    Letter("C", "categories"),
    Letter("D", "coordinates of a vector"),
    Letter("K", "places of a user's list"),
    Letter("O", "places of a user's list of what the user never had; 0 where `user_topk` is that list", 6, 0),
    Letter("S", "places of an item's list of similar items"),
    Letter("B", "places of a user's buy-again list; may be 0"),
    Letter("P", "places of a popular list"),
    Letter("N", "transitions of an item"),
    Letter("G", "categories of the longest category path"),
    Letter("M", "brands"),
    Letter("F", "declared features"),
    Letter("V", "different texts of declared features"),
    Letter("E", "events of all users' histories"),
    Letter("R", "coordinates of a projection; may be 0"),
    Letter("L", "labels: attributes and words of items"),
    Letter("H", "coordinates of the behaviour part of a vector"),
    Letter("Q", "coordinates of one head of the behaviour part"),
    Letter("T", "coordinates of the text part of a vector"),
    Letter("W", "coordinates of the look part of a vector; may be 0", since=5, stand_in=0),
    Letter("J", "groups of variants", since=6, stand_in=0),
    Letter("X", "coordinates of the vision model's own vectors; 0 where no item has a picture", since=5, stand_in=0),
)


def _keys(
    prefix: str, size: str, what: str, since: int = FIRST_VERSION, stand_in: float | None = None
) -> tuple[Array, ...]:
    """The three arrays that map text ids to rows and back (see `lookup.keys`)."""
    return (
        Array(
            f"{prefix}_hash",
            "uint64",
            (size,),
            f"first 8 bytes of sha256 of the {what}, rising: the order of rows",
            since,
            stand_in,
        ),
        Array(
            f"{prefix}_id_offsets",
            "int64",
            (f"{size}+1",),
            f"where each {what} begins in {prefix}_id_bytes",
            since,
            stand_in,
            places_in=f"{prefix}_id_bytes",
        ),
        Array(f"{prefix}_id_bytes", "uint8", (FREE,), f"every {what}, UTF-8, one after the other", since, stand_in),
    )


def _lists(prefix: str, rows: str, length: str, what: str, since: int = FIRST_VERSION) -> tuple[Array, ...]:
    """The two arrays of a family of ranked lists, best first. One of a later version is empty in older releases."""
    later = since > FIRST_VERSION
    return (
        Array(
            f"{prefix}_item",
            "int32",
            (rows, length),
            f"{what}: item rows, best first, {NO_ITEM} after the last",
            since,
            NO_ITEM if later else None,
            rows_of="I",
        ),
        Array(f"{prefix}_score", "float32", (rows, length), f"{what}: scores, falling", since, 0 if later else None),
    )


ARRAYS: tuple[Array, ...] = (
    *_keys("item", "I", "item id"),
    Array(
        "item_record_offsets",
        "int64",
        ("I+1",),
        "where each item's record begins in item_record_bytes",
        places_in="item_record_bytes",
    ),
    Array("item_record_bytes", "uint8", (FREE,), "the row of table items as a JSON object, one after the other"),
    Array("item_input", "float32", ("I", "D"), "x: what an event of an item adds to the vector of its user"),
    Array("item_vector", "float32", ("I", "D"), "v: item i scores u . v[i] for user vector u, and what history adds"),
    Array(
        "item_next_item",
        "int32",
        ("I", "N"),
        f"item rows of an item's transitions, {NO_ITEM} after the last",
        rows_of="I",
    ),
    Array(
        "item_next_weight",
        "float32",
        ("I", "N"),
        "weight of each transition (see `lookup.scoring.score_parameters`); any sign",
    ),
    Array(
        "item_repeat",
        "float32",
        ("I",),
        "what is added to the score of an item in the user's history (see `lookup.scoring.score_parameters`); any sign",
    ),
    Array("item_sketch", "float32", ("I", "R"), "projection of v, scored before v (see `lookup.retrieval.scan`)"),
    Array("query_sketch", "float32", ("D", "R"), "matrix from a user vector to the projection that meets item_sketch"),
    Array("item_price", "float64", ("I",), "in the shop's currency, as of the night; NaN where unknown"),
    Array("item_in_stock", "uint8", ("I",), "1: in stock as of the night; 0: not"),
    Array(
        "item_category",
        "int32",
        ("I", "G"),
        f"category rows of the path, the widest first, {NONE} after the last",
        rows_of="C",
    ),
    Array("item_brand", "int32", ("I",), f"brand row; {NONE} where unknown", rows_of="M"),
    Array("item_group", "int32", ("I",), f"group row; {NONE} where there is none", since=6, stand_in=NONE, rows_of="J"),
    Array("item_popularity", "float32", ("I",), "score that orders the popular list of the whole shop"),
    Array("item_usual_price", "float32", ("I",), "price without a discount; NaN where unknown"),
    Array(
        "ranker", "float32", (FREE,), "weights of the ranker (see `lookup.scoring.ranker`); empty where there is none"
    ),
    Array(
        "item_feature",
        "float64",
        ("I", "F"),
        "declared features in the order of the manifest; for a text its row among the values; NaN where unknown",
    ),
    *_keys("label", "L", "label (see `lookup.scoring.cold_start`)"),
    Array(
        "label_vector",
        "float32",
        ("L", "H"),
        "what a label adds to e, one part a head (see `lookup.scoring.cold_start`)",
    ),
    Array("label_map", "float32", ("H", "Q"), "M: matrix from e to the behaviour part of x, one head below the other"),
    Array("label_text", "float32", ("L", "T"), "what a label adds to the text part of a vector"),
    Array("label_look", "float32", ("L", "W"), "what a label adds to the look part of a vector", since=5, stand_in=0),
    Array(
        "look_basis",
        "float32",
        ("X", "W"),
        "principal components of pictures: a vector of the vision model times it is in the look part's space",
        since=5,
        stand_in=0,
    ),
    *_lists("item_topk", "I", "S", "similar items of an item"),
    *_keys("user", "U", "user id"),
    Array(
        "user_vector",
        "float32",
        ("U", "D"),
        "u: the night's vector of an active user (see `lookup.scoring.user_encoder`)",
    ),
    Array(
        "user_history_offsets",
        "int64",
        ("U+1",),
        "where each user's events begin in the next three, newest last",
        places_in="user_history_item",
    ),
    Array(
        "user_history_item",
        "int32",
        ("E",),
        "item row of each event that made the night's vector",
        rows_of="I",
        ends=False,
    ),
    Array("user_history_day", "int32", ("E",), "its day, since 1970, UTC; the day before the night has age 1"),
    Array("user_history_weight", "float32", ("E",), "its weight, by the event type"),
    *_lists("user_topk", "U", "K", "recommendations of a user"),
    *_lists("user_unseen", "U", "O", "recommendations of a user, of items that the user never had", since=6),
    *_lists("user_again", "U", "B", "what a user may buy again, all from the user's history"),
    *_keys("category", "C", "category name"),
    *_keys("brand", "M", "brand"),
    *_keys("value", "V", "text of a declared feature"),
    *_keys("group", "J", "group id", since=6, stand_in=0),
    Array(
        "group_item_offsets",
        "int64",
        ("J+1",),
        "where each group's items begin in group_item",
        since=6,
        stand_in=0,
        places_in="group_item",
    ),
    Array(
        "group_item", "int32", (FREE,), "item rows of each group, rising", since=6, stand_in=0, rows_of="I", ends=False
    ),
    *_lists("popular", "C+1", "P", "most popular items of the whole shop (row 0) and of category c (row c + 1)"),
)


def array(name: str) -> Array:
    """The statement of an array by its name. Raises KeyError when there is none."""
    return _BY_NAME[name]


def arrays_of(version: int) -> tuple[Array, ...]:
    """The arrays that each release of a schema version has as files."""
    return tuple(one for one in ARRAYS if one.since <= version)


def oldest_needed() -> int:
    """The newest version that brought an array or a letter without a stand-in: no reader opens an older release."""
    stated: tuple[Array | Letter, ...] = (*ARRAYS, *LETTERS)
    return max(one.since for one in stated if one.stand_in is None)


_BY_NAME = {one.name: one for one in ARRAYS}
