"""The options of a night, what they mean together, and how its jobs are started."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.night.stored import on_storage
from jobs.cli.options import load
from jobs.errors import ConfigError

if TYPE_CHECKING:
    from jobs.config.config import Config, Override
    from jobs.infra.machine.preflight import Need

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
Older = Annotated[
    bool,
    typer.Option(
        "--older", metavar="[true|false]", help="Publish although the release that serves is of a later date."
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the first job that did not end; run all of them where every one did."),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why you override; goes with --override.")]


def night_config(
    file: Path,
    night: date,
    *,
    full: bool = False,
    warm_start: bool = False,
    older: bool = False,
    override: str | None = None,
    reason: str | None = None,
    jobs: Sequence[str] | None = None,
) -> "Config":
    """Read the configuration of a night. jobs: those that run; None: all.

    Raises ConfigError when the options do not go together, or the file is not as expected.
    """
    if full and warm_start:
        raise ConfigError("--warm-start continues a model, --full trains one from scratch: they do not go together")
    if older and jobs is not None and "publish" not in jobs:
        raise ConfigError(f"--older is for `daybreak job publish` and `daybreak run`, not for job {', '.join(jobs)}")
    by = override_of(override, reason)
    if by is not None and jobs is not None and "validate" not in jobs:
        raise ConfigError(
            "--override is for `daybreak job validate`, `daybreak run` and `daybreak publish`, not for job "
            + ", ".join(jobs)
        )
    return load(file, night, full, by, warm_start=warm_start, older=older)


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


def start(jobs: Sequence[str], config: "Config", master: str | None, resume: bool = False) -> None:
    """Run jobs of the night, one after the other. master: of Spark; None: the one that spark-submit names. resume:
    pass over the first ones that ended (`jobs.night.left_to_run`).

    One command at a time writes into a run. Spark starts when the first job needs it, which those that are taken over
    do not, and ends after the last: its memory is free for the others. Raises ConfigError, with everything that is
    missing, where this machine cannot run a night; RunLockedError, before Spark starts, where another command writes
    into the same run.
    """
    from jobs.infra.machine.cluster import find_spark
    from jobs.releases.announce import refuse_older

    if "publish" in jobs and not config.older:
        refuse_older(config.releases, config.date)
    if config.storage is None:
        _start(jobs, config, master, resume, lambda: None)
        return
    find_spark()
    check_machine(config, spark=master is not None)
    with on_storage(config, master, f"job {jobs[0]}" if len(jobs) == 1 else "run") as save:
        _start(jobs, config, master, resume, save)


def _start(jobs: Sequence[str], config: "Config", master: str | None, resume: bool, ended: Callable[[], None]) -> None:
    """As `start`. ended: called after each job."""
    from jobs.infra.cluster.errors import told
    from jobs.infra.cluster.written import probe
    from jobs.infra.logging import log_line
    from jobs.infra.machine.cluster import find_spark, granted, start_spark
    from jobs.infra.receipts.start import begin_night
    from jobs.infra.run_lock import writing
    from jobs.night import WITHOUT_SPARK, left_to_run, run_job

    given, jobs = jobs, left_to_run(jobs, config.run) if resume else jobs
    if len(jobs) < len(given):
        log_line("night", "resume", ended=len(given) - len(jobs), next=jobs[0])
    begin_night()
    in_spark = [name for name in jobs if name not in WITHOUT_SPARK]
    if in_spark:
        find_spark()
    check_machine(config, spark=bool(in_spark) and master is not None)
    errors = config.run.path("errors") / "start.txt"
    sessions: list[Any] = []
    watched = ExitStack()

    def session() -> Any:
        """The one of this command, watched until the job ends; it starts when a job first needs it."""
        if not sessions:
            with told("start", errors):
                sessions.append(start_spark(master, config.session, config.scratch, config.shop.java_calls))
            with told("start", errors), granted(sessions[0]):
                probe(sessions[0], config.run.root)
        watched.enter_context(granted(sessions[0]))
        return sessions[0]

    def stop() -> None:
        while sessions:
            with suppress(Exception):  # it may have ended already, and this error is the one to tell
                sessions.pop().stop()

    with writing(config.run.root, f"job {jobs[0]}" if len(jobs) == 1 else "run"):
        try:
            if in_spark and master is None:  # a cluster that runs the driver waits for its session
                session()
                watched.close()
            for name in in_spark:
                with ExitStack() as watched:
                    run_job(name, session, config)
                ended()
        finally:
            stop()
        for name in jobs:
            if name in WITHOUT_SPARK:
                run_job(name, None, config)
                ended()


def check_machine(config: "Config", spark: bool) -> None:
    """Check what a night needs of this machine, and log what is short. spark: whether Spark is to start here.

    Raises ConfigError with a line for each thing that is missing.
    """
    from jobs.infra.logging import log_line

    found = checks(config, spark)
    for check in found:
        if check.problem and not check.fatal:
            log_line("doctor", check.name, found=check.found, help=check.problem)
    missing = [f"{check.name}: {check.found}: {check.problem}" for check in found if check.missing]
    if missing:
        raise ConfigError("\n".join(["this machine cannot run the night (`daybreak doctor` lists all):", *missing]))


def checks(config: "Config", spark: bool = True) -> "list[Need]":
    """What a night of this configuration needs of this machine. spark: whether Spark is to start."""
    from jobs.infra.machine.preflight import folders, machine
    from jobs.infra.spark import DEFAULTS

    written = {"work": config.work, "releases": config.releases}
    if isinstance(config.patches, Path):
        written["patch log"] = config.patches.parent
    memory = (DEFAULTS | config.spark)["spark.driver.memory"]
    return [*(machine(memory) if spark else ()), *folders(written, config.run.largest())]
