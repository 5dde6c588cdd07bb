"""Every contest, one table: `python -m tests.benchmarks peers [NAME …]`, as `make bench` does.

Every figure is a ratio against a named peer in the same run. The rows are appended as Parquet under .benchmarks/peers,
with a plot (ratios.png, ratios.svg) and a page (report.html). A ratio that is worse than the committed one of this kind
of machine (figures.toml) by more than the noise of both fails. --keep writes the ratios of this run there.
"""

import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.catalogue import BENCHMARKS
from tests.benchmarks.shared import figures, machine, results
from tests.benchmarks.shared.contest import Row, hold, tell
from tests.benchmarks.shared.timing import options


def main(argv: Sequence[str], folder: Path = results.FOLDER, file: Path = figures.FILE) -> int:
    """Hold all contests; 1 where a figure is worse than it was, or a peer fails."""
    beside = {one.name: one for one in BENCHMARKS if one.peers}
    parser = options(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(beside)}; all where none is named")
    parser.add_argument("--keep", action="store_true", help="write the ratios to figures.toml, to be committed")
    given = parser.parse_args(argv)
    if unknown := [name for name in given.names if name not in beside]:
        parser.error(f"{unknown[0]!r} has no peers; those that have are {', '.join(beside)}")
    here = machine.this()
    print(f"{here}\n", flush=True)
    if here.busy:
        print("Other work takes part of this machine: the figures are noisy, and not to be kept.\n", flush=True)
    rows: list[Row] = []
    for name in given.names or beside:
        for contest in importlib.import_module(beside[name].module).contests(given.toy):
            started = time.monotonic()
            rows += hold(contest, apart=not given.toy)
            print(f"{contest.name}: measured in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    known = figures.committed(here.kind, file)
    tell(rows, {key: figure.ratio for key, figure in known.items()})
    results.append(rows, here, folder)
    show(rows, known, here, folder)
    if given.keep:
        figures.commit(here.kind, rows, file)
    elif not known:
        print("No figures of this kind of machine are committed, so nothing was compared: make bench KEEP=1")
    fallen = [] if given.keep else figures.worse(rows, known)
    for one in fallen:
        print(f"worse than committed: {one}", file=sys.stderr)
    for row in rows:
        if row.failed:
            print(f"{row.key} failed:\n{row.problem}", file=sys.stderr)
    return int(bool(fallen) or any(row.failed for row in rows))


def show(rows: Sequence[Row], known: dict[str, figures.Figure], here: machine.Machine, folder: Path) -> None:
    """Draw the plot, where matplotlib is there, and write the page."""
    drawn = None
    try:
        _, drawn = results.plot(rows, known, results.earlier(here, folder), folder)
    except ModuleNotFoundError as error:
        print(f'no plot: {error.name} is not installed: pip install ".[bench]"')
    print(f"\n{results.page(rows, here, drawn, folder)}")
