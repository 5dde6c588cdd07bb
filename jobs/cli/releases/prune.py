"""The command `daybreak prune`: its options, and what they mean."""

import argparse
from collections.abc import Callable
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.config.config import Config

ABOUT = """\
Remove old releases.

What is served stays, and the releases before it that rollbacks go to (--keep counts them all), what was built since and
not published yet, and whatever a reader holds, pinned or not: readers are asked by locks, which end with their process.

The log of patches keeps its events, for the nights to learn from. With --log-before, those of before that day go that
every release left has absorbed, and so does what had ended by then.
"""


def add(
    command: Callable[[str, object, str], argparse.ArgumentParser],
    load: "Callable[..., Config]",
    day: Callable[[str], date],
) -> None:
    """Add the command. command: makes one that has --config. load: reads the configuration that it means. day: the type
    of a day.
    """

    def run(arguments: argparse.Namespace) -> None:
        _prune(arguments, load(arguments))

    sub = command("prune", run, "remove old releases")
    sub.description, sub.formatter_class = ABOUT, argparse.RawDescriptionHelpFormatter
    sub.add_argument("--keep", type=int, default=3, metavar="N", help="how many stay, CURRENT among them (default: 3)")
    sub.add_argument(
        "--spare", nargs="+", default=[], metavar="ID", help="these stay too, such as the arms of a test under way"
    )
    what = sub.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="say which releases would be removed, and remove nothing")
    what.add_argument("--log-before", type=day, metavar="YYYY-MM-DD", help="remove older events from the log, too")


def _prune(arguments: argparse.Namespace, config: "Config") -> None:
    from jobs.releases.prune import prune, prune_log
    from lookup.patches.patch_log import open_log

    removed = freed = 0
    done = "would be removed" if arguments.dry_run else "removed"
    for outcome in prune(config.releases, arguments.keep, arguments.spare, arguments.dry_run):
        print(f"{outcome.id}  {outcome.bytes / 1e6:,.1f} MB  {done if outcome.why is None else 'left: ' + outcome.why}")
        if outcome.why is None:
            removed, freed = removed + 1, freed + outcome.bytes
    print(f"{removed} release{'' if removed == 1 else 's'} {done}, {freed / 1e6:,.1f} MB")
    if arguments.log_before is not None:
        with closing(open_log(config.patches)) as log:
            gone = prune_log(config.releases, log, arguments.log_before)
        print(f"{gone:,} rows removed from the log {config.patches}")
