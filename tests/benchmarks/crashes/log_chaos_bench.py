"""Break the patch log under a shop that serves: how long calls take, when it is told and well again, what is lost.

Calls are those of readers and forks. A write is one patch or one event; those that returned must be there at the end,
for the shop and for a reader that opens then.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import redis

import lookup
from lookup.errors import LogError
from lookup.patches.patch_log import open_log
from tests.benchmarks.shared.timing import options
from tests.lookup.conftest import make_two
from tests.lookup.patches.servers import ALWAYS, REDIS_SERVER_PATH, Server

MOST_CALL, MOST_TOLD, MOST_WELL = 0.1, 1.0, 5.0
"""Seconds that must not be exceeded: a call, until `problem` says it, and until all is well after it was mended."""
PATIENCE = 30.0
ITEMS, USERS = 60, 40
WIDTHS = (9, 9, 8, 10, 9, 9, 7, 7)
HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    db.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


class Situation(NamedTuple):
    """Something that happens to a log."""

    name: str
    breaks: Callable[[], object]
    mends: Callable[[], object]
    told: bool = True
    """Whether `problem` is to say it: a writer that hangs stops no reader."""
    quiet: bool = False
    """Whether nobody writes meanwhile, so that a log that is gone stays so."""


class Outcome(NamedTuple):
    """What was measured of a situation."""

    call: float
    """The longest call of a reader, seconds."""
    fork: float
    """The longest fork, and the longest one before anything happened."""
    fork_before: float
    write: float
    told: float
    """Until `problem` said it; NaN where it need not."""
    well: float
    """From mending until `problem` is None and a new reader agrees with the shop."""
    kept: int
    """Writes that returned."""
    lost: int
    """Of these, how many are not there."""


class Load:
    """Threads that call, fork and write, until `end`. Times are of the wall clock."""

    def __init__(self, shop: lookup.Shop, seed: int):
        self.shop, self.rng = shop, random.Random(seed)
        self.prices: dict[str, float] = {}
        self.events: set[tuple[str, str, int]] = set()
        self.quiet = False
        self.longest = {"call": 0.0, "fork": 0.0, "write": 0.0}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._each, args=(what,)) for what in (self.call, self.write)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def call(self) -> None:
        user, item = f"user-{self.rng.randrange(USERS)}", f"item-{self.rng.randrange(ITEMS)}"
        for ask in (
            lambda: self.shop.recommend(user, 10),
            lambda: self.shop.recommend("stranger", 10),
            lambda: self.shop.similar(item),
            lambda: self.shop.item(item),
            lambda: self.shop.problem,
        ):
            self._timed("call", ask)
        self._fork()

    def write(self) -> None:
        """A patch and an event. What is not acknowledged may be there or not."""
        if self.quiet:
            return
        item, user = f"item-{self.rng.randrange(ITEMS)}", f"user-{self.rng.randrange(USERS)}"
        at = time.time_ns() // 1000
        price = float(at % 100_000)
        try:
            self._timed("write", lambda: self.shop.patch_item(item, price=price, at=at))
            self.prices[item] = price
            self._timed("write", lambda: self.shop.record(user, item, at=at))
            self.events.add((user, item, at))
        except LogError:
            self.prices.pop(item, None)  # nobody knows which price the log has

    def _each(self, what: Callable[[], None]) -> None:
        while not self._stop.wait(0.01):
            what()

    def _timed(self, kind: str, what: Callable[[], object]) -> None:
        start = time.perf_counter()
        try:
            what()
        finally:
            self.longest[kind] = max(self.longest[kind], time.perf_counter() - start)

    def _fork(self) -> None:
        start = time.perf_counter()
        child = os.fork()
        if not child:
            os._exit(0)
        self.longest["fork"] = max(self.longest["fork"], time.perf_counter() - start)
        os.waitpid(child, 0)


def measure(releases: Path, where: str | Path, situation: Situation, broken: float, seed: int) -> Outcome:
    """Let one thing happen to the log at `where`, for some seconds, under load."""
    shop = lookup.open(releases, patches=where)
    load = Load(shop, seed)
    try:
        time.sleep(0.5)
        fork = load.longest["fork"]
        load.longest = dict.fromkeys(load.longest, 0.0)
        load.quiet = situation.quiet
        time.sleep(0.05 * situation.quiet)
        situation.breaks()
        told = seconds_until(lambda: shop.problem is not None, PATIENCE) if situation.told else float("nan")
        time.sleep(broken)
        situation.mends()
        start = time.perf_counter()
        seconds_until(lambda: shop.problem is None, PATIENCE)
        load.quiet = False
        time.sleep(0.2)
        load.end()
        seconds_until(lambda: agree(releases, where, shop, load), PATIENCE)
        well = time.perf_counter() - start - 0.2
        kept = len(load.prices) + len(load.events)
        return Outcome(
            load.longest["call"],
            load.longest["fork"],
            fork,
            load.longest["write"],
            told,
            well,
            kept,
            lost(releases, where, load),
        )
    finally:
        load.end()
        shop.close()


def seconds_until(what: Callable[[], bool], most: float) -> float:
    """How long it took until it was so; infinity where it took more than `most` seconds."""
    start = time.perf_counter()
    while not what():
        if time.perf_counter() - start > most:
            return float("inf")
        time.sleep(0.005)
    return time.perf_counter() - start


def agree(releases: Path, where: str | Path, shop: lookup.Shop, load: Load) -> bool:
    """Whether a reader that opens now answers as the shop does, and both know every price that was kept."""
    with closing(lookup.open(releases, patches=where)) as new:
        items = [f"item-{n}" for n in range(ITEMS)]
        old, now = ([(one.item(item) or {}).get("price") for item in items] for one in (shop, new))
        lists = all(shop.recommend(f"user-{n}", 5) == new.recommend(f"user-{n}", 5) for n in range(USERS))
        known = dict(zip(items, now, strict=True))
        return old == now and lists and all(known[item] == price for item, price in load.prices.items())


def lost(releases: Path, where: str | Path, load: Load) -> int:
    """How many writes that returned are not in the log."""
    with closing(lookup.open(releases, patches=where)) as new, closing(open_log(where)) as log:
        prices = sum((new.item(item) or {}).get("price") != price for item, price in load.prices.items())
        there = {(one.user, one.item, one.at) for n in range(USERS) for one in log.events(f"user-{n}", 0)}
        return prices + len(load.events - there)


def of_redis(folder: Path, stack: ExitStack) -> tuple[str, list[Situation]]:
    """A server, and what may happen to it."""
    (folder / "now").mkdir()
    server = Server(folder / "now", REDIS_SERVER_PATH, ALWAYS)
    stack.callback(server.kill)

    def go_back(to: Path | None) -> Callable[[], None]:
        def fail_over() -> None:
            server.kill()
            shutil.rmtree(folder / "now")
            shutil.copytree(to, folder / "now") if to else (folder / "now").mkdir()
            server.start()

        return fail_over

    def copy_then(action: Callable[[], None]) -> Callable[[], None]:
        def do() -> None:
            shutil.copytree(folder / "now", folder / "older", dirs_exist_ok=True)
            time.sleep(0.3)  # what is acknowledged from here on the copy lacks
            action()

        return do

    def password(text: str) -> None:
        server.client.config_set("requirepass", text)
        server.client.execute_command("CLIENT", "KILL", "TYPE", "normal")

    def no_password() -> None:
        with closing(redis.Redis(port=server.port, password="changed")) as client:
            client.config_set("requirepass", "")

    def send(name: int) -> Callable[[], None]:
        return lambda: os.kill(server.process.pid, name)

    def nothing() -> None:
        pass

    return server.url, [
        Situation("stopped", send(signal.SIGSTOP), send(signal.SIGCONT)),
        Situation("killed", server.kill, server.start),
        Situation("flushed", server.client.flushall, nothing),
        Situation("flushed, and nobody writes", server.client.flushall, nothing, quiet=True),
        Situation(
            "evicting",
            lambda: server.client.config_set("maxmemory-policy", "allkeys-lru"),
            lambda: server.client.config_set("maxmemory-policy", "noeviction"),
        ),
        Situation("failed over to an older copy", copy_then(go_back(folder / "older")), nothing),
        Situation("failed over to an empty server", go_back(None), nothing),
        Situation("password changed", lambda: password("changed"), no_password),
    ]


def of_sqlite(folder: Path, stack: ExitStack) -> tuple[Path, list[Situation]]:
    """A file, and what may happen to it."""
    path, copy = folder / "patches.sqlite", folder / "copy.sqlite"
    holders: list[subprocess.Popen[str]] = []

    def hold(*statements: str) -> Callable[[], None]:
        def do() -> None:
            command = [sys.executable, "-c", HOLDER, str(path), *statements]
            holders.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            assert holders[-1].stdout
            holders[-1].stdout.readline()

        return do

    def let_go() -> None:
        for one in holders:
            one.communicate()
        holders.clear()

    def save() -> None:
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

    def replace() -> None:
        save()
        time.sleep(0.3)
        copy.replace(path)

    def damage() -> None:
        save()
        time.sleep(0.3)
        with path.open("r+b") as file:  # the file alone: SQLite has the newest pages in its journal
            file.write(b"\xee" * path.stat().st_size)
        Path(f"{path}-wal").write_bytes(b"")

    def nothing() -> None:
        pass

    stack.callback(let_go)
    return path, [
        Situation("a writer hangs", hold("BEGIN IMMEDIATE", "UPDATE head SET position = position"), let_go, told=False),
        Situation("replaced by an older copy", replace, nothing),
        Situation("deleted", path.unlink, nothing),
        Situation("deleted, and nobody writes", path.unlink, nothing, quiet=True),
        Situation("damaged, then replaced by a copy", damage, lambda: copy.replace(path)),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when a call took too long, something was told or well too late, or anything was lost."""
    parser = options(__doc__)
    parser.add_argument("--broken", type=float, default=3.0, help="for how many seconds each situation lasts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only situations whose name has this text")
    given = parser.parse_args(argv)
    wrong = 0
    heads = zip(("call ms", "fork ms", "before", "write ms", "told s", "well s", "kept", "lost"), WIDTHS, strict=True)
    print(f"{'log':<8}{'what happens':<36}" + "".join(f"{head:>{width}}" for head, width in heads))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        releases = make_two(folder).releases
        for store, of in (("Redis", of_redis), ("SQLite", of_sqlite)):
            (folder / store).mkdir()
            where, situations = of(folder / store, stack)
            named = [one for one in situations if given.only in f"{store} {one.name}"]
            for one in named[-1:] if given.toy else named:
                found = measure(releases, where, one, 0.2 if given.toy else given.broken, given.seed)
                times = [f"{seconds * 1e3:.0f}" for seconds in found[:4]] + [f"{seconds:.2f}" for seconds in found[4:6]]
                figures = zip((*times, found.kept, found.lost), WIDTHS, strict=True)
                print(f"{store:<8}{one.name:<36}" + "".join(f"{text:>{width}}" for text, width in figures), flush=True)
                slow = max(found.call, found.fork - found.fork_before) > MOST_CALL
                late = slow or found.told > MOST_TOLD or found.well > MOST_WELL
                wrong += bool(found.lost or (late and not given.toy))
    print(
        f"{wrong} situations with a call over {MOST_CALL:g} s, a fork that waits so long, `problem` after "
        f"{MOST_TOLD:g} s, recovery after {MOST_WELL:g} s, or a loss"
    )
    return int(wrong > 0)
