"""What numbers mean as times: which unit fits, and which `time_format` says so."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median_low

UNITS = {"seconds": 1, "milliseconds": 1000}
"""A `time_format` of a Unix time → how many of it are a second."""
FINER = {"microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
"""Units that no `time_format` names: an expression divides them."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND = 253_402_214_400
"""The last day that a time may be of, 9999-12-31, in seconds since 1970."""
LIKELY = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""Times of a shop are of between."""
DAY_PATTERNS = {8: "yyyyMMdd", 14: "yyyyMMddHHmmss", 12: "yyyyMMddHHmm"}
"""Digits of a number that is a date written without signs → the pattern."""


def advice(samples: Sequence[str], pattern: str | None, *, read: bool = False) -> str:
    """What times such as these are, and what to write for them.

    pattern: the `time_format` they were read by. read: they were, as times in the future or before 1970.
    """
    shown = f"such as {samples[0]!r}"
    numbers = [number for number in map(_number, samples) if number is not None]
    if len(numbers) * 2 <= len(samples):
        return f"{shown}{_of_texts(pattern, read)}"
    middle = median_low(numbers)
    digits = f"{middle:.0f}"
    if len(digits) in DAY_PATTERNS and _is_date(digits, DAY_PATTERNS[len(digits)]):
        return f'{shown}; they look like dates: time_format = "{DAY_PATTERNS[len(digits)]}"'
    for unit, parts in (UNITS | FINER).items():
        moment = _moment(middle / parts)
        if moment and LIKELY[0] <= moment < LIKELY[1]:
            found = f"{shown}; in {unit} they are of {moment.date()}"
            if unit == pattern:
                return found
            if unit in UNITS:
                return f'{found}: time_format = "{unit}"'
            return f'{found}: time_format = "milliseconds", and in `time` the column divided by {parts // 1000}'
    return f"{shown}; no unit makes a time of a shop of them"


def _of_texts(pattern: str | None, read: bool) -> str:
    if read:
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        return f" were read, and none can be of then: is the order of day, month and year right, and is it {now}?"
    said = "times as in 2026-11-22T08:30:00Z are expected" if pattern is None else f"time_format is {pattern!r}"
    return f'; {said}: write the pattern that they have, as in time_format = "dd.MM.yyyy HH:mm"'


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(seconds: float) -> datetime | None:
    try:
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None


def _is_date(digits: str, pattern: str) -> bool:
    python = {"yyyyMMdd": "%Y%m%d", "yyyyMMddHHmm": "%Y%m%d%H%M", "yyyyMMddHHmmss": "%Y%m%d%H%M%S"}[pattern]
    try:
        return LIKELY[0].year <= datetime.strptime(digits, python).year < LIKELY[1].year
    except ValueError:
        return False
