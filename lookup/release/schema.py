"""The one statement of what a release holds: its arrays (the hot path) and the tables of its catalog (SQL).

Writers, readers, checks, DuckDB DDL and the README's tables derive from this module. Shapes are written so:

    I  items         U  users (active)    C  categories          D  dimensions of a vector
    K  user list     S  similar items     B  buy-again list      P  popular list       N  followers of an item
    G  category path M  brands            F  declared features   V  their texts        E  events of histories
    L  labels of items  H  behaviour part     Q  one head of it      T  text part          R  dimensions of a sketch
    *  bytes of text
"""

from dataclasses import dataclass

SCHEMA_VERSION = 3
"""Raised by one whenever a reader of the version before could not read what is written now."""

NO_ITEM = -1
"""Fills an item list after its last entry; the score beside it is 0."""

NONE = -1
"""No category, no brand."""

NUMBER, TEXT = "number", "text"
"""The kinds of declared features; yes and no are the numbers 1 and 0."""

WHOLE_SHOP = 0
"""Row of `popular_*` that holds the list of the whole shop; category c has row c + 1."""


@dataclass(frozen=True)
class Array:
    """A memory-mapped array `arrays/<name>.npy`."""

    name: str
    dtype: str
    shape: tuple[str, ...]
    """One letter a dimension; "I+1" means one more than I."""
    doc: str


def _keys(prefix: str, size: str, what: str) -> tuple[Array, ...]:
    """The three arrays that map text ids to rows and back (see `lookup.keys`)."""
    return (
        Array(f"{prefix}_hash", "uint64", (size,), f"first 8 bytes of sha256 of the {what}, ascending: a row's place"),
        Array(f"{prefix}_id_offsets", "int64", (f"{size}+1",), f"where each {what} begins in {prefix}_id_bytes"),
        Array(f"{prefix}_id_bytes", "uint8", ("*",), f"every {what}, UTF-8, one after the other"),
    )


def _lists(prefix: str, rows: str, length: str, what: str) -> tuple[Array, ...]:
    """The two arrays of a family of ranked lists, best first."""
    return (
        Array(f"{prefix}_item", "int32", (rows, length), f"{what}: item rows, best first, {NO_ITEM} after the last"),
        Array(f"{prefix}_score", "float32", (rows, length), f"{what}: scores, falling"),
    )


ARRAYS: tuple[Array, ...] = (
    *_keys("item", "I", "item id"),
    Array("item_record_offsets", "int64", ("I+1",), "where each item's record begins in item_record_bytes"),
    Array("item_record_bytes", "uint8", ("*",), "the row of table items as a JSON object, one after the other"),
    Array("item_input", "float32", ("I", "D"), "x: what an item adds to the vector of a user who had it"),
    Array("item_vector", "float32", ("I", "D"), "v: item i scores u . v[i] for user vector u, and what history adds"),
    Array("item_next_item", "int32", ("I", "N"), f"rows of the items that follow an item, {NO_ITEM} after the last"),
    Array(
        "item_next_weight",
        "float32",
        ("I", "N"),
        "what a follower's score gains (see `lookup.scoring.user_encoder`); any sign",
    ),
    Array(
        "item_repeat",
        "float32",
        ("I",),
        "what an item gains for who had it (see `lookup.scoring.user_encoder`); any sign",
    ),
    Array("item_sketch", "float32", ("I", "R"), "what is scored before v, see `lookup.retrieval.scan`; R may be 0"),
    Array("query_sketch", "float32", ("D", "R"), "from a user vector to what item_sketch is multiplied with"),
    Array("item_price", "float64", ("I",), "in the shop's currency, as of the night; NaN where unknown"),
    Array("item_in_stock", "uint8", ("I",), "1: in stock as of the night; 0: not"),
    Array("item_category", "int32", ("I", "G"), f"category rows of the path, the widest first, {NONE} after the last"),
    Array("item_brand", "int32", ("I",), f"brand row; {NONE} where unknown"),
    Array("item_popularity", "float32", ("I",), "score by which the whole shop's popular list is ordered"),
    Array("item_usual_price", "float32", ("I",), "what it costs when nothing is taken off; NaN where unknown"),
    Array(
        "ranker", "float32", ("*",), "weights of the ranker (see `lookup.scoring.ranker`); empty where there is none"
    ),
    Array("item_feature", "float64", ("I", "F"), "declared features, by the manifest; of a text its row; NaN unknown"),
    *_keys("label", "L", "label (see `lookup.scoring.cold_start`)"),
    Array("label_vector", "float32", ("L", "H"), "what a label says of what an item goes with, a part a head"),
    Array("label_map", "float32", ("H", "Q"), "from there to what an item adds to a user, one head below the other"),
    Array("label_text", "float32", ("L", "T"), "what a label says of the text part of an item's vector"),
    *_lists("item_topk", "I", "S", "similar items of an item"),
    *_keys("user", "U", "user id"),
    Array(
        "user_vector",
        "float32",
        ("U", "D"),
        "u: the night's vector of an active user (see `lookup.scoring.user_encoder`)",
    ),
    Array("user_history_offsets", "int64", ("U+1",), "where each user's events begin in the next three, newest last"),
    Array("user_history_item", "int32", ("E",), "item row of each event that made the night's vector"),
    Array("user_history_day", "int32", ("E",), "its day, since 1970, UTC; the day before the night has age 1"),
    Array("user_history_weight", "float32", ("E",), "its weight, of the event type"),
    *_lists("user_topk", "U", "K", "recommendations of a user"),
    *_lists("user_again", "U", "B", "what a user may buy again: only items the user has had; B may be 0"),
    *_keys("category", "C", "category name"),
    *_keys("brand", "M", "brand"),
    *_keys("value", "V", "text of a declared feature"),
    *_lists("popular", "C+1", "P", "most popular items of the whole shop (row 0) and of category c (row c + 1)"),
)


@dataclass(frozen=True)
class Column:
    """A column of a table of the catalog."""

    name: str
    type: str
    """A DuckDB type."""
    doc: str


@dataclass(frozen=True)
class Table:
    """A table of `catalog.duckdb`."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    doc: str


def _list_columns(key: str, doc: str) -> tuple[Column, ...]:
    return (
        Column(key, "VARCHAR", doc),
        Column("rank", "INTEGER", "place in the list, from 1"),
        Column("item_id", "VARCHAR", "the item at that place"),
        Column("score", "FLOAT", "what the list is ordered by, falling"),
    )


CATALOG: tuple[Table, ...] = (
    Table(
        "items",
        ("item_id",),
        (
            Column("item_id", "VARCHAR", "the shop's own id"),
            Column("title", "VARCHAR", "name shown to people"),
            Column("description", "VARCHAR", "longer text"),
            Column("category", "VARCHAR[]", "path, from the widest to the narrowest"),
            Column("brand", "VARCHAR", ""),
            Column("price", "DOUBLE", "in the shop's currency, as of the night"),
            Column("image", "VARCHAR", "where its picture lies"),
            Column("in_stock", "BOOLEAN", "as of the night"),
            Column("features", "MAP(VARCHAR, VARCHAR)", "what `items.features` declares, as text, where it is known"),
            Column("events", "BIGINT", "how many events the night knew of it"),
        ),
        "every item of the shop",
    ),
    Table(
        "users",
        ("user_id",),
        (
            Column("user_id", "VARCHAR", "the shop's own id"),
            Column("events", "BIGINT", "events in the history that made the vector"),
            Column("last_event", "TIMESTAMP", "UTC"),
        ),
        "every active user",
    ),
    Table(
        "user_topk", ("user_id", "rank"), _list_columns("user_id", "whose list"), "recommendations of each active user"
    ),
    Table(
        "because",
        ("user_id", "rank"),
        (
            Column("user_id", "VARCHAR", "whose list"),
            Column("rank", "INTEGER", "place in the list of table user_topk, from 1"),
            Column("because_item", "VARCHAR", "the item of the user's history that gives most to the score there"),
            Column(
                "share",
                "FLOAT",
                "how much of the score it gives; of the item itself with what it gains for having been had",
            ),
        ),
        "why the first items of each user's list are recommended",
    ),
    Table("user_again", ("user_id", "rank"), _list_columns("user_id", "whose list"), "what each user may buy again"),
    Table("item_topk", ("similar_to", "rank"), _list_columns("similar_to", "whose list"), "similar items of each item"),
    Table(
        "popular",
        ("category", "rank"),
        _list_columns("category", "a category name, or '' for the whole shop"),
        "most popular items, by recency-weighted events",
    ),
    Table(
        "events_per_day",
        ("day", "type"),
        (
            Column("day", "DATE", "UTC"),
            Column("type", "VARCHAR", "event type"),
            Column("events", "BIGINT", ""),
            Column("users", "BIGINT", "different users"),
            Column("items", "BIGINT", "different items"),
        ),
        "what came in",
    ),
    Table(
        "metrics",
        ("method", "metric"),
        (
            Column("method", "VARCHAR", "'daybreak' or the name of a baseline"),
            Column("metric", "VARCHAR", "such as 'ndcg@20'"),
            Column("value", "DOUBLE", "mean over the evaluated users"),
            Column("users", "BIGINT", "how many were evaluated"),
        ),
        "how good the lists are on days held out of training",
    ),
    Table(
        "manifest",
        ("key",),
        (Column("key", "VARCHAR", "such as 'id'"), Column("value", "VARCHAR", "as text, JSON where it has parts")),
        "the manifest, less the list of files",
    ),
)
