"""Kill any job of the night at a random moment, 20 times: what is served stays whole, and the next night completes."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import lookup
from jobs.night import JOBS
from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.timing import options
from tests.releases import config_at
from tests.run_tables import Sizes, write_run
from tests.slices import NIGHT, write_slice

BUILD = """
import sys
from pathlib import Path
from jobs.night import run_job
from jobs.releases.announce import announce
from tests.releases import config_at, pass_validation
config = config_at(Path(sys.argv[1]))
release = run_job("build", None, config)["release"]
if sys.argv[2] == "run":
    pass_validation(config.releases / release)
    announce(config.releases, release)
"""
"""The night of the toy: `build` alone, which needs no Spark, and with `run` the announcement."""


class Night(NamedTuple):
    """A night that can be started, and what is asked of its release."""

    command: list[str]
    """Without the words of the command line: `run`, or `job NAME …`."""
    options: list[str]
    """After the words."""
    jobs: list[str]
    """The jobs that may be killed."""
    latest: float
    """Seconds after which a job is killed at the latest."""
    user: str
    k: int
    """A user who has so many items in a stored list."""


def real_night(folder: Path) -> Night:
    """A night on a slice of the demo's data, by the command line."""
    config = write_slice(folder, users=60, items=600)
    command = [sys.executable, "-m", "jobs.cli"]
    return Night(command, ["--config", str(config), "--date", NIGHT], list(JOBS), latest=12.0, user="1", k=20)


def made_night(folder: Path) -> Night:
    """The build of a made run."""
    write_run(config_at(folder), 1, Sizes())
    command = [sys.executable, "-c", BUILD, str(folder)]
    return Night(command, [], ["build"], latest=2.0, user="user-1", k=3)


def start(night: Night, *words: str) -> subprocess.Popen[bytes]:
    """A command in a process group of its own, with all that it starts."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*night.command, *words, *night.options], cwd=ROOT, start_new_session=True, **quiet)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when anything that must hold does not."""
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    with tempfile.TemporaryDirectory() as folder:
        night = made_night(Path(folder)) if given.toy else real_night(Path(folder))
        return kill(night, Path(folder) / "releases", 1 if given.toy else given.kills, random.Random(given.seed))


def kill(night: Night, releases: Path, wanted: int, rng: random.Random) -> int:
    """Kill so many jobs while a reader asks without pause, then run a whole night."""
    assert start(night, "run").wait() == 0, "the first night failed"
    reader = lookup.open(releases)
    first = reader.release.id
    asked = wrong = kills = 0
    while kills < wanted:
        job = rng.choice(night.jobs)
        after = rng.uniform(night.latest / 12, night.latest)
        running = start(night, "job", job, *(["--full"] if job == "train" else []))
        ends = time.monotonic() + after
        while time.monotonic() < ends and running.poll() is None:
            asked += 1
            hits = reader.recommend(night.user, k=night.k)
            wrong += len(hits) != night.k or {hit.source for hit in hits} != {"list"} or reader.problem is not None
            time.sleep(0.01)
        ended = running.poll()
        if ended is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            kills += 1
        current = lookup.open(releases, verify=True).release.id
        done = f"killed after {after:4.1f} s" if ended is None else f"ended before ({ended})"
        print(f"{kills:>3}  {job:<12} {done:<20} serving {current}, every byte verified", flush=True)
    completed = start(night, "run").wait()
    last = lookup.open(releases, verify=True).release.id
    print(f"{asked:,} recommendations asked meanwhile, {wrong} wrong")
    print(f"the next night {'completed' if completed == 0 and last != first else 'FAILED'}: {first} → {last}")
    left = [path.name for path in releases.glob(".*")]
    print(f"left over in releases/: {left or 'nothing'}")
    return int(wrong > 0 or completed != 0 or last == first or bool(left))
