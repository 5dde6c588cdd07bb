"""A whole night beside a plain script of polars and torch that does the same in one process, on a small shop.

The shop is a slice of the demo's data. The script reads, embeds, learns, ranks and writes lists (`shared.plain_night`).
It has no ranker, no search, no evaluation and no gate, so two figures of Daybreak stand beside it: the seconds of the
jobs that the script does, too, and those of the whole night with every start. Below some millions of events the script
is the quicker one: what Spark costs is the price of more than one process, of receipts, checks and another try.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.shared import ROOT, contest
from tests.benchmarks.shared.contest import OURS, Contest, Side
from tests.benchmarks.shared.sides import Rounds
from tests.benchmarks.shared.timing import seconds

SAME = ("ingest", "train", "embed_items", "embed_users", "topk", "build")
"""The jobs whose work the script does, too."""
SCRIPT = "tests.benchmarks.shared.plain_night"
WHOLE, PART = "the whole night", "the jobs that the script does, too"


class Load(NamedTuple):
    """The slice, and how many nights."""

    users: int
    items: int
    rounds: int
    toy: bool
    """Whether the script runs beside itself, in this process."""


FULL, SMALL = Load(200, 1_500, 2, False), Load(30, 100, 1, True)


def contests(toy: bool) -> Iterator[Contest]:
    load = SMALL if toy else FULL
    script = Side("a plain script", plain, (load,))
    ours = Side("the script again", plain, (load,)) if toy else Side(OURS, night, (load,))
    yield Contest(f"a night of {load.users:,} users x {load.items:,} items", "s", ours, (script,), load.rounds)


def night(load: Load) -> Rounds:
    from tests.slices import NIGHT, write_slice

    with tempfile.TemporaryDirectory() as scratch:
        yield {}
        while True:
            folder = Path(scratch) / "shop"
            config = write_slice(folder, load.users, load.items)
            whole = seconds(lambda: run("jobs.cli", "run", "--config", str(config), "--date", NIGHT))  # noqa: B023
            receipts = folder / "work" / "runs" / NIGHT / "receipts"
            told = [json.loads((receipts / f"{job}.json").read_text())["seconds"] for job in SAME]
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)  # a release is read-only
            shutil.rmtree(folder)
            yield {WHOLE: whole, PART: sum(told)}


def plain(load: Load) -> Rounds:
    from tests.benchmarks.shared.plain_night import main as main_of_script
    from tests.slices import write_slice

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "shop"
        write_slice(folder, load.users, load.items)
        yield {}
        while True:
            taken = seconds(lambda: main_of_script(folder) if load.toy else run(SCRIPT, str(folder)))
            yield {WHOLE: taken, PART: taken}


def run(*command: str) -> None:
    """Run a module of this checkout. Raises RuntimeError with what it says last where it fails."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")


def main(argv: Sequence[str] | None = None) -> int:
    return contest.main(__doc__, contests, argv)
