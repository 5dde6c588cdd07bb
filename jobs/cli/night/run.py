"""The command `daybreak run`."""

from jobs.cli.night.options import Full, Older, OverrideBy, Reason, Resume, WarmStart, night_config, start
from jobs.cli.options import DEFAULT_CONFIG, LOCAL, ConfigFile, Master, NightDate
from jobs.night import JOBS


def run(
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
) -> None:
    """Run the whole night without a scheduler: every job in order, the last of which publishes the release.

    Example: daybreak run --config my-shop/daybreak.toml --date 2026-11-22
    """
    settings = night_config(
        config, night, full=full, warm_start=warm_start, older=older, override=override, reason=reason
    )
    start(list(JOBS), settings, master, resume=resume)
