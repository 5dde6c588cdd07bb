"""The events of the last day before a night: far fewer than such a day has mean that a feed broke off.

What such a day has is learned from the four weeks before: its own weekday, how much days differ, and by how much a
count differs by chance alone. So neither a closed weekday, nor a shop with few events, nor one whose orders come in
bursts is taken for a broken feed.
"""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BEFORE = 28
"""The newest days are compared with so many before them: whole weeks."""
LATEST = 7
"""Days of a week."""
WEEKS = 2
"""A comparison needs so many whole weeks before the last day."""
CHANCE = 0.001
"""As few events as a Poisson count has with this probability are no sign of anything."""
QUIET = 0.1
"""As few as this share of the days had, each beside its own weekday, are none either."""


class LastDay(NamedTuple):
    """The last day, and what it should have."""

    day: date
    events: int
    usual: float
    """The median of its weekday."""
    least: int
    """Fewer mean that a feed broke off."""

    @property
    def ok(self) -> bool:
        """Whether it has enough."""
        return self.events >= self.least

    @property
    def expected(self) -> str:
        """What it should have, in words."""
        return f"{self.least} or more (about {self.usual:.0f} are usual on a {self.day:%A})"


def last_day(counts: Mapping[date, int], night: date, share: float) -> LastDay | None:
    """Look at the day before a night; None where fewer than WEEKS weeks are before it.

    counts: events by day. share: of the usual events, which the last day must have at least.
    """
    series = daily(counts, night)
    if series is None:
        return None
    weeks = weeks_before(series)
    usual = usual_of(weeks)
    least = min(share * usual[0], _fewest(weeks, usual, share))
    return LastDay(night - timedelta(days=1), int(series[-1]), float(usual[0]), math.ceil(round(least, 6)))


def daily(counts: Mapping[date, int], night: date) -> NDArray[np.float64] | None:
    """The counts of the days up to the one before `night`, float64 (days,), at most BEFORE + LATEST of them.

    A day without events counts 0. The first is the first day with events, so that a young shop is not compared with the
    time before it opened. None where fewer than WEEKS weeks are before the last day.
    """
    if not counts:
        return None
    first = min(counts)
    days = min((night - first).days, BEFORE + LATEST)
    if days < LATEST * WEEKS + 1:
        return None
    return np.array([counts.get(night - timedelta(days=n), 0) for n in range(days, 0, -1)], dtype=np.float64)


def weeks_before(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """The whole weeks before the last day of a series, (weeks, LATEST). Column 0 is the last day's weekday."""
    before = series[:-1][-BEFORE:]
    return before[len(before) % LATEST :].reshape(-1, LATEST)


def usual_of(weeks: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is usual on each weekday, (LATEST,): the median of the logarithms."""
    return np.asarray(np.expm1(np.median(np.log1p(weeks), axis=0)), dtype=np.float64)


def _fewest(weeks: NDArray[np.float64], usual: NDArray[np.float64], share: float) -> float:
    """The fewest events with which the last day is like days before it.

    Days just before it that are below `share` do not count: the feed may have broken off then.
    """
    from scipy.stats import poisson

    same = np.sort(weeks[:, 0])[1]  # twice as few on this weekday: it is closed now and then
    ratios = np.divide(weeks, usual, out=np.full(weeks.shape, np.nan), where=usual > 0).ravel()
    fine = np.flatnonzero(ratios >= share)
    known = ratios[: fine[-1] + 1] if len(fine) else ratios[:0]
    known = known[np.isfinite(known)]
    quiet = np.quantile(known, QUIET) * usual[0] if len(known) else 0.0
    return min(float(same), float(quiet), float(poisson.ppf(CHANCE, usual[0])))
