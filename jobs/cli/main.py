"""The command `daybreak`: its commands by group, and what its exit code says."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.main import get_command

from jobs.cli.arguments import DaybreakCommand, DaybreakGroup, help_text
from jobs.cli.night import doctor, init, job, receipt, run
from jobs.cli.output import open_streams, said
from jobs.cli.quality import compare, evaluate, evaluate_search, pretrain, tune
from jobs.cli.releases import cost, fetch, prune, publish, releases, rollback, verify
from jobs.cli.search import search, suggest
from jobs.cli.shop import forget, patch, patches, recommend, similar, sql
from lookup.errors import DaybreakError
from lookup.log_address import without_passwords

GROUPS: dict[str, list[Callable[..., Any]]] = {
    "The night (needs the extra `night`)": [init.init, doctor.doctor, run.run, job.job, receipt.receipt],
    "Releases": [
        releases.releases,
        verify.verify,
        publish.publish,
        rollback.rollback,
        prune.prune,
        fetch.fetch,
        cost.cost,
    ],
    "The shop by day": [
        recommend.recommend,
        similar.similar,
        search.search,
        suggest.suggest,
        sql.sql,
        patch.patch,
        patches.patches,
        forget.forget,
    ],
    "Quality": [evaluate.evaluate, evaluate_search.evaluate_search, tune.tune, pretrain.pretrain, compare.compare],
}
"""Every command, in the order of `daybreak --help`."""

EXITS = """\
Exit codes:

  0    done
  1    a release is missing, damaged or too old, the SQL is wrong, a line of patches is, or `doctor` misses something
  2    the command line or the configuration is wrong, or a file cannot be read or written
  3    the shop's data have too many bad rows
  4    a release did not pass validation, or is older than the one that serves
  5    a job that must run before has not run, or has to run again
  6    another command writes into the same run
  7    Spark did not start, ended, or got nothing from the cluster to run on
  130  interrupted
"""

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

EXTRAS = {
    "night": ("pyspark", "torch", "transformers", "polars", "pyarrow", "pandas", "scipy", "charset_normalizer"),
    "night,evaluate": ("implicit", "threadpoolctl"),
    "night,tune": ("optuna", "sqlalchemy"),
    "fetch": ("obstore", "zstandard"),
}
"""The packages that are missing where an extra is not installed."""


PRIVATE = 0o077
"""The umask of every command and job: what it writes holds ids of users, so nobody else may read it."""


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"daybreak {version('daybreak')}")
        except PackageNotFoundError:
            print("daybreak, run from a checkout that is not installed")
        raise typer.Exit


app = typer.Typer(cls=DaybreakGroup, no_args_is_help=True, epilog=EXITS)


@app.callback()
def daybreak(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Recommendations and search results for a shop, computed overnight and served by day."""


for panel, commands in GROUPS.items():
    for command in commands:
        app.command(cls=DaybreakCommand, rich_help_panel=panel, help=help_text(command))(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    os.umask(PRIVATE)
    open_streams()
    try:
        code: int | None = get_command(app).main(argv, prog_name="daybreak", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error)
    except DaybreakError as error:
        print(said(without_passwords(str(error))), file=sys.stderr)
        return int(getattr(error, "exit_code", 1))
    except OSError as error:
        where = f"{error.filename!s:.200}: " if error.filename is not None else ""
        print(said(f"{where}{error.strerror or error}"), file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
        if extra is None:
            raise
        print(f"daybreak: this command needs {package}: pip install 'daybreak[{extra}]'", file=sys.stderr)
        return 2
    if code == INTERRUPTED:
        print("daybreak: interrupted", file=sys.stderr)
    return code or 0


def _usage(error: typer.TyperException) -> int:
    """Say in one line what is wrong with the command line, and where its options are told; returns the exit code."""
    context = getattr(error, "ctx", None)
    message = without_passwords(error.format_message().replace("Value error, ", "").strip())
    if message:  # none where the help was printed instead
        path = context.command_path if context else "daybreak"
        print(said(f"{message.rstrip('.')}; see `{path} --help`"), file=sys.stderr)
    return error.exit_code
