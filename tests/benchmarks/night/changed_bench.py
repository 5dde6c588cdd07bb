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

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from jobs.night import JOBS
from lookup.release import pointer
from tests.benchmarks.shared.slice_nights import FIRST, clock, cpu, night, options_of_slices, slice_shop
from tests.benchmarks.shared.timing import table
from tests.same_release import differences

OTHER_ITEMS, OTHER_USERS = 100, 20
"""One of so many is another, or has bought since."""
KEPT = ("models", "spaces", "rankers", "learned")
"""What `in full` takes from the nights before: what they learned, which it would learn anew."""


def main(argv: Sequence[str] | None = None) -> int:
    asked = options_of_slices(__doc__).parse_args(argv)
    folder = Path(tempfile.mkdtemp())
    try:
        config = slice_shop(folder, asked)
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


def without_gate(config: Path) -> None:
    """Let a night without events on its last day be published; by default it is held."""
    config.write_text(f"{config.read_text()}\n[validate]\nmin_day_events = 0\n")


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
