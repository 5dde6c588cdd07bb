"""The one statement of the tables in `catalog.duckdb`, which people and programs read by SQL.

The build creates the tables and their comments from it, and `lookup/release/FORMAT.md` lists them. Each table and
column says since which schema version it exists. Nothing stands in for a missing column: who reads the catalog of an
older release asks `tables_of` what it has.
"""

from dataclasses import dataclass, replace

from lookup.item_fields import STORED, Kind
from lookup.release.schema import FIRST_VERSION

CATALOG_FILE = "catalog.duckdb"
DUCKDB_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "switch": "BOOLEAN",
    "path": "VARCHAR[]",
    "id": "VARCHAR",
}
"""The column type of each kind of item field."""

SEARCH = 4
"""The schema version that brought the tables of searches."""
UNSEEN = 6
"""The schema version that brought the lists without what users had."""


@dataclass(frozen=True)
class Column:
    """A column of a table of the catalog."""

    name: str
    type: str
    """A DuckDB type."""
    doc: str
    since: int = FIRST_VERSION
    """The schema version that brought it."""


@dataclass(frozen=True)
class Table:
    """A table of `catalog.duckdb`."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    doc: str
    since: int = FIRST_VERSION
    """The schema version that brought it."""


def _list_columns(key: str, doc: str) -> tuple[Column, ...]:
    return (
        Column(key, "VARCHAR", doc),
        Column("rank", "INTEGER", "place in the list, from 1"),
        Column("item_id", "VARCHAR", "the item at that place"),
        Column("score", "FLOAT", "orders the list, falling"),
    )


CATALOG: tuple[Table, ...] = (
    Table(
        "items",
        ("item_id",),
        (
            Column("item_id", "VARCHAR", "the shop's own id"),
            *(Column(one.name, DUCKDB_TYPES[one.kind], one.doc, one.since or FIRST_VERSION) for one in STORED),
            Column(
                "features", "MAP(VARCHAR, VARCHAR)", "the features that `items.features` declares, as text, where known"
            ),
            Column("events", "BIGINT", "events of the item that the night knew"),
        ),
        "all items of the shop",
    ),
    Table(
        "users",
        ("user_id",),
        (
            Column("user_id", "VARCHAR", "the shop's own id"),
            Column("events", "BIGINT", "events in the history that made the vector"),
            Column("last_event", "TIMESTAMP", "UTC"),
        ),
        "all active users",
    ),
    Table(
        "user_topk", ("user_id", "rank"), _list_columns("user_id", "whose list"), "recommendations of each active user"
    ),
    Table(
        "user_unseen",
        ("user_id", "rank"),
        _list_columns("user_id", "whose list"),
        "recommendations of items that the user never had; empty where user_topk has no others",
        UNSEEN,
    ),
    Table(
        "because",
        ("user_id", "rank"),
        (
            Column("user_id", "VARCHAR", "whose list"),
            Column("rank", "INTEGER", "place in the list of table user_topk, from 1"),
            Column(
                "because_item", "VARCHAR", "the item of the user's history that adds most to the score at that place"
            ),
            Column(
                "share",
                "FLOAT",
                "its part of the score; for the listed item itself with what a repeat adds",
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
        "events that came in",
    ),
    Table(
        "queries",
        ("query",),
        (
            Column("query", "VARCHAR", "normalised"),
            Column("text", "VARCHAR", "its most frequent form as typed"),
            Column("searches", "BIGINT", "how often it was searched for"),
            Column("users", "BIGINT", "different users; unknown ones are one"),
            Column("clicked", "BIGINT", "searches with a click"),
            Column("bought", "BIGINT", "searches with a purchase"),
            Column("zero_share", "DOUBLE", "share without results, of those that say how many there were"),
            Column("last_search", "TIMESTAMP", "UTC"),
        ),
        "what people searched for",
        SEARCH,
    ),
    Table(
        "query_topk",
        ("query", "rank"),
        _list_columns("query", "whose list, normalised"),
        "precomputed results of frequent queries, categories and brands",
        SEARCH,
    ),
    Table(
        "query_log",
        ("day",),
        (
            Column("day", "DATE", "UTC"),
            Column("searches", "BIGINT", ""),
            Column("zero_results", "BIGINT", "searches without results; null where no search says how many it had"),
            Column("clicked", "BIGINT", "searches with a click"),
            Column("mean_rank", "DOUBLE", "mean place of the clicks, from 1; null where no place is known"),
        ),
        "searches a day",
        SEARCH,
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
        "quality of the lists on days held out of training",
    ),
    Table(
        "manifest",
        ("key",),
        (Column("key", "VARCHAR", "such as 'id'"), Column("value", "VARCHAR", "as text, JSON where it has parts")),
        "the manifest without its list of files",
    ),
)


def tables_of(version: int) -> tuple[Table, ...]:
    """The tables in the catalog of each release of a schema version, with the columns that they have there."""
    return tuple(
        replace(table, columns=tuple(column for column in table.columns if column.since <= version))
        for table in CATALOG
        if table.since <= version
    )


def columns_of(table: str, version: int) -> tuple[Column, ...]:
    """The columns of a table in the catalog of each release of a schema version; none where the table came later."""
    return next((one.columns for one in tables_of(version) if one.name == table), ())
