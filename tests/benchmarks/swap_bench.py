"""What calls feel of new releases, and what readers keep of old ones.

First, one thread asks without pause while CURRENT changes between two releases of a million users, whose files were put
out of memory before. Beside it the same where the call that sees the change opens the release itself. Goal: p99.9 and
the worst call of a swap stay near those without any swap.

Then eight reader processes go through a thousand swaps, with prunes in between. Goal: memory, files and mappings at the
end are those at the beginning.
"""

import os
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from million import SIZES, releases, table

from jobs.releases.prune import prune
from lookup.release import pointer
from lookup.release.follow import LOOK_SECONDS, Follower
from tests.lookup.marked import copy
from tests.lookup.release.test_swaps import READERS, measured, reading, serving
from tests.releases import make_release

SECONDS = 20.0
EVERY = 1.0
"""Seconds between swaps."""
SWAPS = 1000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as base:
        calls(Path(base) / "million")
        many_swaps(Path(base) / "small")


def calls(folder: Path) -> None:
    """Latencies of one thread."""
    source = releases()
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
        rows.append([name, *measure(folder, ids, swaps, inline)])
    table(
        [f"a stored list of 20, µs; a swap each {EVERY:.0f} s", "p50", "p99", "p99.9", "worst", "worst of a swap"], rows
    )
    shutil.rmtree(folder)


def measure(folder: Path, ids: list[str], swaps: bool, inline: bool) -> list[str]:
    """p50, p99, p99.9, the worst call, and the median over swaps of the worst call within half a second of one."""
    follower = Follower(folder)
    if inline:
        follower._background = None  # its thread ends, for nobody holds it any more
    done, at = threading.Event(), [0.0]

    def announce() -> None:
        n = 0
        while not done.wait(EVERY):
            n += 1
            evict(folder / ids[n % 2])
            at.append(time.perf_counter())
            pointer.announce(folder, ids[n % 2])

    announcer = threading.Thread(target=announce)
    if swaps:
        announcer.start()
    rng = random.Random(5)
    users = [f"user-{rng.randrange(SIZES.users)}" for _ in range(100_000)]
    times: list[tuple[float, float]] = []
    end = time.perf_counter() + SECONDS
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
    sorted_times = sorted(seconds for _, seconds in times)
    worst = [max((s for t, s in times if a <= t < a + EVERY / 2), default=0.0) for a in at[1:-1]] if swaps else []
    quantiles = [sorted_times[int(len(sorted_times) * q)] for q in (0.5, 0.99, 0.999)]
    return [f"{1e6 * s:.1f}" for s in [*quantiles, sorted_times[-1]]] + [f"{1e6 * median(worst):.0f}" if worst else ""]


def evict(release: Path) -> None:
    """Put the files of a release out of memory, as those of a release that another machine built are."""
    for path in release.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def many_swaps(base: Path) -> None:
    """Eight processes."""
    source = base / "releases" / make_release(base)
    folder = base / "swapped"
    folder.mkdir()
    pointer.announce(folder, copy(source, folder, 1))
    started = time.monotonic()
    with reading(folder, READERS) as readers:
        for n in range(2, SWAPS + 2):
            current = copy(source, folder, n)
            pointer.announce(folder, current)
            if n % 10 == 0:
                list(prune(folder))
            if n in (SWAPS // 10, SWAPS + 1):
                serving(current, readers)
                measured(1 if n <= SWAPS // 10 else 2, readers)
                print(f"{n} swaps in {time.monotonic() - started:.0f} s", flush=True)
        for reader in readers:
            reader.end()
    wrong = sum(len(reader.counted["wrong"]) for reader in readers)
    answers = sum(reader.counted["answers"] for reader in readers)
    rows = []
    for name in ("rss", "pss", "files", "mapped", "threads"):
        early, late = (sum(reader.measured[n][name] for reader in readers) / READERS for n in (0, 1))
        rows.append(
            [name + (", KiB" if name in ("rss", "pss") else ""), f"{early:.0f}", f"{late:.0f}", f"{late / early:.3f} x"]
        )
    print(f"\n{answers:,} answers of {READERS} processes, {wrong} wrong")
    table(["of a process, mean", f"after {SWAPS // 10} swaps", f"after {SWAPS}", "ratio"], rows)


if __name__ == "__main__":
    main()
