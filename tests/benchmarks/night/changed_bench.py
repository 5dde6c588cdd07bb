"""Nights after which little is new, beside the first one: with nothing changed, and with some items and users.

Needs the extra `demo`. The shop is a slice of Complete Journey, with the demo's settings. Its nights:

    full            the first, which trains the model
    nothing         the next day, the same files
    nothing again   the day after: now the release that serves is of this model, too
    some            1 % of the items have another title, and 5 % of the users have what they really bought since
    in full         the same once more, with what `full` learned and nothing else to take over

Prints, for each job, seconds of all processors, which other work on the machine moves less, as shares of the first
night's; and seconds on the clock. Spark's start is no part of either. Compares the releases of `some` and `in full`,
every array by its bytes and every table, and the arrays of `full` and `nothing again`. Exits with 1 where they differ.
With --toy, the first two nights alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from jobs.config.loader import load
from jobs.night import JOBS
from lookup.release import pointer
from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.timing import options, table
from tests.same_release import differences
from tests.slices import write_slice

FIRST = date(2017, 12, 12)
OTHER_ITEMS, OTHER_USERS = 100, 20
"""One of so many is another, or has bought since."""
KEPT = ("models", "spaces", "rankers", "learned")
"""What `in full` takes from the nights before: what they learned, which it would learn anew."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=10_000)
    asked = parser.parse_args(argv)
    users, items = (60, 400) if asked.toy else (asked.users, asked.items)
    folder = Path(tempfile.mkdtemp())
    try:
        config = write_slice(folder, users, items)
        if not asked.toy:
            without_small_settings(config)
        without_gate(config)
        every = pl.read_parquet(folder / "events.parquet")
        since(folder, every, FIRST, FIRST)
        names = ("full", "nothing") if asked.toy else ("full", "nothing", "nothing again")
        nights = {name: night(config, FIRST + timedelta(days=number)) for number, name in enumerate(names)}
        if asked.toy:
            return same_arrays(folder / "releases", nights, *names)
        last = FIRST + timedelta(days=3)
        since(folder, every, FIRST, last)
        other_titles(folder)
        releases, work = folder / "releases", folder / "work"
        before = shutil.copytree(releases, folder / "before", symlinks=True)
        nights["some"] = night(config, last)
        some = releases / pointer.read(releases)
        work.rename(folder / "work-before")
        for kept in KEPT:
            shutil.copytree(folder / "work-before" / kept, work / kept)
        releases.rename(folder / "with-some")
        before.rename(releases)
        nights["in full"] = night(config, last)
        code = same_arrays(releases, nights, "full", "nothing again")
        lines = differences(folder / "with-some" / some.name, releases / nights["in full"]["release"])
        print(f"some, in full: {'; '.join(lines) or 'the same'}")
        return code or int(bool(lines))
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)
        shutil.rmtree(folder)


def since(folder: Path, every: pl.DataFrame, first: date, day: date) -> None:
    """Write the events that a night knows: of days since the first, those of some users alone."""
    then, of = pl.col("transaction_timestamp").dt.date(), pl.col("household_id").hash() % OTHER_USERS == 0
    every.filter((then < first) | ((then < day) & of)).write_parquet(folder / "events.parquet")


def other_titles(folder: Path) -> None:
    """Let some items have another title."""
    items = pl.read_parquet(folder / "items.parquet").with_row_index()
    other = pl.format("{} new", pl.col("package_size").fill_null(""))
    title = pl.when(pl.col("index") % OTHER_ITEMS == 0).then(other).otherwise("package_size").alias("package_size")
    items.with_columns(title).drop("index").write_parquet(folder / "items.parquet")


def without_small_settings(config: Path) -> None:
    """The demo's settings, which a slice makes smaller."""
    text = config.read_text()
    config.write_text(text[: text.index("k = 20\n")])


def without_gate(config: Path) -> None:
    """Let a night without events on its last day be published; by default it is held."""
    config.write_text(f"{config.read_text()}\n[validate]\nmin_day_events = 0\n")


def night(config: Path, day: date, *given: str) -> dict[str, Any]:
    """Run a night in a process of its own; what its receipts say, by job, and its release. given: more options."""
    told = [sys.executable, "-m", "jobs.cli", "run", "--config", str(config), "--date", day.isoformat(), *given]
    done = subprocess.run(told, cwd=ROOT, check=False, capture_output=True, text=True, env={**os.environ})
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    run = load(config, day).run
    found: dict[str, Any] = {receipt["job"]: receipt for receipt in run.receipts()}
    return {**found, "release": run.read_json("release.json")["id"]}


def show(nights: dict[str, dict[str, Any]]) -> None:
    """Print the seconds of each job in each night."""
    for what, of in (("processors", cpu), ("clock", clock)):
        whole = sum(of(nights["full"][job]) for job in JOBS)
        rows = [[job, *(f"{of(found[job]):.1f}" for found in nights.values())] for job in JOBS]
        sums = [sum(of(found[job]) for job in JOBS) for found in nights.values()]
        rows.append(["all", *(f"{one:.1f}" for one in sums)])
        rows.append(["share of full", *(f"{one / whole:.3f}" for one in sums)])
        table([f"seconds, {what}", *nights], rows)
        print()


def cpu(receipt: dict[str, Any]) -> float:
    return float(receipt["used"]["cpu_seconds"])


def clock(receipt: dict[str, Any]) -> float:
    return float(receipt["seconds"])


def same_arrays(releases: Path, nights: dict[str, dict[str, Any]], one: str, other: str) -> int:
    """Show all nights, and 1 where the arrays of two releases differ. Their tables do: `in place` is a release that was
    not there on the first night."""
    show(nights)
    lines = differences(*(releases / nights[name]["release"] for name in (one, other)))
    found = [line for line in lines if line.startswith("array")]
    print(f"{one}, {other}: {'; '.join(found) or 'the same'}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
