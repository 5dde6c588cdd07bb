"""How long it takes to open a release of a million users, and the memory of eight reader processes against one.

Memory is the proportional set size: a page that n processes share counts 1/n in each. Goals: less than 100 ms to open;
eight readers take little more memory than one.

With `--shards 8` the same for the same users in so many shards: a host of all, and one of a single shard. Then lists of
the users of that shard, by each host in turn: those of shards at most 5 % slower.
"""

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import lookup
from lookup.release import manifest, pointer
from lookup.release.check import Check
from lookup.release.shards.routing import Served
from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.shops import MILLION, TOY, all_in_stock, made_releases
from tests.benchmarks.shared.timing import Way, latencies, options, table, take_turns
from tests.lookup.reshard import reshard
from tests.run_tables import Sizes

READER = """
import json, random, sys, time
started = time.perf_counter()
import lookup
imported = time.perf_counter()
shards = json.loads(sys.argv[5])
shop = lookup.open(sys.argv[1], **({} if shards is None else {"shards": shards}))
opened = time.perf_counter()
rng = random.Random(sys.argv[2])
users = (f"user-{rng.randrange(int(sys.argv[4]))}" for _ in iter(int, 1))
served = filter(shop.serves, users)
for _ in range(int(sys.argv[3])):
    shop.recommend(next(served), k=20)
print(json.dumps({"import": imported - started, "open": opened - imported}), flush=True)
sys.stdin.read()
"""


class Load(NamedTuple):
    """The shop, and what is asked of it."""

    shop: Sizes
    opens: int
    """Fresh processes that open it, one after another."""
    readers: int
    """Processes whose memory is compared with that of one."""
    calls: int
    """Of each process."""


FULL = Load(MILLION, opens=7, readers=8, calls=50_000)
SMALL = Load(TOY, opens=1, readers=2, calls=100)


class Reader:
    """A process of its own that opens the releases, answers random users whom it serves, and waits.

    shards: that it serves; None: all.
    """

    def __init__(self, folder: Path, seed: int, load: Load, shards: Sequence[int] | None = None):
        words = [folder, seed, load.calls, load.shop.users, json.dumps(shards)]
        arguments = [sys.executable, "-c", READER, *map(str, words)]
        self.process = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self) -> dict[str, float]:
        """Wait until it has answered; seconds of its steps."""
        assert self.process.stdout is not None
        seconds: dict[str, float] = json.loads(self.process.stdout.readline())
        return seconds

    def mib(self, folder: Path) -> tuple[float, float]:
        """Proportional set size in MiB: of all, and of the mapped files of the releases."""
        total = mapped = 0
        inside = False
        for line in Path(f"/proc/{self.process.pid}/smaps").read_text().splitlines():
            if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
                inside = str(folder) in line
            elif line.startswith("Pss:"):
                kib = int(line.split()[1])
                total += kib
                mapped += kib if inside else 0
        return total / 1024, mapped / 1024

    def end(self) -> None:
        """Let it end."""
        self.process.communicate("")


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--shards", type=int, default=1, metavar="N", help="measure users in so many shards, too")
    parser.add_argument("--users", type=int, metavar="N", help="of another shop than one of a million users")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        load = SMALL if given.toy else FULL
        load = load._replace(shop=replace(load.shop, users=given.users or load.shop.users))
        folder = made_releases(load.shop, Path(scratch) if given.toy else None)
        measure(folder, load)
        if given.shards > 1:
            whole = all_in_stock(folder)  # so that a list is read, and nothing else
            sharded = folder.with_name(f"releases-{given.shards}-shards")
            if not (sharded / pointer.CURRENT).exists():
                shutil.rmtree(sharded, ignore_errors=True)
                sharded.mkdir()
                reshard(whole / pointer.read(whole), sharded, given.shards)
            compare(whole, sharded, load)
    return 0


def compare(whole: Path, sharded: Path, load: Load) -> None:
    """Measure and print hosts of users in one piece, in all shards, and in one shard."""
    hosts: dict[str, tuple[Path, list[int] | None]] = {
        "in one piece": (whole, None),
        "all shards": (sharded, None),
        "one shard": (sharded, [0]),
    }
    rows = []
    for name, (folder, shards) in hosts.items():
        opened = []
        release = folder / pointer.read(folder)
        # As on a host that has fetched the release: every byte is known to be right.
        Check(release, manifest.read(release), Served.given(shards, None)).finish()
        for seed in range(load.opens):
            reader = Reader(folder, seed, load, shards)
            opened.append(1000 * reader.ready()["open"])
            total, mapped = reader.mib(folder)
            reader.end()
        rows.append([name, f"{median(opened):.1f}", f"{max(opened):.1f}", f"{mapped:.1f}", f"{total:.1f}"])
    print()
    table([f"one reader, {load.calls:,} answers", "open, ms", "worst", "files, MiB", "all, MiB"], rows)

    shops = {name: lookup.open(folder, shards=shards) for name, (folder, shards) in hosts.items()}
    served = [user for n in range(load.shop.users) if shops["one shard"].serves(user := f"user-{n}")]

    def some(rng: random.Random) -> list[str]:
        return rng.choices(served, k=load.calls // 10)

    ways = [Way(name, partial(shop.recommend, k=20), some) for name, shop in shops.items()]
    print()
    latencies("a list of 20, of users of that shard", take_turns(ways, load.opens), "in one piece")
    for shop in shops.values():
        shop.close()


def measure(folder: Path, load: Load) -> None:
    """Measure and print."""
    seconds = []
    for seed in range(load.opens):
        reader = Reader(folder, seed, load)
        seconds.append(reader.ready())
        reader.end()
    rows = [
        [step, f"{1000 * median(s[step] for s in seconds):.1f}", f"{1000 * max(s[step] for s in seconds):.1f}"]
        for step in ("import", "open")
    ]
    table([f"{load.shop.users:,} users, {load.opens} fresh processes", "median ms", "worst ms"], rows)

    one, many = memory(folder, 1, load), memory(folder, load.readers, load)
    rows = [
        [name, f"{one[n]:.1f}", f"{many[n]:.1f}", f"{many[n] / one[n]:.2f} x"]
        for n, name in enumerate(("files of the release", "all, with Python and numpy"))
    ]
    print()
    table([f"memory, MiB, after {load.calls:,} answers each", "1 reader", f"{load.readers} readers", "ratio"], rows)


def memory(folder: Path, readers: int, load: Load) -> tuple[float, float]:
    """MiB that some readers take together: of mapped files, and in all."""
    running = [Reader(folder, seed, load) for seed in range(readers)]
    for reader in running:
        reader.ready()
    sizes = [reader.mib(folder) for reader in running]
    for reader in running:
        reader.end()
    return sum(mapped for _, mapped in sizes), sum(total for total, _ in sizes)
