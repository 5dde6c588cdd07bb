"""A release of a million users, built once by `jobs.stages.build.job` and kept in the machine's temporary folder."""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # so that `python tests/benchmarks/….py` finds the packages in a checkout

from lookup.release.schema import SCHEMA_VERSION  # noqa: E402
from tests.releases import Sizes, make_release  # noqa: E402

SIZES = Sizes(items=1000, users=1_000_000, dimensions=8, k=20, similar=10, again=0, popular=100, events=100_000)


def releases() -> Path:
    """The folder of releases; made in a few minutes where it is not there yet."""
    base = Path(tempfile.gettempdir()) / f"daybreak-bench-{SCHEMA_VERSION}-{SIZES.users}x{SIZES.k}"
    if not (base / "releases" / "CURRENT").exists():
        started = time.monotonic()
        print(f"building a release of {SIZES.users:,} users in {base} …", flush=True)
        make_release(base, seed=1, sizes=SIZES)
        print(f"built in {time.monotonic() - started:.0f} s", flush=True)
    return base / "releases"


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print a table, its first column to the left."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
