"""What `daybreak evaluate` and `daybreak tune` measure on: the problem of a public set, or of a shop."""

from datetime import date, timedelta
from pathlib import Path

from jobs.cli.options import LOCAL
from jobs.errors import ConfigError, DataError
from jobs.evaluation.problems import sets
from jobs.evaluation.problems.baskets import BASKETS
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.problems.split import problem_of_run
from jobs.infra.tables import EVENTS, ITEMS

CONFIG = "daybreak.toml"


def sets_in(folder: Path) -> list[Path]:
    """The folders of the public sets in a folder, in order of name. Raises DataError when there is none."""
    found = sorted(path for path in folder.iterdir() if sets.is_set(path)) if folder.is_dir() else []
    if not found:
        raise DataError(
            f"{folder} holds no folder of a set, with {sets.SEQUENCES}, {BASKETS} or {', '.join(sets.FIXED)}: "
            "nothing to measure"
        )
    return found


def problem(
    folder: Path, *, part: str = "test", split: date | None = None, days: int = 14, master: str = LOCAL
) -> Problem:
    """The problem of a public set's folder, or of the shop whose configuration lies in a folder (or is named).

    part: of a public set, "valid" or "test". split, days: of a shop; events before `split` are learned from, those of
    the `days` from then on are to be found. master: of the Spark that reads a shop's files where no run has them yet.

    Raises ConfigError or DataError, naming the file, when it is not as expected.
    """
    if not folder.exists():
        raise ConfigError(f"{folder}: there is no such folder")
    file = folder / CONFIG if folder.is_dir() else folder
    if folder.is_dir() and (sets.is_set(folder) or not file.exists()):
        return sets.read(folder, part)
    if split is None:
        raise ConfigError(f"{file}: a shop is split by time; --date YYYY-MM-DD says at which day")
    return _of_shop(file, split, days, master)


def _of_shop(file: Path, split: date, days: int, master: str) -> Problem:
    """The problem of a shop, from the run that knows just the wanted days; `ingest` makes a run that is missing."""
    from jobs.config.loader import load
    from jobs.infra.spark import open_session
    from jobs.night import run_job

    config = load(file, split + timedelta(days=days))
    if not all(config.run.path(table.name).exists() for table in (ITEMS, EVENTS)):
        spark = open_session(master, config.session, config.scratch, config.shop.java_calls)
        try:
            run_job("ingest", spark, config)
        finally:
            spark.stop()
    return problem_of_run(config.run, split, days)
