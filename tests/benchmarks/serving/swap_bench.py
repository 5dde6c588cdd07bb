"""What calls feel of new releases, and what readers keep of old ones.

First, one thread asks without pause while CURRENT changes between two releases of a million users, whose files were put
out of memory before. Beside it stands the same where the call that sees the change opens the release itself. Goal:
p99.9 and the worst call of a swap stay near those without any swap.

Then eight reader processes go through a thousand swaps, with prunes in between. Goal: memory, files and mappings at the
end are those at the beginning.
"""

import os
import random
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from jobs.releases.prune import prune
from lookup.release import pointer
from lookup.release.follow import LOOK_SECONDS, Follower
from tests.benchmarks.shared.shops import MILLION, TOY, made_releases
from tests.benchmarks.shared.timing import options, quantile, table
from tests.lookup.marked import copy
from tests.lookup.release.test_swaps import measured, reading, serving
from tests.releases import make_release
from tests.run_tables import Sizes

PRUNE_EVERY = 10
"""Swaps between two prunes."""


class Load(NamedTuple):
    """The shop, and how often CURRENT changes."""

    shop: Sizes
    seconds: float
    """For which one thread asks."""
    every: float
    """Seconds between two swaps then."""
    readers: int
    swaps: int
    """That the readers go through; the first figures are taken after a tenth of them."""


FULL = Load(MILLION, seconds=20.0, every=1.0, readers=8, swaps=1000)
SMALL = Load(TOY, seconds=1.0, every=0.2, readers=1, swaps=20)


def main(argv: Sequence[str] | None = None) -> int:
    toy: bool = options(__doc__).parse_args(argv).toy
    load = SMALL if toy else FULL
    with tempfile.TemporaryDirectory() as base:
        calls(made_releases(load.shop, Path(base) / "made" if toy else None), Path(base) / "copies", load)
        wrong = many_swaps(Path(base) / "small", load)
    return int(wrong > 0)


def calls(source: Path, folder: Path, load: Load) -> None:
    """Latencies of one thread."""
    original = source / pointer.read(source)
    folder.mkdir()
    ids = [copy(original, folder, n) for n in (1, 2)]
    rows = []
    for name, swaps, inline in (
        ("no swap", False, False),
        ("a thread opens", True, False),
        ("the call opens", True, True),
    ):
        pointer.announce(folder, ids[0])
        rows.append([name, *measure(folder, ids, swaps, inline, load)])
    title = f"a stored list of 20, µs; a swap each {load.every:g} s"
    table([title, "p50", "p99", "p99.9", "worst", "worst of a swap"], rows)


class NoThread:
    """In place of the thread that opens releases."""

    def ensure(self) -> None:
        pass


def measure(folder: Path, ids: list[str], swaps: bool, inline: bool, load: Load) -> list[str]:
    """p50, p99, p99.9, the worst call, and the median over swaps of the worst call within half the time to the next."""
    follower = Follower(folder)
    if inline:
        follower._background = NoThread()  # its thread ends, for nobody holds it any more
    done, at = threading.Event(), [0.0]

    def announce() -> None:
        n = 0
        while not done.wait(load.every):
            n += 1
            evict(folder / ids[n % 2])
            at.append(time.perf_counter())
            pointer.announce(folder, ids[n % 2])

    announcer = threading.Thread(target=announce)
    if swaps:
        announcer.start()
    rng = random.Random(5)
    users = [f"user-{rng.randrange(load.shop.users)}" for _ in range(100_000)]
    times: list[tuple[float, float]] = []
    end = time.perf_counter() + load.seconds
    look_at = n = 0
    now = time.perf_counter()
    while now < end:
        before = now
        if inline and before >= look_at:
            look_at = before + LOOK_SECONDS
            follower._look()
        release = follower.current()
        rows, _ = release.user_topk.top(release.users.find(users[n % len(users)]), 20)
        list(map(release.items.id, rows))
        n += 1
        now = time.perf_counter()
        times.append((before, now - before))
    done.set()
    if swaps:
        announcer.join()
    taken = [seconds for _, seconds in times]
    worst = [max((s for t, s in times if a <= t < a + load.every / 2), default=0.0) for a in at[1:-1]] if swaps else []
    figures = [*(quantile(taken, q) for q in (0.5, 0.99, 0.999)), max(taken)]
    return [f"{1e6 * s:.1f}" for s in figures] + [f"{1e6 * median(worst):.0f}" if worst else ""]


def evict(release: Path) -> None:
    """Put the files of a release out of memory, as those of a release that another machine built are."""
    for path in release.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def many_swaps(base: Path, load: Load) -> int:
    """Readers through many swaps; returns how many answers were wrong."""
    source = base / "releases" / make_release(base)
    folder = base / "swapped"
    folder.mkdir()
    pointer.announce(folder, copy(source, folder, 1))
    started = time.monotonic()
    looks = (max(2, load.swaps // 10), load.swaps + 1)
    with reading(folder, load.readers) as readers:
        for n in range(2, load.swaps + 2):
            current = copy(source, folder, n)
            pointer.announce(folder, current)
            if n % PRUNE_EVERY == 0:
                list(prune(folder))
            if n in looks:
                serving(current, readers)
                measured(looks.index(n) + 1, readers)
                print(f"{n} swaps in {time.monotonic() - started:.0f} s", flush=True)
        for reader in readers:
            reader.end()
    wrong = sum(len(reader.counted["wrong"]) for reader in readers)
    answers = sum(reader.counted["answers"] for reader in readers)
    rows = []
    for name in ("rss", "pss", "files", "mapped", "threads"):
        early, late = (sum(reader.measured[n][name] for reader in readers) / len(readers) for n in (0, 1))
        rows.append(
            [name + (", KiB" if name in ("rss", "pss") else ""), f"{early:.0f}", f"{late:.0f}", f"{late / early:.3f} x"]
        )
    print(f"\n{answers:,} answers of {len(readers)} processes, {wrong} wrong")
    table(["of a process, mean", f"after {looks[0]} swaps", f"after {load.swaps}", "ratio"], rows)
    return wrong
