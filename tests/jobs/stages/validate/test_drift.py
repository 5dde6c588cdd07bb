"""What drifted is found, and an ordinary week is not."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from jobs.stages.validate import drift
from jobs.stages.validate.drift import Day
from jobs.stages.validate.finding import Finding, FindingKind

NIGHT = date(2026, 11, 22)
WEEKDAYS = (0.7, 0.8, 0.9, 1.0, 1.3, 1.9, 0.2)
"""How busy the days of a week are, from Monday."""


def days(seed: int = 0, before: int = 60) -> list[Day]:
    """Days with a rhythm of weekdays, noise of 4 % beside that of counting, a rare type, and no carts on Sundays."""
    random = np.random.default_rng(seed)
    rows = []
    for day in (NIGHT - timedelta(days=n) for n in range(before, 0, -1)):
        busy = WEEKDAYS[day.weekday()] * random.lognormal(0, 0.04)
        for kind, level in (("view", 20_000), ("cart", 1500), ("rating", 3)):
            events = int(random.poisson(level * busy))
            if events and not (kind == "cart" and day.weekday() == 6):
                rows.append(Day(day, kind, events, int(events * 0.3) + 1, int(events * 0.2) + 1))
    return rows


def drifted(found: list[Finding]) -> list[str]:
    assert all(one.kind == FindingKind.WARNING for one in found)
    return [one.name for one in found if not one.ok]


def last(rows: list[Day], count: int, change: Callable[[Day], Day | None]) -> list[Day]:
    """The rows, those of the last `count` days changed; None drops one."""
    return [
        kept for row in rows if (kept := change(row) if row.day >= NIGHT - timedelta(days=count) else row) is not None
    ]


def test_an_ordinary_week_is_no_drift() -> None:
    """60 weeks of 3 types × 3 counts × 2 windows: one warning in a hundred at most."""
    found = [one for seed in range(60) for one in drift.check_counts(days(seed), NIGHT)]
    assert len(found) == 60 * 18
    assert len(drifted(found)) <= len(found) / 100


def test_a_vanished_type_is_found() -> None:
    rows = last(days(), 1, lambda row: None if row.type == "cart" else row)
    names = drifted(drift.check_counts(rows, NIGHT))
    assert {f"{what} of type cart, last day" for what in ("events", "users", "items")} <= set(names)
    assert all("of type cart" in name for name in names)
    rows = last(days(), 7, lambda row: None if row.type == "cart" else row)
    names = drifted(drift.check_counts(rows, NIGHT))
    assert len(names) == 6
    assert all("of type cart" in name for name in names)
    finding = next(f for f in drift.check_counts(rows, NIGHT) if f.name == "events of type cart, last day")
    assert finding.found == "0"
    assert finding.expected.startswith("about 2")


@pytest.mark.parametrize(("what", "factor"), [("events", 0.5), ("users", 0.5), ("events", 2.0), ("items", 3.0)])
def test_halved_or_doubled_counts_are_found(what: str, factor: float) -> None:
    def change(row: Day) -> Day:
        return row._replace(**{what: int(getattr(row, what) * factor)}) if row.type == "view" else row

    day, *week = drifted(drift.check_counts(last(days(), 1, change), NIGHT))
    assert day == f"{what} of type view, last day"
    assert set(week) <= {f"{what} of type view, last 7 days"}  # of which a Saturday is a large part
    assert drifted(drift.check_counts(last(days(), 7, change), NIGHT)) == [
        f"{what} of type view, last day",
        f"{what} of type view, last 7 days",
    ]


def test_a_sunday_like_a_saturday_is_found() -> None:
    """The weekday is what a day is compared with: the last day is a Saturday, and these are a Sunday's events."""
    assert (NIGHT - timedelta(days=1)).weekday() == 5
    rows = last(days(), 1, lambda row: row._replace(events=round(row.events * 0.2 / 1.9)))
    assert "events of type view, last day" in drifted(drift.check_counts(rows, NIGHT))


def test_what_is_too_young_is_not_compared() -> None:
    assert drift.check_counts(days(before=14), NIGHT) == []
    assert drift.check_collapse(days(before=14), NIGHT, 0.1) == []
    assert drift.check_counts([], NIGHT) == drift.check_collapse([], NIGHT, 0.1) == []
    three = drift.check_counts(days(before=22), NIGHT)
    assert len(three) == 18
    assert len(drift.check_counts(days(before=15), NIGHT)) < len(three)


def test_a_collapse_is_a_failure() -> None:
    def share(of: float) -> Finding:
        rows = last(days(), 1, lambda row: row._replace(events=int(row.events * of)))
        (found,) = drift.check_collapse(rows, NIGHT, 0.1)
        assert found.kind == FindingKind.FAILURE
        return found

    assert share(1.0).ok
    assert share(0.15).ok
    assert not share(0.05).ok
    gone = drift.check_collapse(last(days(), 1, lambda row: None), NIGHT, 0.1)
    assert [(one.ok, one.found) for one in gone] == [(False, "0")]


def test_a_weekday_without_events_may_have_none() -> None:
    """A shop that is closed on Saturdays: nothing on the last day is what is usual."""
    rows = [row for row in days() if row.day.weekday() != 5]
    assert [one.ok for one in drift.check_collapse(rows, NIGHT, 0.1)] == [True]
    assert not any("last day" in name for name in drifted(drift.check_counts(rows, NIGHT)))


def prices(seed: int, count: int, level: float = 1.0) -> np.ndarray:
    return np.round(np.random.default_rng(seed).lognormal(1.0, 0.8, count), 2) * level


@pytest.mark.parametrize("count", [40, 400, 4000])
def test_prices(count: int) -> None:
    before = prices(1, count)
    assert [drift.check_prices(prices(2, count), before, "r")[0].ok] == [True]
    assert [drift.check_prices(prices(2, count, 100), before, "r")[0].ok] == [False]
    assert [drift.check_prices(prices(2, count, 0.3), before, "r")[0].ok] == [False]
    assert drift.check_prices(before[:0], before, "r") == drift.check_prices(before, before[:0], "r") == []


def test_the_stability_index_by_hand() -> None:
    """Two values, one of them the median: half and half before, a quarter and three quarters now."""
    before, now = np.repeat([1.0, 2.0], 5000), np.repeat([1.0, 2.0], [2500, 7500])
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert drift.stability(now, before) == pytest.approx(expected, rel=0.01)
    assert drift.stability(before, before) == 0


def test_a_column_gone_null_is_found() -> None:
    before = {"title": 0.0, "brand": 0.3, "price": 0.25}
    known = {"title": 0.99, "brand": 0.0, "price": 0.7}
    found = drift.check_unknown(known, {name: 1 - share for name, share in before.items()}, "20261121T031500Z-3f9a")
    assert drifted(found) == ["items without brand, against 20261121T031500Z-3f9a"]
    assert (found[1].found, found[1].expected) == ("100.0%", "30.0% ± 10%")
