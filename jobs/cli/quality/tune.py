"""The command `daybreak tune`: its options, and what they mean."""

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError

ABOUT = """\
Search better settings for a preset, on validation data alone, and print them as a preset that can be committed.

DIR is the folder of a public set, or of a shop, as for `daybreak evaluate`; of several the mean counts. A public set is
measured on its part valid; a shop on the --days before --date, and nothing from --date on is read.
The study is kept in a file: the same command, run again, goes on with it. Ctrl-C ends it and prints the best so far.
"""
INTERRUPTED = 130


def add(commands: Any, day: Callable[[str], date]) -> None:
    """Add the command. day: reads a day from the command line."""
    sub = commands.add_parser("tune", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub.set_defaults(do=_tune)
    sub.add_argument("folders", type=Path, metavar="DIR", nargs="+")
    sub.add_argument("--preset", required=True, metavar="NAME", help="whose settings the search starts from")
    sub.add_argument("--study", type=Path, required=True, metavar="FILE", help="where the study is kept (SQLite)")
    sub.add_argument("--trials", type=int, default=50, help="how many the study is to have in all (default: 50)")
    sub.add_argument("--seconds", type=float, help="after so many no trial begins")
    sub.add_argument("--seed", type=int, default=0, help="of the search (default: 0); that of the fits is train.seed")
    sub.add_argument("--metric", default="ndcg@10", help="what is to be high (default: ndcg@10)")
    history = sub.add_mutually_exclusive_group()
    history.add_argument(
        "--masked",
        action="store_true",
        default=None,
        help="what a user had is neither listed nor wanted (default: where the preset has train.repeat = 0)",
    )
    history.add_argument("--unmasked", dest="masked", action="store_false", default=None, help="it may be")
    sub.add_argument("--epochs", type=int, help="of every fit, in place of the preset's")
    sub.add_argument("--date", type=day, metavar="YYYY-MM-DD", help="of a shop: the first day of the test")
    sub.add_argument("--days", type=int, default=14, help="of a shop: days before it to measure on (default: 14)")
    sub.add_argument("--out", type=Path, metavar="FILE", help="write the preset there too")
    sub.add_argument("--master", default="local[*]", help="the Spark master that reads a shop's files")


def _tune(arguments: argparse.Namespace) -> int:
    for name in ("trials", "epochs", "days", "seconds"):
        given = getattr(arguments, name)
        if given is not None and given <= 0:
            raise ConfigError(f"--{name} must be more than 0; it is {given}")
    if arguments.seed < 0:
        raise ConfigError(f"--seed must be 0 or more; it is {arguments.seed}")

    from jobs.cli.quality.tuning import TuneOptions, tune

    choice = TuneOptions(
        preset=arguments.preset,
        study=arguments.study,
        trials=arguments.trials,
        seconds=arguments.seconds,
        seed=arguments.seed,
        metric=arguments.metric,
        masked=arguments.masked,
        epochs=arguments.epochs,
        day=arguments.date,
        days=arguments.days,
        out=arguments.out,
        master=arguments.master,
    )
    return 0 if tune(arguments.folders, choice) else INTERRUPTED
