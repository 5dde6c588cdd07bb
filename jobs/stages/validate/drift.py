"""Drift of what came in: the newest days against the 28 before, the items against those of the incumbent.

A count is the number of events, users or items of a type on a day. Logarithms of counts are compared, each day with the
median of its own weekday, by the robust z-score z = (log now − log usual) / (1.4826 MAD) (Iglewicz & Hoaglin, How to
Detect and Handle Outliers, 1993, who call |z| > 3.5 an outlier). The spread counts as 5 % at least, and at least as
what counting itself brings: the logarithm of a Poisson count n varies by 1 / √n. The last seven days together are
compared with all seven days in a row before them: each weekday is once in both.

Prices are compared by the population stability index over tenths of the incumbent's prices, Σ (p − q) ln(p / q). An
index of .25 counts as a shift (Siddiqi, Credit Risk Scorecards, 2006). Two samples of one population, n and m large,
have an index of (tenths − 1)(1/n + 1/m) on average (Yurdakul, Statistical Properties of PSI, 2018). The limit is the
sum of both.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.releases.last_day import LATEST, WEEKS, daily, last_day, usual_of, weeks_before
from jobs.stages.validate.finding import Finding, FindingKind

OUTLIER = 3.5
"""The robust z-score beyond which a count is drift."""
SPREAD = 0.05
"""The spread of a count is at least this share of it."""
STEP = 0.2
"""A relative change up to this is no drift, whatever its z-score."""
SHIFT = 0.25
"""The stability index of prices beyond which they have shifted."""
NULLS = 0.1
"""The share of items without a value may change by so much."""
TENTHS = 10
_FAILURE = FindingKind.FAILURE


class Day(NamedTuple):
    """A row of the catalog's `events_per_day`. A day and type without a row had no event."""

    day: date
    type: str
    events: int
    users: int
    items: int


def check_counts(days: Sequence[Day], night: date) -> list[Finding]:
    """Compare events, users and items of each type: the last day, and the last seven days, with those before.

    night: the last day is the one before it. A type that began less than two weeks before the last day is left out.
    """
    findings = []
    for kind in sorted({row.type for row in days}):
        own = [row for row in days if row.type == kind]
        for what in ("events", "users", "items"):
            series = daily({row.day: getattr(row, what) for row in own}, night)
            if series is None:
                continue
            findings.append(_count(f"{what} of type {kind}, last day", *score_last_day(series)))
            if len(series) >= LATEST * (WEEKS + 1):
                findings.append(_count(f"{what} of type {kind}, last {LATEST} days", *last_week(series)))
    return findings


def check_collapse(days: Sequence[Day], night: date, least: float, first: bool = False) -> list[Finding]:
    """The last day must have about as many events as such a day has, at least a share `least` of them.

    Fewer are a failure, not a drift. first: the shop's first night, where they are a warning: nothing that serves would
    become worse.
    """
    total: dict[date, int] = {}
    for row in days:
        total[row.day] = total.get(row.day, 0) + row.events
    found = last_day(total, night, least)
    if found is None:
        return []
    kind = FindingKind.WARNING if first else FindingKind.FAILURE
    return [Finding("events of the last day", found.ok, str(found.events), found.expected, kind)]


def score_last_day(series: NDArray[np.float64]) -> tuple[float, float, float]:
    """The last day: its count, the usual count on its weekday, and z. Each day counts less its weekday's median."""
    weeks = weeks_before(series)
    usual = usual_of(weeks)
    return _score(float(series[-1]), float(usual[0]), np.log1p(weeks) - np.log1p(usual))


def last_week(series: NDArray[np.float64]) -> tuple[float, float, float]:
    """The last seven days: their mean count, the usual mean, and z, against all seven days in a row before them."""
    means = np.convolve(series, np.full(LATEST, 1 / LATEST), mode="valid")
    before = means[:-LATEST]
    usual = float(np.median(before))
    return _score(float(means[-1]), usual, np.log1p(before) - np.log1p(usual))


def check_known(known: Mapping[str, float], least: Mapping[str, float]) -> list[Finding]:
    """Enough items must have a known value. known: their share, by field that the configuration names.

    least: the share that is needed, by field. Where it has none, a field that no item has is a warning.
    """
    return [
        Finding(f"items with {name}", share >= least[name], f"{share:.1%}", f"{least[name]:.1%} or more", _FAILURE)
        if name in least
        else Finding(f"items with {name}", share > 0, f"{share:.1%}", "some", FindingKind.WARNING)
        for name, share in known.items()
    ]


def check_unknown(now: Mapping[str, float], before: Mapping[str, float], release: str) -> list[Finding]:
    """Compare the shares of items without a value with those of the incumbent.

    now, before: the shares of items with one, by column. release: the incumbent's id.
    """
    return [
        Finding(
            f"items without {name}, against {release}",
            abs(share - before[name]) <= NULLS,
            f"{1 - share:.1%}",
            f"{1 - before[name]:.1%} ± {NULLS:.0%}",
            FindingKind.WARNING,
        )
        for name, share in now.items()
    ]


def check_lost(
    now: Mapping[str, float],
    before: Mapping[str, float],
    items: tuple[int, int],
    release: str,
    *,
    max_fall: float,
    max_shrink: float,
) -> list[Finding]:
    """No field may be lost: a fall of its share by more than `max_fall` that also leaves too few items with it.

    now, before: the shares of items with a value, by column, in the challenger and in the incumbent. items: how many
    items each has. release: the incumbent's id. max_shrink: the share of the incumbent's items with a value that the
    challenger may lack.
    """
    findings = []
    for name, share in now.items():
        count, least = share * items[0], before[name] * items[1] * (1 - max_shrink)
        if before[name] - share > max_fall and count < least:
            found = f"{count:.0f} ({share:.1%})"
            expected = f"{least:.0f} or more, or {max(before[name] - max_fall, 0):.1%}"
            findings.append(Finding(f"items with {name}, against {release}", False, found, expected, _FAILURE))
    return findings or [Finding(f"fields of items lost, against {release}", True, "none", "none", _FAILURE)]


def check_prices(now: NDArray[np.float64], before: NDArray[np.float64], release: str) -> list[Finding]:
    """Compare the prices of the items, (n,), with those of the incumbent, (m,). No finding where either has none.

    release: the incumbent's id.
    """
    if not len(now) or not len(before):
        return []
    index = stability(now, before)
    limit = SHIFT + (TENTHS - 1) * (1 / len(now) + 1 / len(before))
    found, expected = (
        " ".join(f"{price:.4g}" for price in np.quantile(prices, (0.05, 0.5, 0.95))) for prices in (now, before)
    )
    return [
        Finding(
            f"prices (5, 50, 95 %) against {release}",
            index <= limit,
            f"{found}, stability index {index:.3f}",
            f"{expected}, index {limit:.3f} or less",
            FindingKind.WARNING,
        )
    ]


def stability(now: NDArray[np.float64], before: NDArray[np.float64]) -> float:
    """The population stability index of `now` (n,) over tenths of `before` (m,). Each tenth counts half a value more,
    so that none is empty."""
    edges = np.unique(np.quantile(before, np.arange(1, TENTHS) / TENTHS))
    p, q = (
        (np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1) + 0.5)
        / (len(x) + 0.5 * (len(edges) + 1))
        for x in (now, before)
    )
    return float(np.sum((p - q) * np.log(p / q)))


def _score(now: float, usual: float, off: NDArray[np.float64]) -> tuple[float, float, float]:
    spread = max(1.4826 * float(np.median(np.abs(off))), float(np.hypot(SPREAD, 1 / np.sqrt(usual + 1))))
    return now, usual, float((np.log1p(now) - np.log1p(usual)) / spread)


def _count(name: str, now: float, usual: float, z: float) -> Finding:
    drifted = abs(z) > OUTLIER and abs(now - usual) > STEP * usual
    return Finding(name, not drifted, f"{now:.0f}", f"about {usual:.0f} (z = {z:+.1f})", FindingKind.WARNING)
