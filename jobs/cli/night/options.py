"""The options of a night, what they mean together, and how its jobs are started."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.options import load
from jobs.errors import ConfigError

if TYPE_CHECKING:
    from jobs.config.config import Config, Override

Full = Annotated[
    bool, typer.Option("--full", metavar="[true|false]", help="Train a new model even where one is young enough.")
]
WarmStart = Annotated[
    bool, typer.Option("--warm-start", help="Train by continuing the newest model with the days since.")
]
OverrideBy = Annotated[
    str | None,
    typer.Option(
        "--override",
        metavar="NAME",
        help="Publish the release although `validate` holds it, in your name, which the manifest records.",
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why you override; goes with --override.")]


def night_config(
    file: Path,
    night: date,
    *,
    full: bool = False,
    warm_start: bool = False,
    override: str | None = None,
    reason: str | None = None,
    job: str | None = None,
) -> "Config":
    """Read the configuration of a night. job: the only one that runs; None: all.

    Raises ConfigError when the options do not go together, or the file is not as expected.
    """
    if full and warm_start:
        raise ConfigError("--warm-start continues a model, --full trains one from scratch: they do not go together")
    by = override_of(override, reason)
    if by is not None and job not in (None, "validate"):
        raise ConfigError(
            f"--override is for `daybreak job validate`, `daybreak run` and `daybreak publish`, not for job {job}"
        )
    return load(file, night, full, by, warm_start)


def override_of(name: str | None, reason: str | None) -> "Override | None":
    """The override that the options name. An empty name or reason is none: a scheduler renders both always.

    Raises ConfigError for a reason without a name, and for a name of spaces.
    """
    from jobs.config.config import Override

    if name:
        if not name.strip():
            raise ConfigError("--override needs the name of a person")
        return Override(name.strip(), reason or None)
    if reason:
        raise ConfigError("--reason goes with --override NAME, which says whose reason it is")
    return None


def start(jobs: Sequence[str], config: "Config", master: str | None) -> None:
    """Run jobs of the night, one after the other. master: of Spark; None: the one that spark-submit names.

    Raises RunLockedError, before Spark starts, where another command writes into the same run.
    """
    from jobs.infra.cluster.errors import told
    from jobs.infra.cluster.written import probe
    from jobs.infra.run_lock import writing
    from jobs.infra.spark import open_session
    from jobs.night import run_job

    errors = config.run.path("errors") / "start.txt"
    with writing(config.run.root, f"job {jobs[0]}" if len(jobs) == 1 else "run"):
        with told("start", errors):
            spark = open_session(master, config.spark, config.scratch, config.shop.java_calls)
        try:
            with told("start", errors):
                probe(spark, config.run.root)
            for name in jobs:
                run_job(name, spark, config)
        finally:
            spark.stop()
