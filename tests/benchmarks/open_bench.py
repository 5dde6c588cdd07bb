"""Opening a release of a million users, and the memory of eight reader processes against one.

Memory is the proportional set size: a page that n processes share counts 1/n in each. Goals: open in less than 100 ms;
eight readers hold little more than one.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from million import ROOT, SIZES, releases, table

READERS = 8
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
CALLS = 50_000


class Reader:
    """A process of its own that opens the releases, answers `CALLS` random users, and waits."""

    def __init__(self, folder: Path, seed: int):
        arguments = [sys.executable, "-c", READER, str(folder), str(seed), str(CALLS), str(SIZES.users)]
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


def main() -> None:
    """Measure and print."""
    folder = releases()
    seconds = []
    for seed in range(7):
        reader = Reader(folder, seed)
        seconds.append(reader.ready())
        reader.end()
    rows = [
        [step, f"{1000 * median(s[step] for s in seconds):.1f}", f"{1000 * max(s[step] for s in seconds):.1f}"]
        for step in ("import", "open")
    ]
    table([f"{SIZES.users:,} users, 7 fresh processes", "median ms", "worst ms"], rows)

    one, eight = memory(folder, 1), memory(folder, READERS)
    rows = [
        [name, f"{one[n]:.1f}", f"{eight[n]:.1f}", f"{eight[n] / one[n]:.2f} x"]
        for n, name in enumerate(("files of the release", "all, with Python and numpy"))
    ]
    print()
    table([f"memory, MiB, after {CALLS:,} answers each", "1 reader", f"{READERS} readers", "ratio"], rows)


def memory(folder: Path, readers: int) -> tuple[float, float]:
    """MiB that some readers take together: of mapped files, and in all."""
    running = [Reader(folder, seed) for seed in range(readers)]
    for reader in running:
        reader.ready()
    sizes = [reader.mib(folder) for reader in running]
    for reader in running:
        reader.end()
    return sum(mapped for _, mapped in sizes), sum(total for total, _ in sizes)


if __name__ == "__main__":
    main()
