"""The command `daybreak-fetch`, also `python -m lookup.travel`: what a serving host runs. `daybreak fetch` is the
same."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from lookup.errors import DaybreakError

PRIVATE = 0o077
"""The umask: what is fetched holds ids of users, so nobody else may read it."""
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
NEEDS = "daybreak-fetch: this command needs {}: pip install 'daybreak-lookup[fetch]'"


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch once, or follow. Returns the exit code: 0 when the release of the store serves here, 1 when it does not,
    and 2 when the command line is wrong or the extra `fetch` is not installed.
    """
    given = parser().parse_args(argv)
    os.umask(PRIVATE)
    try:
        return run(
            given.url,
            given.dir,
            follow=given.follow,
            every=given.every,
            keep=given.keep,
            seconds=given.timeout,
            shards=given.shards,
        )
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="daybreak-fetch", description=__doc__)
    made.add_argument("url", metavar="URL", help="the store, such as s3://bucket/folder; credentials: the environment")
    made.add_argument("dir", metavar="DIR", type=Path, help="the folder of releases on this host, for lookup.open")
    made.add_argument("--follow", action="store_true", help="go on, and follow the store's CURRENT")
    made.add_argument("--every", type=_seconds, default=10.0, metavar="SECONDS", help="how often to look (default 10)")
    made.add_argument("--keep", type=_count, default=2, metavar="N", help="releases that stay on this disk (default 2)")
    made.add_argument(
        "--timeout",
        type=_seconds,
        default=20.0,
        metavar="SECONDS",
        help="how long the server may say nothing (default 20)",
    )
    made.add_argument("--shards", metavar="0,3/8", help="bring these shards of users alone, here 0 and 3 of 8")
    return made


def run(
    url: str, releases: Path, *, follow: bool, every: float, keep: int, seconds: float, shards: str | None = None
) -> int:
    """What both commands do. Returns the exit code. See `main`. What goes wrong is a line on standard error."""
    try:
        from lookup.release.shards.routing import ALL, Served
        from lookup.travel.fetch import Fetched
        from lookup.travel.follow import StoreFollower
    except ModuleNotFoundError as error:
        if error.name not in ("obstore", "zstandard"):
            raise
        print(NEEDS.format(error.name), file=sys.stderr)
        return 2

    log, lines = logging.getLogger("lookup"), logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("daybreak-fetch: %(message)s"))
    log.handlers[:], log.propagate = [lines], False
    log.setLevel(logging.INFO if follow else logging.WARNING)

    def told(done: Fetched) -> None:
        moved, here = done.bytes_moved / 1e6, done.bytes_here / 1e6
        print(f"serving {done.id}: {moved:,.1f} MB fetched, {here:,.1f} MB were here", flush=True)

    try:
        served = ALL if shards is None else Served.read(shards)
        follower = StoreFollower(url, releases.absolute(), keep, seconds, served)
    except (DaybreakError, ValueError) as error:
        print(f"daybreak-fetch: {error}", file=sys.stderr)
        return 2
    if follow:
        signal.signal(signal.SIGTERM, _end)
        follower.run(told, every)
    done = follower.once()
    if done is None:
        return 1
    told(done)
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)  # a pod that is stopped; what is half fetched is gone on with


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.1 <= number <= 86_400:
        raise argparse.ArgumentTypeError(f"{text}: from 0.1 to 86400 seconds expected")
    return number


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{text}: from 1 to 1000 expected")
    return number


if __name__ == "__main__":
    sys.exit(main())
