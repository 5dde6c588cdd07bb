"""`catalog.duckdb`: DuckDB fills the tables of `CATALOG` straight from a run's Parquet files.

The lists of users and items are views, whose rows are stored by numbers in the schema `stored`. Numbers take less room
than ids. And a list that differs from that of the night before then changes its own bytes in the file and few others,
so that hosts move little of it (`jobs.releases.remote`): the dictionaries of compressed ids changed with each of their
lists. For the same reason one thread writes: several put the parts of the file into any order.

It is one file for all shards of users: a view cannot attach another file, so with several nobody could open one file
and ask. The rows of a shard go in together, one shard after another, so that DuckDB sorts no more than a shard.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from jobs.infra.blocks import DUCKDB_MEMORY, Blocks
from jobs.infra.runs import Run
from jobs.infra.tables import RUN_TABLE_OF
from jobs.releases.arrays.user_arrays import parts_of
from jobs.releases.receipts import receipts_query
from jobs.search.search_file import DAYS, FILE, FOLDER, QUERIES
from lookup import keys
from lookup.release.catalog_schema import CATALOG, Table
from lookup.release.manifest import Manifest
from lookup.release.schema import NO_ITEM
from lookup.search import index_file

LISTS = {
    "user_topk": "user",
    "user_unseen": "user",
    "because": "user",
    "user_again": "user",
    "item_topk": "item",
}
"""A table of lists that is a view, and its key."""
STORED = "stored"
"""The schema of the rows of lists and of the ids that their numbers stand for."""
KEYS = {"user": ("user_vectors", "user_id"), "item": ("items", "item_id")}
"""What a number stands for: the table of the run that says it, and the column of the id there."""

VIEWS = {
    "recommendations": (
        "what each user is recommended, with names",
        """SELECT l.user_id, l.rank, l.item_id, i.title, i.category, i.brand, i.price, l.score
           FROM user_topk l JOIN items i USING (item_id)""",
    ),
    "discoveries": (
        "what each user is recommended of what the user never had, with names",
        """SELECT l.user_id, l.rank, l.item_id, i.title, i.category, i.brand, i.price, l.score
           FROM user_unseen l JOIN items i USING (item_id)""",
    ),
    "reasons": (
        "why the first items of each user's list are recommended, with names",
        """SELECT l.user_id, l.rank, l.item_id, i.title, b.because_item, h.title AS because_title, b.share, l.score
           FROM because b JOIN user_topk l USING (user_id, rank) JOIN items i ON i.item_id = l.item_id
           JOIN items h ON h.item_id = b.because_item""",
    ),
    "buy_again": (
        "what each user may buy again, with names",
        """SELECT l.user_id, l.rank, l.item_id, i.title, i.category, i.brand, i.price, l.score
           FROM user_again l JOIN items i USING (item_id)""",
    ),
    "similar_items": (
        "similar items, with names",
        """SELECT l.similar_to, t.title AS similar_to_title, l.rank, l.item_id, i.title, l.score
           FROM item_topk l JOIN items i USING (item_id) JOIN items t ON t.item_id = l.similar_to""",
    ),
    "popular_items": (
        "most popular items of the shop ('') and of each category, with names",
        """SELECT l.category, l.rank, l.item_id, i.title, i.brand, i.price, l.score
           FROM popular l JOIN items i USING (item_id)""",
    ),
    "receipts": (
        "what each job before `build` took; the columns stand below. The manifest has `build` and `validate`, too",
        receipts_query(),
    ),
}
"""By name: what the view shows, and its query."""


def build_catalog(path: Path, run: Run, manifest: Manifest, metrics: list[dict[str, Any]]) -> dict[str, int]:
    """Write the catalog of a release.

    manifest: without its list of files, which is known only later. Table `manifest` holds the rest.
    Returns the number of rows of each table.
    """
    with duckdb.connect(str(path), config={"memory_limit": DUCKDB_MEMORY, "threads": 1}) as db:
        for table in CATALOG:
            if table.name not in LISTS:
                db.execute(ddl(table))
        _fill_items(db, run)
        _fill_keys(db, run)
        _fill_lists(db, run)
        _fill_events(db, run)
        _fill_searches(db, run)
        _insert(db, "metrics", [[m["method"], m["metric"], m["value"], m["users"]] for m in metrics])
        _insert(db, "manifest", [list(fact) for fact in manifest.facts().items()])
        for name, (doc, query) in VIEWS.items():
            db.execute(f"CREATE VIEW {name} AS {query}")
            db.execute(f"COMMENT ON VIEW {name} IS {_quoted(doc)}")
        counts = {table.name: db.sql(f"SELECT count(*) FROM {table.name}").fetchall()[0][0] for table in CATALOG}
        db.execute("CHECKPOINT")
    return counts


def ddl(table: Table) -> str:
    """The SQL that creates a table of the catalog with its comments. Key columns are never null."""
    columns = ", ".join(f'"{c.name}" {c.type}{" NOT NULL" if c.name in table.key else ""}' for c in table.columns)
    return "; ".join([f"CREATE TABLE {table.name} ({columns})", *_comments(table, "TABLE")])


def _comments(table: Table, kind: str) -> list[str]:
    """The SQL that gives a table its comments. kind: TABLE or VIEW."""
    return [
        f"COMMENT ON {kind} {table.name} IS {_quoted(table.doc)}",
        *(f'COMMENT ON COLUMN {table.name}."{c.name}" IS {_quoted(c.doc)}' for c in table.columns if c.doc),
    ]


def _fill_items(db: duckdb.DuckDBPyConnection, run: Run) -> None:
    columns = ", ".join(f'"{c.name}"' for table in CATALOG if table.name == "items" for c in table.columns)
    db.execute(f"INSERT INTO items SELECT {columns} FROM {_parquet(run, 'items')} ORDER BY item_id")
    # Microseconds since 1970 in UTC, however Spark wrote the time. The time zone of this machine plays no part.
    if Blocks.of(run, "user_vectors").files:
        db.execute(
            f"""INSERT INTO users SELECT user_id, events, make_timestamp(epoch_us(last_event))
                FROM {_parquet(run, "user_vectors")} ORDER BY user_id"""
        )


def _fill_keys(db: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Which id a number of lists stands for: the row of the user or item in the arrays."""
    db.execute(f"CREATE SCHEMA {STORED}")
    for key, (ids, column) in KEYS.items():
        db.execute(f"CREATE TABLE {STORED}.{key}_rows ({key} INTEGER NOT NULL, {column} VARCHAR NOT NULL)")
        for source in _parts(run, ids):
            db.execute(f"INSERT INTO {STORED}.{key}_rows SELECT {key}, {column} FROM {source} ORDER BY {key}")


def _fill_lists(db: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Fill the lists, ordered by key, so that a query for one key reads few blocks of the file."""
    for table in (one for one in CATALOG if one.name in LISTS):
        key = LISTS[table.name]
        rows = f"{STORED}.{table.name}_rows"
        db.execute(f"CREATE TABLE {rows} (key INTEGER NOT NULL, rank INTEGER NOT NULL, item INTEGER, score FLOAT)")
        for source in _parts(run, RUN_TABLE_OF.get(table.name, table.name)):
            db.execute(
                f"""INSERT INTO {rows}
                    SELECT key, unnest(range(1, len(items) + 1)), unnest(items), unnest(scores)
                    FROM (SELECT {key} AS key, items, scores FROM {source} ORDER BY {key})"""
            )
        values = (f"k.{KEYS[key][1]}", "l.rank", "i.item_id", "l.score")
        columns = (f'{value} AS "{column.name}"' for value, column in zip(values, table.columns, strict=True))
        db.execute(
            f"""CREATE VIEW {table.name} AS SELECT {", ".join(columns)} FROM {rows} l
                JOIN {STORED}.{key}_rows k ON k.{key} = l.key JOIN {STORED}.item_rows i ON i.item = l.item"""
        )
        db.execute("; ".join(_comments(table, "VIEW")))
    db.execute(
        f"""INSERT INTO popular SELECT s.id, s.rank, i.item_id, s.score FROM (
                SELECT category AS id, unnest(range(1, len(items) + 1)) AS rank, unnest(items) AS item,
                       unnest(scores) AS score
                FROM {_parquet(run, "popular")}
            ) s JOIN {_parquet(run, "items")} i USING (item) ORDER BY s.id, s.rank"""
    )


def _fill_events(db: duckdb.DuckDBPyConnection, run: Run) -> None:
    source = _parquet(run, "events")
    db.execute(
        f"""INSERT INTO events_per_day SELECT day, type, count(*), count(DISTINCT user_id), count(DISTINCT item)
            FROM {source} GROUP BY day, type ORDER BY day, type"""
    )


def _fill_searches(db: duckdb.DuckDBPyConnection, run: Run) -> None:
    """What was searched for; nothing where the run has no search index."""
    if not run.path(FOLDER).exists():
        return
    folder = run.existing(FOLDER)
    arrays, _ = index_file.read(folder / FILE)
    _fill_head(db, run, arrays)
    if (folder / QUERIES).exists():
        db.execute(
            f"""INSERT INTO queries SELECT query, text, searches, users, clicked, bought, zero,
                make_timestamp(epoch_us(last)) FROM read_parquet({_quoted(str(folder / QUERIES))}) ORDER BY query"""
        )
        db.execute(
            f"""INSERT INTO query_log SELECT day, searches, zero_results, clicked, mean_rank
                FROM read_parquet({_quoted(str(folder / DAYS))}) ORDER BY day"""
        )


def _fill_head(db: duckdb.DuckDBPyConnection, run: Run, arrays: Mapping[str, Any]) -> None:
    """The lists of head queries. arrays: of the search index."""
    names = keys.Keys(*(arrays[f"head_query_{part}"] for part in ("hash", "offsets", "bytes")))
    places, ranks = np.nonzero(arrays["head_item"] != NO_ITEM)
    lists = pa.table(
        {
            "id": pa.array([names.id(row) for row in range(len(names))], pa.string()).take(pa.array(places)),
            "rank": pa.array(ranks + 1, pa.int32()),
            "item": pa.array(arrays["head_item"][places, ranks]),
            "score": pa.array(arrays["head_score"][places, ranks]),
        }
    )
    db.register("head_lists", lists)
    db.execute(
        f"""INSERT INTO query_topk SELECT h.id, h.rank, i.item_id, h.score
            FROM head_lists h JOIN {_parquet(run, "items")} i USING (item) ORDER BY h.id, h.rank"""
    )
    db.unregister("head_lists")


def _insert(db: duckdb.DuckDBPyConnection, table: str, rows: list[list[Any]]) -> None:
    if rows:
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _parquet(run: Run, name: str) -> str:
    return _read(Blocks.of(run, name))


def _parts(run: Run, name: str) -> list[str]:
    """What reads a table, part by part in the order of its rows: the shards of one of users, else all of it."""
    return [_read(blocks) for blocks in parts_of(run, name) if blocks.files]


def _read(blocks: Blocks) -> str:
    files = ", ".join(_quoted(str(file)) for file in blocks.files)
    return f"read_parquet([{files}], hive_partitioning = false)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
