"""The command `daybreak job`."""

from typing import Annotated

import typer

from jobs.cli.night.options import Full, Older, OverrideBy, Reason, Resume, WarmStart, night_config, start
from jobs.cli.options import DEFAULT_CONFIG, LOCAL, ConfigFile, Master, NightDate
from jobs.infra.machine.parent import end_with_parent
from jobs.night import JOBS

HELP = "\n".join(
    [
        "Run one job of the night, or several, in the order of the night and in one session of Spark. A job that ran "
        "before runs again and replaces what it wrote.",
        "",
        "The jobs, in order:",
        "",
        *(f"  {name:<14}{what}" for name, what in JOBS.items()),
        "",
        "Example:",
        "",
        "  daybreak job train train_text --date 2026-11-22 --full",
    ]
)


def _job_name(text: str) -> str:
    if text not in JOBS:
        raise typer.BadParameter(f"{text!r} is not a job of the night; expected one of {', '.join(JOBS)}")
    return text


def job(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", parser=_job_name, autocompletion=lambda: list(JOBS.items()), help="Which jobs to run."
        ),
    ],
    *,
    night: NightDate,
    config: ConfigFile = DEFAULT_CONFIG,
    resume: Resume = False,
    full: Full = False,
    warm_start: WarmStart = False,
    older: Older = False,
    override: OverrideBy = None,
    reason: Reason = None,
    master: Master = LOCAL,
    submitted: Annotated[bool, typer.Option("--submitted", hidden=True, help="spark-submit names the master.")] = False,
) -> None:
    """Run jobs of the night."""
    jobs = [name for name in JOBS if name in names]
    settings = night_config(
        config, night, full=full, warm_start=warm_start, older=older, override=override, reason=reason, jobs=jobs
    )
    if submitted:
        end_with_parent()
    start(jobs, settings, None if submitted else master, resume=resume)


job.__doc__ = HELP
