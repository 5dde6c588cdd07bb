"""The command `daybreak job`."""

from typing import Annotated

import typer

from jobs.cli.night.options import Full, Older, OverrideBy, Reason, WarmStart, night_config, start
from jobs.cli.options import DEFAULT_CONFIG, LOCAL, ConfigFile, Master, NightDate
from jobs.night import JOBS

HELP = "\n".join(
    [
        "Run one job of the night; a job that ran before runs again and replaces what it wrote.",
        "",
        "The jobs, in order:",
        "",
        *(f"  {name:<14}{what}" for name, what in JOBS.items()),
        "",
        "Example:",
        "",
        "  daybreak job train --date 2026-11-22 --full",
    ]
)


def _job_name(text: str) -> str:
    if text not in JOBS:
        raise typer.BadParameter(f"{text!r} is not a job of the night; expected one of {', '.join(JOBS)}")
    return text


def job(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", parser=_job_name, autocompletion=lambda: list(JOBS.items()), help="Which job to run."
        ),
    ],
    *,
    night: NightDate,
    config: ConfigFile = DEFAULT_CONFIG,
    full: Full = False,
    warm_start: WarmStart = False,
    older: Older = False,
    override: OverrideBy = None,
    reason: Reason = None,
    master: Master = LOCAL,
    submitted: Annotated[bool, typer.Option("--submitted", hidden=True, help="spark-submit names the master.")] = False,
) -> None:
    """Run one job of the night."""
    settings = night_config(
        config, night, full=full, warm_start=warm_start, older=older, override=override, reason=reason, job=name
    )
    start([name], settings, None if submitted else master)


job.__doc__ = HELP
