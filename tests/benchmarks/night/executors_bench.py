"""The same first night by two executor processes of one core each, and by one process with two threads.

Needs the extra `demo` and two cores. The shop is a slice of Complete Journey, with the demo's settings. Executors that
are processes start their own Java and Python workers, and what goes between them goes through files and sockets. Prints
for each job the seconds on the clock beyond Spark's start, and of all processors. Goal: two processes take at most 15 %
longer. Numbers differ in their last digits: a fit on one thread adds in another order than one on two.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs.night import JOBS
from tests.benchmarks.night.changed_bench import FIRST, clock, cpu, night, without_small_settings
from tests.benchmarks.shared.timing import options, table
from tests.slices import write_slice

MASTERS = {"one process": "local[2]", "two processes": "local-cluster[2,1,2048]"}


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=10_000)
    asked = parser.parse_args(argv)
    users, items = (60, 400) if asked.toy else (asked.users, asked.items)
    folder = Path(tempfile.mkdtemp())
    try:
        nights = {}
        for name, master in MASTERS.items():
            own = folder / name.replace(" ", "-")
            own.mkdir()
            config = write_slice(own, users, items)
            if not asked.toy:
                without_small_settings(config)
            nights[name] = night(config, FIRST, "--master", master)
        show(nights)
        return 0
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)  # releases are read-only
        shutil.rmtree(folder)


def show(nights: dict[str, dict[str, Any]]) -> None:
    """Print the seconds of each job, and how much longer two processes take."""
    one, two = nights.values()
    for what, of in (("clock", clock), ("processors", cpu)):
        rows = [(job, of(one[job]), of(two[job])) for job in JOBS]
        rows.append(("all", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True))))
        shown = [[job, f"{a:.1f}", f"{b:.1f}", f"{b / a:.2f}" if a else ""] for job, a, b in rows]
        table([f"seconds, {what}", *nights, "ratio"], shown)
        print()


if __name__ == "__main__":
    sys.exit(main())
