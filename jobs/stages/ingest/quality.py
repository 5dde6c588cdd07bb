"""Are the shop's data good enough for a night? The errors name what to look at."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.infra.tables import QUARANTINE


def check_shares(
    good: Mapping[str, int], bad: Mapping[tuple[str, str], int], config: Config, optional: Collection[str] = ()
) -> None:
    """Raise DataError where too many rows of a source are bad, or where a source that a night needs has no good row.

    good: rows by source. bad: rows by source and reason. optional: sources that may be empty.
    """
    for source, rows in good.items():
        wrong = sum(n for (of, _), n in bad.items() if of == source)
        where = f"The bad rows, each with its reason, are in {config.run.path(QUARANTINE.name)}"
        if rows + wrong and wrong > config.quality.max_bad_share * (rows + wrong):
            reasons = ", ".join(f"{reason}: {n}" for (of, reason), n in bad.items() if of == source)
            raise DataError(
                f"{wrong} of {rows + wrong} rows of {source} are bad ({wrong / (rows + wrong):.1%}; "
                f"quality.max_bad_share allows {config.quality.max_bad_share:.1%}): {reasons}. "
                f"Nothing was published. {where}"
            )
        if not rows and source not in optional:
            raise DataError(f"no good row of {source} before {config.date}; look at --date and at the files. {where}")


def check_recent(last: date, config: Config) -> None:
    """Raise DataError where no user is active on the night. last: the day of the last event."""
    if (config.date - last).days > config.users.active_days:
        raise DataError(
            f"the last event is of {last}: on {config.date} no user is active (users.active_days = "
            f"{config.users.active_days}). Is --date the night you mean? For data that end there, "
            f"it would be --date {last + timedelta(days=1)}"
        )
