"""What a call costs by day: patches live, filters on, a session under way, against Redis holding the bare lists.

    python tests/benchmarks/day_bench.py [--config FILE] [--release ID]

FILE is a configuration whose releases are there (default: that of `make demo`); the goals, for 100,000 items, are:

- a known user, in-stock and seen filters on, 10,000 items patched, 20 of 200: p50 at most 30 µs, p99 at most 150 µs,
  and 4 x quicker than a GET of the list as JSON, from a Redis on loopback;
- the same with other prices, which the ranker weighs: p50 at most 250 µs;
- a session: 20 events since the night: p50 at most 1 ms at a Recall@20 of .98 against scoring every item;
- many lists at once: 300,000 a second on one core; two threads and two processes beside one.

Every call has another user. What is compared takes turns, so that what else the machine does falls on all.
"""

import argparse
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from lookup_bench import quantile, redis_server
from million import ROOT, table

import lookup
from jobs.config.loader import load
from lookup.serving import sources as reading
from lookup.serving.session import Person, ranked
from lookup.shop import Shop

PATCHED = 10_000
EVENTS = 20
K = 20
ROUNDS, CALLS = 5, 2_000
SESSIONS = 400
"""Users with events of today."""
SECONDS = 3.0
SEED = 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=ROOT / ".demo" / "complete_journey.toml")
    parser.add_argument("--release", help="its id (default: the one in place)")
    given = parser.parse_args()
    releases = load(given.config, date.today()).releases
    with tempfile.TemporaryDirectory() as folder, redis_server(folder) as server:
        stocked, priced, session = (
            lookup.open(releases, pin=given.release, patches=Path(folder) / f"{name}.sqlite")
            for name in ("stocked", "priced", "session")
        )
        release = stocked._live.follower.current()
        items = [release.items.id(row) for row in range(len(release.items))]
        users = [release.users.id(row) for row in range(len(release.users))]
        print(
            f"{len(items):,} items, {len(users):,} users, lists of {release.user_topk.items.shape[1]}, "
            f"{release.manifest.index_choice.method}, ranker: {'yes' if release.ranker else 'no'}"
        )
        rng = random.Random(SEED)
        patched = rng.sample(items, min(PATCHED, len(items)))
        stocked.patch_items({"item_id": item, "in_stock": n % 2 == 0} for n, item in enumerate(patched))
        priced.patch_items({"item_id": item, "price": rng.lognormvariate(1, 0.5)} for item in patched)
        session.patch_items({"item_id": item, "price": rng.lognormvariate(1, 0.5)} for item in patched)
        busy = rng.sample(users, min(SESSIONS, len(users)))
        new = [f"nobody {n}" for n in range(len(busy))]
        session.record_many(
            {"user_id": user, "item_id": item} | {"type": next(iter(release.manifest.weights))}
            for user in busy + new
            for item in rng.choices(items, k=EVENTS)
        )
        for user in users:
            rows, scores = release.user_topk.top(release.users.find(user), len(items))
            listed = [[items[row], round(score, 4)] for row, score in zip(rows, scores, strict=True)]
            server.set(user, json.dumps(listed[:K], separators=(",", ":")))
            server.set("all " + user, json.dumps(listed, separators=(",", ":")))
        calls(
            {
                "redis: GET of the first 20, bytes": (server.get, users),
                "redis: GET of the list, bytes": (lambda user: server.get("all " + user), users),
                "redis: GET of the list, parsed": (lambda user: json.loads(server.get("all " + user)), users),  # type: ignore[arg-type]
                "stock patched, list": (lambda user: stocked.recommend(user, K), users),
                "stock patched, not what was had": (lambda user: stocked.recommend(user, K, seen=False), users),
                "prices patched, list": (lambda user: priced.recommend(user, K), users),
                "prices patched, not what was had": (lambda user: priced.recommend(user, K, seen=False), users),
                f"{EVENTS} events since, known user": (lambda user: session.recommend(user, K), busy),
                f"{EVENTS} events since, new user": (lambda user: session.recommend(user, K), new),
            }
        )
        for name, whose in (("known", busy), ("new", new)):
            print(f"a session's Recall@{K} against scoring every item, {name} users: {recall(session, whose):.4f}")
        batches(stocked, users)
        scaling(stocked, releases, Path(folder) / "stocked.sqlite", users)
        for shop in (stocked, priced, session):
            shop.close()


def calls(ways: dict[str, tuple[Callable[[str], object], list[str]]]) -> None:
    """Latencies of one call each way, for these users."""
    rng = random.Random(SEED)
    taken: dict[str, list[int]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (call, whose) in ways.items():
            for user in rng.choices(whose, k=min(CALLS, 5 * len(whose))):
                started = time.perf_counter_ns()
                call(user)
                taken[name].append(time.perf_counter_ns() - started)
    first = quantile(taken["redis: GET of the list, bytes"], 0.5)
    table(
        [f"one call, k = {K}, {PATCHED:,} items patched", "p50 µs", "p99 µs", "redis / it"],
        [
            [name, f"{quantile(t, 0.5):.1f}", f"{quantile(t, 0.99):.1f}", f"{first / quantile(t, 0.5):.1f} x"]
            for name, t in taken.items()
        ],
    )


def recall(shop: Shop, busy: list[str]) -> float:
    """Of the first K of all items that may be shown, by their exact scores, the share that a call finds; a mean."""
    found = []
    for user in busy:
        state, _ = shop._live.state()
        now = time.time_ns() // 1000
        row, fresh = reading.since(shop._live, state, user, state.release.users.find(user), now)
        person = Person(state, row, now, fresh)
        rows = np.flatnonzero(np.frombuffer(state.blocked, dtype=np.uint8) == 0).astype(np.int32)
        scores = person.scores(rows)
        best = {state.id(one) for one in ranked(rows, scores + reading.gains(person, rows, scores))[0][:K]}
        found.append(len(best & {hit.item_id for hit in shop.recommend(user, K)}) / K)
    return float(np.mean(found))


def batches(shop: Shop, users: list[str]) -> None:
    """Lists a second of `recommend_many`, in one thread."""
    many = (users * (100_000 // len(users) + 1))[:100_000]
    best = 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        shop.recommend_many(many, K)
        best = max(best, len(many) / (time.perf_counter() - started))
    print(f"recommend_many: {best:,.0f} lists of {K} a second on one core, the best of {ROUNDS} times {len(many):,}")


def scaling(shop: Shop, releases: Path, log: Path, users: list[str]) -> None:
    """Calls a second of threads and of processes, beside those of one."""
    cores = os.cpu_count() or 1
    counts = sorted({1, cores, 8})
    alone, rows = 0.0, []
    for n in counts:
        threads = together(n, threading.Thread, shop, users)
        context = get_context("spawn")
        queue = context.SimpleQueue()
        go = context.Event()
        workers = [
            context.Process(target=reader, args=((releases, shop.release.id, log), users, go, queue)) for _ in range(n)
        ]
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
    table([f"calls a second, {cores} cores", "threads", "processes", "to one"], rows)


def together(n: int, thread: type[threading.Thread], shop: Shop, users: list[str]) -> float:
    """Calls a second of n threads in this process."""
    done = [0] * n

    def work(place: int) -> None:
        done[place] = counted(shop, users, place)

    threads = [thread(target=work, args=(place,)) for place in range(n)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(done) / SECONDS


def counted(shop: Shop, users: list[str], seed: int) -> int:
    """How many calls are answered in SECONDS."""
    asked = random.Random(seed).choices(users, k=100_000)
    end, n = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        shop.recommend(asked[n % len(asked)], K)
        n += 1
    return n


def reader(where: tuple[Path, str, Path], users: list[str], go: object, queue: object) -> None:
    """A process that answers. where: folder of releases, id of the release, log of patches."""
    shop = lookup.open(where[0], pin=where[1], patches=where[2])
    shop.recommend(users[0], K)
    queue.put(0)  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    queue.put(counted(shop, users, os.getpid()) / SECONDS)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
