"""How long it takes to open a release of a million users, and the memory of eight reader processes against one.

Memory is the proportional set size: a page that n processes share counts 1/n in each. Goals: less than 100 ms to open;
eight readers take little more memory than one.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.shops import MILLION, TOY, made_releases
from tests.benchmarks.shared.timing import options, table
from tests.run_tables import Sizes

READER = """
import json, random, sys, time
started = time.perf_counter()
import lookup
imported = time.perf_counter()
shop = lookup.open(sys.argv[1])
opened = time.perf_counter()
rng = random.Random(sys.argv[2])
for _ in range(int(sys.argv[3])):
    shop.recommend(f"user-{rng.randrange(int(sys.argv[4]))}", k=20)
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
    """A process of its own that opens the releases, answers random users, and waits."""

    def __init__(self, folder: Path, seed: int, load: Load):
        arguments = [sys.executable, "-c", READER, str(folder), str(seed), str(load.calls), str(load.shop.users)]
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
    toy: bool = options(__doc__).parse_args(argv).toy
    with tempfile.TemporaryDirectory() as scratch:
        load = SMALL if toy else FULL
        measure(made_releases(load.shop, Path(scratch) if toy else None), load)
    return 0


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
