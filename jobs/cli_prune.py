"""The command `daybreak prune`: its options, and what they mean."""

import argparse
from collections.abc import Callable
from pathlib import Path

ABOUT = """\
Remove old releases.

What is served stays, and the releases before it that rollbacks go to (--keep counts them all), what was built since and
not published yet, and whatever a reader holds, pinned or not: readers are asked by locks, which end with their process.
"""


def add(command: Callable[[str, object, str], argparse.ArgumentParser], releases: Callable[..., Path]) -> None:
    """Add the command. command: makes one that has --config. releases: the folder of releases that it means."""

    def run(arguments: argparse.Namespace) -> None:
        _prune(arguments, releases(arguments))

    sub = command("prune", run, "remove old releases")
    sub.description, sub.formatter_class = ABOUT, argparse.RawDescriptionHelpFormatter
    sub.add_argument("--keep", type=int, default=3, metavar="N", help="how many stay, CURRENT among them (default: 3)")
    sub.add_argument(
        "--spare", nargs="+", default=[], metavar="ID", help="these stay too, such as the arms of a test under way"
    )
    sub.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")


def _prune(arguments: argparse.Namespace, releases: Path) -> None:
    from jobs.prune import prune

    removed = freed = 0
    done = "would be removed" if arguments.dry_run else "removed"
    for outcome in prune(releases, arguments.keep, arguments.spare, arguments.dry_run):
        print(f"{outcome.id}  {outcome.bytes / 1e6:,.1f} MB  {done if outcome.why is None else 'left: ' + outcome.why}")
        if outcome.why is None:
            removed, freed = removed + 1, freed + outcome.bytes
    print(f"{removed} release{'' if removed == 1 else 's'} {done}, {freed / 1e6:,.1f} MB")
