"""`daybreak evaluate`: one set, or every set found in a folder."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from jobs.errors import ConfigError, DataError
from jobs.evaluation.figures import json_lines, slice_table, table
from jobs.evaluation.harness import Results, evaluate
from jobs.evaluation.methods.choice import methods
from jobs.evaluation.problems import sets
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.problems.split import problem_of_run
from jobs.infra.tables import EVENTS, ITEMS

CONFIG = "daybreak.toml"


@dataclass(frozen=True)
class EvaluateOptions:
    """What the command line asks for."""

    methods: Sequence[str] | None = None
    """Baselines by name; None: all."""
    presets: Sequence[str] = ()
    part: str = "test"
    day: date | None = None
    """To split a shop's events at."""
    days: int = 14
    """After it, in which is looked for what users took."""
    master: str = "local[*]"
    """The Spark master, where a shop's files must be read first."""


def run(folder: Path, choice: EvaluateOptions, as_json: bool) -> None:
    """Evaluate one set, or a shop, and print the results; progress goes to standard error.

    Raises ConfigError or DataError, naming the file, when the folder is not as expected.
    """
    with redirect_stdout(sys.stderr):
        results = evaluate(problem(folder, choice), methods(choice.methods, choice.presets))
    if as_json:
        print("\n".join(json_lines(results, choice.part)))
    else:
        print("\n\n".join(filter(None, [table([results], choice.part), slice_table(results)])))


def run_suite(folder: Path, choice: EvaluateOptions, as_json: bool) -> None:
    """Evaluate every set that lies in a folder, in order of name, and print one table.

    Raises DataError when there is none, or one is not as expected.
    """
    found = sorted(path for path in folder.iterdir() if sets.is_set(path)) if folder.is_dir() else []
    if not found:
        raise DataError(
            f"{folder} holds no folder of a set, with {sets.SEQUENCES} or {', '.join(sets.FIXED)}: nothing to measure"
        )
    runs: list[Results] = []
    for path in found:
        with redirect_stdout(sys.stderr):
            runs.append(evaluate(sets.read(path, choice.part), methods(choice.methods, choice.presets)))
        if as_json:  # as soon as it is known
            print("\n".join(json_lines(runs[-1], choice.part)), flush=True)
    if not as_json:
        print(table(runs, choice.part))


def problem(folder: Path, choice: EvaluateOptions) -> Problem:
    """The problem of a set's folder, or of the shop whose configuration lies in a folder (or is named).

    Raises ConfigError or DataError, naming the file, when it is not as expected.
    """
    if not folder.exists():
        raise ConfigError(f"{folder}: there is no such folder")
    file = folder / CONFIG if folder.is_dir() else folder
    if folder.is_dir() and (sets.is_set(folder) or not file.exists()):
        return sets.read(folder, choice.part)
    if choice.day is None:
        raise ConfigError(f"{file}: a shop is split by time; --date YYYY-MM-DD says at which day")
    return _of_shop(file, choice.day, choice.days, choice.master)


def _of_shop(file: Path, day: date, days: int, master: str) -> Problem:
    """The problem of a shop: of the run of the night that knows just the wanted days; `ingest` makes it if need be."""
    from jobs.config.loader import load
    from jobs.infra.spark import open_session
    from jobs.night import run_job

    config = load(file, day + timedelta(days=days))
    if not all(config.run.path(table.name).exists() for table in (ITEMS, EVENTS)):
        spark = open_session(master, config.spark)
        try:
            run_job("ingest", spark, config)
        finally:
            spark.stop()
    return problem_of_run(config.run, day, days)
