"""Eight reader processes through a hundred changes of CURRENT: good ones, rollbacks, releases that are
missing or damaged, and prunes in between."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from jobs.releases.prune import prune
from lookup.release import pointer
from tests.lookup.conftest import Two
from tests.lookup.marked import copy, id_of

ROOT = Path(__file__).parents[3]
READERS = 8
SWAPS = 100
PATIENCE = 60.0
PAUSE = 0.004
"""Seconds between the rounds of a reader in the test: eight at full load leave two cores no time for the swaps."""


class Reader:
    """A process of `tests.lookup.swap_reader`, and what it said last."""

    def __init__(self, releases: Path, pause: float = 0.0):
        command = [sys.executable, "-m", "tests.lookup.swap_reader", str(releases), "1", str(pause)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.serves = self.problem = ""
        self.measured: list[dict[str, int]] = []
        self.counted: dict[str, Any] = {}
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            if "serves" in said:
                self.serves, self.problem = said["serves"], said["problem"] or ""
            elif "measured" in said:
                self.measured.append(said["measured"])
            else:
                self.counted = said

    def ask(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("measure\n")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.listener.join()
        assert self.process.wait() == 0


@contextmanager
def reading(releases: Path, number: int, pause: float = 0.0) -> Iterator[list[Reader]]:
    with ExitStack() as ends:
        readers = [Reader(releases, pause) for _ in range(number)]
        for reader in readers:
            ends.callback(reader.process.wait)
            ends.callback(reader.process.kill)
        yield readers


def wait_for(what: Callable[[Reader], Any], readers: list[Reader]) -> None:
    until = time.monotonic() + PATIENCE
    while not all(what(reader) for reader in readers):
        dead = [reader.process.args for reader in readers if reader.process.poll() is not None]
        assert not dead
        assert time.monotonic() < until, [(reader.serves, reader.problem) for reader in readers]
        time.sleep(0.002)


def serving(release_id: str, readers: list[Reader]) -> None:
    wait_for(lambda reader: reader.serves == release_id and not reader.problem, readers)


def measured(times: int, readers: list[Reader]) -> None:
    for reader in readers:
        reader.ask()
    wait_for(lambda reader: len(reader.measured) == times, readers)


def test_a_hundred_swaps_under_eight_readers(built: Two, tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    releases.mkdir()
    sources = [built.releases / release_id for release_id in (built.old, built.new)]
    good = copy(sources[0], releases, 1)
    pointer.announce(releases, good)
    broken: list[str] = []
    removed: set[str] = set()
    with reading(releases, READERS, PAUSE) as readers:
        serving(good, readers)
        for n in range(2, SWAPS + 2):
            if n % 10 == 4:  # back to the one before
                good = pointer.before_current(releases)
                pointer.announce(releases, good, "rollback")
            elif n % 10 == 7:  # damaged or missing
                serving(good, readers)
                broken.append(copy(sources[0], releases, n) if n % 20 == 7 else id_of(n))
                (releases / broken[-1] / "arrays" / "user_topk_score.npy").unlink(missing_ok=True)
                pointer.announce(releases, broken[-1])
                wait_for(lambda reader: broken[-1] in reader.problem, readers)
                assert {reader.serves for reader in readers} == {good}
                pointer.announce(releases, good, "rollback")
                serving(good, readers)
            else:
                good = copy(sources[n % 2], releases, n)
                pointer.announce(releases, good)
                time.sleep(0.05)
            if n % 10 == 9:
                removed.update(outcome.id for outcome in prune(releases, keep=3) if outcome.why is None)
            if n == 2 * SWAPS // 10:
                measured(1, readers)
        serving(good, readers)
        measured(2, readers)
        for reader in readers:
            reader.end()
    for reader in readers:
        assert reader.counted["wrong"] == []
        assert reader.counted["answers"] > SWAPS
        assert all(any(bad in warning for warning in reader.counted["warnings"]) for bad in broken)
        early, late = reader.measured
        assert early["releases"] == late["releases"] == 1
        for what in ("files", "mapped", "threads"):
            assert late[what] == early[what], what
        for what in ("rss", "pss"):
            assert late[what] < early[what] + 8 * 1024, what
    assert len(removed) > SWAPS // 2
    assert good not in removed
