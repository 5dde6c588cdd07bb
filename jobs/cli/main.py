"""The command `daybreak`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.cli.quality import compare as cli_compare
from jobs.cli.quality import evaluate as cli_evaluate
from jobs.cli.quality import tune as cli_tune
from jobs.cli.releases import prune as cli_prune
from jobs.cli.shop import patch as cli_patch
from jobs.errors import ConfigError
from jobs.night import JOBS
from lookup.errors import DaybreakError

if TYPE_CHECKING:
    from jobs.config.config import Config, Override
    from lookup import Hit, Shop

ABOUT = """\
Recommendations and search results for a shop, computed overnight and served by day.

The night (needs the extra `night`):
  daybreak init DIR             look at the files in DIR and write a first daybreak.toml
  daybreak run                  the whole night: every job below, then publish
  daybreak job NAME             one job of the night, again if need be:
{jobs}

Releases:
  daybreak releases             list them, newest first
  daybreak verify [ID]          check every byte of a release
  daybreak publish ID           serve that release from now on
  daybreak rollback             serve the release again that was served before
  daybreak prune                remove old ones that nobody serves, reads, or would roll back to
  daybreak receipt              what the night of a date did, as one line of JSON

What changes by day:
  daybreak patch [FILE]         prices, stock, new items, events, forgotten users, from a file or standard input

How good it is:
  daybreak evaluate DIR         measure models beside baselines, on a shop's own days or on a public set
  daybreak evaluate --suite DIR the same on every public set that lies there
  daybreak tune DIR             search better settings, on validation data alone
  daybreak compare              the arms of an A/B test, by what was shown and what users then did

Looking inside:
  daybreak recommend USER       what a user is recommended
  daybreak similar ITEM         which items are like an item
  daybreak sql "SELECT …"       SQL on the catalog of the current release
"""

EXITS = """\
Exit codes: 0 done · 1 a release is missing or damaged, or the SQL is wrong · 2 the command line, the configuration or a
file it names is wrong · 3 too many bad rows in the shop's data · 4 the new release did not pass validation ·
5 a job that must run before has not run · 130 interrupted
"""


NIGHT_PACKAGES = ("pyspark", "torch", "transformers", "polars", "pyarrow", "pandas", "scipy")
"""Not there where only the day is installed, for a web backend."""
EVALUATE_PACKAGES = ("implicit", "threadpoolctl")
"""What the baselines of `evaluate` need besides."""
TUNE_PACKAGES = ("optuna", "sqlalchemy")
"""What `tune` needs besides."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int | None = arguments.do(arguments)
    except DaybreakError as error:
        print(f"daybreak: {error}", file=sys.stderr)
        return int(getattr(error, "exit_code", 1))
    except ModuleNotFoundError as error:
        extras = {"night": NIGHT_PACKAGES, "night,evaluate": EVALUATE_PACKAGES, "night,tune": TUNE_PACKAGES}
        extra = next((name for name, packages in extras.items() if error.name in packages), None)
        if extra is None:
            raise
        print(f"daybreak: this command needs {error.name}: pip install 'daybreak[{extra}]'", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `daybreak sql … | head` is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code or 0


def _parser() -> argparse.ArgumentParser:
    jobs = "\n".join(f"      {name:<14}{what}" for name, what in JOBS.items())
    parser = argparse.ArgumentParser(
        prog="daybreak",
        description=ABOUT.format(jobs=jobs),
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        metavar="COMMAND", required=True, title="COMMAND", help="see above; `daybreak COMMAND --help` tells its options"
    )

    def command(name: str, do: object, what: str) -> argparse.ArgumentParser:
        # The list of commands is in ABOUT, in the order in which they are needed.
        sub = commands.add_parser(name, description=what[0].upper() + what[1:] + ".")
        sub.set_defaults(do=do)
        sub.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            default=Path(os.environ.get("DAYBREAK_CONFIG", "daybreak.toml")),
            help="the configuration (default: $DAYBREAK_CONFIG, else daybreak.toml)",
        )
        return sub

    def dated(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument(
            "--date",
            type=_day,
            metavar="YYYY-MM-DD",
            default=datetime.now(UTC).date(),
            help="the day of the night: it knows the events before that day, UTC (default: today)",
        )
        return sub

    def night(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        dated(sub).add_argument(
            "--full",
            type=_truth,
            nargs="?",
            const=True,
            default=False,
            metavar="true|false",
            help="train a new model even where one is young enough",
        )
        sub.add_argument(
            "--warm-start", action="store_true", help="train by continuing the newest model with the days since"
        )
        sub.add_argument(
            "--override",
            metavar="NAME",
            help="have the release published although `validate` holds it, in your name, which its manifest records",
        )
        sub.add_argument("--reason", metavar="TEXT", help="why it is overridden; goes with --override")
        sub.add_argument("--master", default="local[*]", help="the Spark master (default: local[*], in this process)")
        return sub

    init = command("init", _init, "look at the files in a folder and write a first daybreak.toml")
    init.add_argument("folder", type=Path, metavar="DIR")
    night(command("run", _run, "the whole night without a scheduler: the same jobs, one after the other"))
    job = night(command("job", _job, "one job of the night"))
    job.add_argument("name", choices=JOBS, metavar="NAME", help=", ".join(JOBS))
    job.add_argument("--submitted", action="store_true", help=argparse.SUPPRESS)
    dated(command("receipt", _receipt, "what the night of a date did, as one line of JSON"))
    command("releases", _releases, "list the releases, newest first, and say which one is served")
    verify = command("verify", _verify, "check every byte of a release against its manifest")
    verify.add_argument("id", metavar="ID", nargs="?", help="default: the one that is served")
    command("publish", _publish, "check every byte of a release, and serve it from now on").add_argument(
        "id", metavar="ID"
    )
    command("rollback", _rollback, "serve the release again that was served before this one")
    cli_prune.add(command, _config, _day)
    cli_patch.add(command, lambda arguments: _config(arguments).patches)
    recommend = command("recommend", _recommend, "what a user is recommended")
    recommend.add_argument("user", metavar="USER")
    recommend.add_argument("--history", nargs="+", metavar="ITEM", help="what the user had just now, the newest last")
    similar = command("similar", _similar, "which items are like an item")
    similar.add_argument("item", metavar="ITEM")
    for sub in (recommend, similar):
        sub.add_argument("-k", type=int, default=10, help="how many (default: 10)")
    cli_compare.add(commands, _day)
    cli_evaluate.add(commands, _day)
    cli_tune.add(commands, _day)
    sql = command("sql", _sql, "run SQL on the catalog of the release that is served, read-only")
    sql.add_argument("query", metavar="SQL")
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; expected YYYY-MM-DD, such as 2026-11-22") from None


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _config(arguments: argparse.Namespace) -> "Config":
    from jobs.config.loader import load

    day = getattr(arguments, "date", datetime.now(UTC).date())
    full, warm_start = (getattr(arguments, name, False) for name in ("full", "warm_start"))
    if full and warm_start:
        raise ConfigError("--warm-start continues a model, --full trains one from scratch: they do not go together")
    return load(arguments.config, day, full, _override(arguments), warm_start)


def _override(arguments: argparse.Namespace) -> "Override | None":
    from jobs.config.config import Override

    by, reason = getattr(arguments, "override", None), getattr(arguments, "reason", None)
    if by is None:
        if reason is not None:
            raise ConfigError("--reason goes with --override NAME, which says whose reason it is")
        return None
    if not by.strip():
        raise ConfigError("--override needs the name of a person")
    if getattr(arguments, "name", "validate") != "validate":
        raise ConfigError(f"--override is for `daybreak job validate` and `daybreak run`, not for job {arguments.name}")
    return Override(by.strip(), reason)


def _init(arguments: argparse.Namespace) -> None:
    from jobs.config.first_config import write_first_config

    print(write_first_config(arguments.folder))


def _run(arguments: argparse.Namespace) -> None:
    _jobs(arguments, list(JOBS), arguments.master)


def _job(arguments: argparse.Namespace) -> None:
    _jobs(arguments, [arguments.name], None if arguments.submitted else arguments.master)


def _jobs(arguments: argparse.Namespace, names: list[str], master: str | None) -> None:
    from jobs.infra.spark import open_session
    from jobs.night import run_job

    config = _config(arguments)
    spark = open_session(master, config.spark)
    try:
        for name in names:
            run_job(name, spark, config)
    finally:
        spark.stop()


def _receipt(arguments: argparse.Namespace) -> None:
    run = _config(arguments).run
    run.existing("receipts")
    metrics = run.read_json("metrics.json")["metrics"] if run.path("metrics.json").exists() else []
    release = run.read_json("release.json")["id"] if run.path("release.json").exists() else None
    print(
        json.dumps(
            {"date": run.date.isoformat(), "release": release, "metrics": metrics, "receipts": run.receipts()},
            sort_keys=True,
        )
    )


def _releases(arguments: argparse.Namespace) -> None:
    from jobs.releases.announce import releases

    config = _config(arguments)
    rows = releases(config.releases)
    if not rows:
        print(f"no release in {config.releases} yet: `daybreak run` makes one")
    for row in rows:
        print(row)


def _verify(arguments: argparse.Namespace) -> None:
    import lookup

    shop = lookup.open(_config(arguments).releases, pin=arguments.id, verify=True)
    print(f"{shop.release.id}: every byte of its {len(shop.release.files)} files is as its manifest says")


def _publish(arguments: argparse.Namespace) -> None:
    from jobs.releases.announce import announce

    announce(_config(arguments).releases, arguments.id)
    print(f"serving {arguments.id}")


def _rollback(arguments: argparse.Namespace) -> None:
    from jobs.releases.announce import rollback

    print(f"serving {rollback(_config(arguments).releases)}")


def _recommend(arguments: argparse.Namespace) -> None:
    shop = _shop(arguments)
    _print_hits(shop, shop.recommend(arguments.user, k=_count(arguments.k), history=arguments.history))


def _similar(arguments: argparse.Namespace) -> None:
    shop = _shop(arguments)
    if shop.item(arguments.item) is None:
        print(f"daybreak: no item {arguments.item!r} in release {shop.release.id}: popular items", file=sys.stderr)
    _print_hits(shop, shop.similar(arguments.item, k=_count(arguments.k)))


def _count(k: int) -> int:
    if k < 1:
        raise ConfigError(f"-k must be 1 or more; it is {k}")
    return k


def _shop(arguments: argparse.Namespace) -> "Shop":
    import lookup

    return lookup.open(_config(arguments).releases)


def _print_hits(shop: "Shop", hits: "Sequence[Hit]") -> None:
    for rank, hit in enumerate(hits, 1):
        item = shop.item(hit.item_id) or {}
        print(f"{rank:>3}  {hit.score:>8.3f}  {hit.source:<8}  {hit.item_id:<12}  {item.get('title') or ''}")


def _sql(arguments: argparse.Namespace) -> None:
    import duckdb

    import lookup

    releases = _config(arguments).releases
    shop = lookup.open(releases)
    with duckdb.connect(str(releases / shop.release.id / "catalog.duckdb"), read_only=True) as catalog:
        try:
            result = catalog.sql(arguments.query)
        except duckdb.Error as error:
            raise DaybreakError(str(error)) from None
        if result is not None:
            result.show(max_rows=100)


if __name__ == "__main__":
    sys.exit(main())
