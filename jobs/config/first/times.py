"""When it was: how a column of times is written, decided by all of its values."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from jobs.config.first.contents import MOSTLY, known
from jobs.config.service_articles import quoted

ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}([.]\d{1,9})?)?( ?(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?")
DATE = re.compile(
    r"(?P<one>\d{1,4}|[A-Za-z]{3,9})(?P<sign>[./-]| )(?P<gap> ?)(?P<two>\d{1,2}|[A-Za-z]{3,9})(?P<next>[./-]|,? )"
    r"(?P<three>\d{1,4})(?P<between>[ T]|, )?(?:(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2}(?P<part>[.]\d{1,9})?)?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> [+-]\d{4}| ?[A-Z]{3,4})?)?"
)
"""A date in another order, with a time of day or without."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXCEL = 25_569
"""The number that Excel gives to 1970-01-01."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class TimeReading:
    """How the configuration reads a column of times."""

    expression: str
    format: str | None = None
    """`time_format` of the configuration."""
    note: str | None = None
    """What a person should check."""
    newest: date | None = None
    """The day of the newest time, UTC, as far as it is known."""

    @property
    def timestamp(self) -> str:
        """The time as an expression of its own, for a key that has no format beside it."""
        column = quoted(self.expression) if "(" not in self.expression else self.expression
        if self.format in ("seconds", "milliseconds"):
            return f"timestamp_{'millis' if self.format == 'milliseconds' else 'seconds'}(bigint({column}))"
        return f"try_to_timestamp({column}, '{self.format}')" if self.format else self.expression


def as_time(name: str, column: pl.Series) -> TimeReading | None:
    """How a column is read as times; None where its values are none.

    The order of day and month is decided by all values. Where they fit both orders, the note says so.
    """
    values = known(column)
    if values.is_empty():
        return TimeReading(name)
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.null_count() <= (1 - MOSTLY) * len(values):
        return _number(name, values, numbers.drop_nulls())
    unique = values.unique(maintain_order=True)
    share = sum(ISO.fullmatch(one) is not None for one in unique) / len(unique)
    if share >= MOSTLY:
        return TimeReading(name, _zoned(unique), newest=_day(*str(unique.max())[:10].split("-")))
    found = [match for one in unique if (match := DATE.fullmatch(one))]
    return _dated(name, found) if len(found) >= MOSTLY * len(unique) else None


def _number(name: str, values: pl.Series, numbers: pl.Series) -> TimeReading | None:
    middle, newest = (float(one or 0) for one in (numbers.median(), numbers.max()))  # type: ignore[arg-type]
    if values.str.contains(r"^(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])$").mean() >= MOSTLY:  # type: ignore[operator]
        return TimeReading(name, "yyyyMMdd", newest=_day(*_parts(newest)))
    if values.str.contains(r"^(19|20)\d{12}$").mean() >= MOSTLY:  # type: ignore[operator]
        return TimeReading(name, "yyyyMMddHHmmss", newest=_day(*_parts(newest / 1_000_000)))
    column = quoted(name)
    for low, a_second, reading in (
        (1e8, 1, TimeReading(name, "seconds")),
        (1e11, 1e3, TimeReading(name, "milliseconds")),
        (1e14, 1e6, TimeReading(f"timestamp_micros(bigint({column}))")),
        (1e17, 1e9, TimeReading(f"timestamp_micros(bigint({column} / 1000))")),
    ):
        if low <= middle < 1000 * low:
            return replace(reading, newest=(EPOCH + timedelta(seconds=min(newest / a_second, 1e11))).date())
    if 30_000 <= middle < 60_000:
        since = f"timestamp_seconds((double({column}) - {EXCEL}) * 86400)"
        newest_day = (EPOCH + timedelta(days=newest - EXCEL)).date()
        return TimeReading(since, note="days as Excel counts them", newest=newest_day)
    return None


def _zoned(values: pl.Series) -> str | None:
    """A pattern for times that stand so apart from their zone that Spark needs one."""
    spaced = values.str.contains(r" [+-]\d{4}$")
    if not spaced.all():
        return None
    return "yyyy-MM-dd HH:mm:ss[.SSSSSS] Z" if values.str.contains(r":\d{2}:\d{2}").all() else "yyyy-MM-dd HH:mm Z"


def _dated(name: str, found: list[re.Match[str]]) -> TimeReading | None:
    """The pattern of dates with their parts in another order than ISO's."""
    signs = {(one["sign"], one["gap"], one["next"]) for one in found}
    if len(signs) != 1:
        return None
    order, note = _order(found)
    if order is None:
        return None
    sign, gap, following = signs.pop()
    pattern = f"{order[0]}{_literal(sign)}{gap}{order[1]}{_literal(following)}{order[2]}"
    timed = [one for one in found if one["hour"] is not None]
    if timed:
        clock = "h" if any(one["half"] for one in timed) else "H"
        part = f"{_literal(timed[0]['between'] or ' ')}{clock}:mm"
        seconds = [one for one in timed if one["second"]]
        if seconds:
            exact = "[.SSSSSS]" if any(one["part"] for one in seconds) else ""
            part += f":ss{exact}" if len(seconds) == len(timed) else f"[:ss{exact}]"
        if clock == "h":
            part += " a" if (timed[0]["half"] or "").startswith(" ") else "a"
        if any(one["zone"] for one in timed):
            part += " Z" if re.search(r"[+-]", timed[0]["zone"] or "") else " z"
        pattern += part if len(timed) == len(found) else f"[{part}]"
    return TimeReading(name, pattern, note, newest=_newest(order, found))


def _newest(order: tuple[str, str, str], found: list[re.Match[str]]) -> date | None:
    """The newest day among dates whose parts stand in this order."""
    places = {letters[0]: place for letters, place in zip(order, ("one", "two", "three"), strict=True)}
    days = (_day(*(match[places[letter]] for letter in "yMd")) for match in found)
    return max((day for day in days if day), default=None)


def _day(year: str, month: str, day: str) -> date | None:
    """A date of its parts; None where it is none."""
    number = MONTHS.index(month[:3].lower()) + 1 if month[:3].lower() in MONTHS else month
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(number), int(day))
    except ValueError:
        return None


def _parts(number: float) -> tuple[str, str, str]:
    text = str(int(number))
    return text[:4], text[4:6], text[6:]


def _order(found: list[re.Match[str]]) -> tuple[tuple[str, str, str] | None, str | None]:
    """The letters of the three parts of a date, and a doubt about them."""
    one, two, three = ([match[part] for match in found] for part in ("one", "two", "three"))
    year = "yy" if all(len(part) == 2 for part in three) else "yyyy"
    if all(len(part) == 4 and part.isdigit() for part in one):
        return ("yyyy", "M", "d"), None
    if any(part.isalpha() for part in one):
        return ("MMM" if max(map(len, one)) == 3 else "MMMM", "d", year), None
    if any(part.isalpha() for part in two):
        return ("d", "MMM" if max(map(len, two)) == 3 else "MMMM", year), None
    return _day_or_month_first(found, year)


def _day_or_month_first(found: list[re.Match[str]], year: str) -> tuple[tuple[str, str, str] | None, str | None]:
    """The letters of dates that begin with the number of a day or of a month. year: its letters."""
    one, two = ([int(match[part]) for match in found] for part in ("one", "two"))
    day_first, month_first = max(one) > 12, max(two) > 12
    if max(*one, *two) > 31 or (day_first and month_first):
        return None, None
    doubt = None
    if found[0]["sign"] == "." and not month_first:  # countries that write points write the day first
        day_first = True
    elif not day_first and not month_first:  # days vary more than months
        day_first = len(set(one)) > len(set(two))
        shown = f"is the {'first' if day_first else 'second'} number of {found[0][0]} the day?"
        doubt = f"no value tells days from months: {shown} It is read so; else swap d and M"
    return (("d", "M", year) if day_first else ("M", "d", year)), doubt


def _literal(text: str) -> str:
    return "'T'" if text == "T" else text
