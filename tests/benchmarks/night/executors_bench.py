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
from tests.benchmarks.shared.slice_nights import FIRST, clock, cpu, night, options_of_slices, slice_shop
from tests.benchmarks.shared.timing import table

MASTERS = {"one process": "local[2]", "two processes": "local-cluster[2,1,2048]"}


def main(argv: Sequence[str] | None = None) -> int:
    asked = options_of_slices(__doc__).parse_args(argv)
    folder = Path(tempfile.mkdtemp())
    try:
        nights = {}
        for name, master in MASTERS.items():
            config = slice_shop(folder / name.replace(" ", "-"), asked)
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
