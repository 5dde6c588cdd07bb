"""A release that differs in 5 % of its lists travels through a real S3 server; then the process that fetches is killed
again and again while CURRENT of the store goes back and forth: no local release is broken, no reader sees one."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lookup
from jobs.config.config import Config
from jobs.releases.announce import announce
from jobs.releases.remote import send
from jobs.stages.build import job as build
from lookup.release import pointer
from lookup.release.reader import Release
from lookup.travel.fetch import fetch
from lookup.travel.store import Store
from tests.benchmarks.shared.timing import options, table
from tests.lookup.travel.stored import same_bytes
from tests.releases import config_at, make_release, pass_validation, rewrite
from tests.run_tables import NIGHT, Sizes
from tests.s3_server import server

DIFFERENT = 0.05
"""Share of the lists of users and of items that differ."""
LISTS = {"user_topk": "user", "user_unseen": "user", "user_because": "user", "user_again": "user", "item_topk": "item"}
URL = "s3://bench/releases"
START_SECONDS = 20.0
"""Until a process that fetches has begun, at most."""
MOST = 0.10
"""Of the release's bytes that a host may move which has the one before."""


def two_releases(base: Path, sizes: Sizes) -> list[str]:
    """Two releases of one night, of which the second has other items and scores in 5 % of its lists."""
    first = make_release(base, 1, sizes)
    config, rng = config_at(base, NIGHT, sizes), np.random.default_rng(2)
    for key, size in (("user", sizes.users), ("item", sizes.items)):
        chosen = set(rng.choice(size, max(1, round(DIFFERENT * size)), replace=False).tolist())
        for name in (name for name, of in LISTS.items() if of == key):
            change(config, name, chosen, sizes.items, rng)
    config.run.path("release.json").unlink()  # so that the first one stays
    second = build.run(None, config)["release"]
    pass_validation(config.releases / second)
    return [first, second]


def change(config: Config, name: str, chosen: set[int], items: int, rng: np.random.Generator) -> None:
    """Give the lists of some keys other items and other scores."""
    key = LISTS[name]

    def others(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row[key] in chosen and row["items"]:
                size = len(row["items"])
                row["items"] = rng.choice(items, size, replace=False).tolist()
                scores = np.asarray(row["scores"]) * rng.uniform(0.9, 1.1, size)
                row["scores"] = np.sort(scores)[::-1].astype(np.float32).tolist()

    rewrite(config, name, others)


def moved(base: Path, ids: list[str]) -> int:
    """Publish both and fetch them, full and as a difference. Returns 1 where too much moves or bytes differ."""
    releases, rows, bad = base / "releases", [], 0
    sizes = [sum(one.stat().st_size for one in (releases / i).rglob("*") if one.is_file()) for i in ids]
    for n, release_id in enumerate(ids):
        begun, store = time.perf_counter(), Store(URL)
        announce(releases, release_id, store=URL)
        published = time.perf_counter() - begun
        for host in ("delta", *(["full"] if n else [])):
            begun, store = time.perf_counter(), Store(URL)
            done = fetch(store, base / host)
            share = done.bytes_moved / sizes[n]
            bad += not same_bytes(base / host / release_id, releases / release_id)
            bad += n == 1 and host == "delta" and share > MOST
            what = "full" if n == 0 or host == "full" else f"{DIFFERENT:.0%} of the lists differ"
            seconds = time.perf_counter() - begun
            rows.append([what, f"{sizes[n] / 1e6:.1f}", f"{done.bytes_moved / 1e6:.1f}", f"{share:.1%}"])
            rows[-1] += [f"{seconds:.1f}", f"{published:.1f}"]
    table(["fetch", "release MB", "moved MB", "share", "seconds", "seconds to publish"], rows)
    return bad


class Readers:
    """A thread that asks a host's release all the while, and compares each answer with the right ones."""

    def __init__(self, host: Path, right: dict[str, dict[str, str]]):
        self._shop = lookup.open(host, patches=host.parent / "patches.sqlite")
        self._right = right
        self.counts = Counter[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        rng, users = random.Random(1), list(next(iter(self._right.values())))
        while not self._stop.is_set():
            user = rng.choice(users)
            try:
                answer = repr(self._shop.recommend(user, 10))
                good = any(answer == answers[user] for answers in self._right.values())
                self.counts["right" if good else "WRONG"] += 1
                self.counts[f"serves {self._shop.release.id}"] += 1
                if self._shop.problem is not None:
                    self.counts[f"PROBLEM {self._shop.problem}"] += 1
            except Exception as error:  # such a one is what is looked for
                self.counts[f"ERROR {error!r}"[:300]] += 1
            time.sleep(0.001)

    def stop(self) -> Counter[str]:
        self._stop.set()
        self._thread.join(30)
        self._shop.close()
        return self.counts


def answers(releases: Path, release_id: str, users: list[str]) -> dict[str, str]:
    """What a reader must answer from a release."""
    shop = lookup.open(releases, pin=release_id, patches=releases.parent / "patches.sqlite")
    found = {user: repr(shop.recommend(user, 10)) for user in users}
    shop.close()
    return found


def written(host: Path) -> int:
    """When a file of a release that is being fetched was last written to, or taken up again, in nanoseconds."""
    found = [0]
    for path in host.glob(".fetching-*/**/*"):
        with contextlib.suppress(FileNotFoundError):
            found.append(path.stat().st_ctime_ns)
    return max(found)


def kills(base: Path, ids: list[str], times: int, rng: random.Random) -> int:
    """Kill the process that fetches so often, at random. Returns how many times anything was broken."""
    host, releases = base / "killed", base / "releases"
    users = [f"user-{n}" for n in range(30)]
    right = {release_id: answers(releases, release_id, users) for release_id in ids}
    fetch(Store(URL), host)
    readers = Readers(host, right)
    command = [sys.executable, "-m", "lookup.travel", URL, str(host), "--follow", "--every", "0.1", "--keep", "1"]
    broken: list[str] = []
    in_the_middle, window = 0, 0.5
    for n in range(times):
        store = Store(URL)
        served = pointer.read(host)
        wanted = ids[ids[0] == served] if rng.random() < 0.9 else served  # back before the host was there
        send.point(store, wanted, send.pointed(store))
        before = written(host)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and written(host) <= before and (pointer.read(host) != wanted):
            time.sleep(0.002)
        time.sleep(rng.uniform(0, window))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if wanted != served:
            window *= 0.7 if pointer.read(host) == wanted else 1.3  # so that about half of them come to an end
        in_the_middle += written(host) > before and bool(list(host.glob(".fetching-*")))
        try:
            for one in host.iterdir():
                if pointer.RELEASE_ID.fullmatch(one.name):
                    Release(one, verify=True)
            if not same_bytes(host / pointer.read(host), releases / pointer.read(host)):
                broken.append(f"kill {n}: other bytes than were published")
        except Exception as error:  # such a one is what is looked for
            broken.append(f"kill {n}: {error!r}"[:300])
    done = fetch(Store(URL), host)
    broken += [] if same_bytes(host / done.id, releases / done.id) else ["after the last fetch"]
    counts = readers.stop()
    bad = [f"{n} times {what}" for what, n in counts.items() if what.startswith(("WRONG", "ERROR", "PROBLEM"))]
    serving = sum(what.startswith("serves") for what in counts)
    print(f"{times} kills, {in_the_middle} of them in the middle of a release; broken local releases: {len(broken)}")
    print(f"{counts['right']:,} right answers, from {serving} releases; readers that saw a broken one: {len(bad)}")
    print("\n".join([*broken, *bad][:20]), end="\n" if broken or bad else "")
    return len(broken) + len(bad)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when anything that must hold does not."""
    parser = options(__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    toy = ["--users", "3000", "--items", "300", "--k", "40", "--kills", "3"]
    given = parser.parse_args(toy if "--toy" in (argv or ()) else argv)
    sizes = Sizes(given.items, given.users, dimensions=32, k=given.k, similar=20, again=10, events=5000)
    with tempfile.TemporaryDirectory() as folder, server() as s3:
        before = dict(os.environ)
        os.environ.update(s3.environment())
        try:
            ids = two_releases(Path(folder), sizes)
            bad = moved(Path(folder), ids) + kills(Path(folder), ids, given.kills, random.Random(given.seed))
        finally:
            os.environ.clear()
            os.environ.update(before)
            subprocess.run(["chmod", "-R", "u+w", folder], check=True)  # releases are read-only
    print(f"what must hold and does not: {bad}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
