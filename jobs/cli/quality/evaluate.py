"""The command `daybreak evaluate`: its options, and what they mean."""

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError

ABOUT = """\
Measure Daybreak's models beside plain baselines: every item is ranked for every user, and compared with what they took.

DIR is the folder of a public set, with sequences.txt (and items.parquet) or train.txt, valid.txt and test.txt, or the
folder of a shop, with daybreak.toml: then --date is the day to split its events at.
"""


def add(commands: Any, day: Callable[[str], date]) -> None:
    """Add the command. day: reads a day from the command line."""
    sub = commands.add_parser("evaluate", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub.set_defaults(do=_evaluate)
    sub.add_argument("folder", type=Path, metavar="DIR", nargs="?")
    sub.add_argument("--suite", type=Path, metavar="PATH", help="every public set that lies in this folder, instead")
    sub.add_argument("--preset", type=_names, default=(), metavar="NAME,…", help="Daybreak's settings; a method each")
    sub.add_argument("--methods", type=_names, metavar="NAME,…", help="which baselines (default: all)")
    sub.add_argument("--part", choices=("valid", "test"), default="test", help="of a public set (default: test)")
    sub.add_argument("--date", type=day, metavar="YYYY-MM-DD", help="of a shop: what was before it is learned from")
    sub.add_argument("--days", type=int, default=14, help="of a shop: how many days from then count (default: 14)")
    sub.add_argument("--json", action="store_true", help="one JSON object a method and line, with every metric")
    sub.add_argument("--master", default="local[*]", help="the Spark master that reads a shop's files")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _evaluate(arguments: argparse.Namespace) -> None:
    from jobs.cli.quality.suite import EvaluateOptions, run, run_suite

    if (arguments.folder is None) == (arguments.suite is None):
        raise ConfigError("evaluate needs either DIR or --suite PATH")
    if arguments.days < 1:
        raise ConfigError(f"--days must be 1 or more; it is {arguments.days}")
    choice = EvaluateOptions(
        methods=arguments.methods,
        presets=arguments.preset,
        part=arguments.part,
        day=arguments.date,
        days=arguments.days,
        master=arguments.master,
    )
    if arguments.suite is not None:
        run_suite(arguments.suite, choice, arguments.json)
    else:
        run(arguments.folder, choice, arguments.json)
