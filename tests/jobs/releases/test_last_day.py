"""A broken feed is found, and what a shop is used to is not taken for one."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from jobs.config.config import Config
from jobs.releases.last_day import last_day
from jobs.stages.ingest.quality import warn_of_last_day
from jobs.stages.validate import drift
from jobs.stages.validate.finding import FindingKind
from lookup.release import pointer
from tests.releases import config_at

NIGHT = date(2026, 11, 20)
"""A Friday, so that the last day is a Thursday."""


def counts(of: Callable[[int], int], days: int = 36) -> dict[date, int]:
    """Events by day. of: their number, by how many days before the night it was."""
    return {NIGHT - timedelta(days=ago): of(ago) for ago in range(1, days + 1) if of(ago)}


@pytest.mark.parametrize(
    ("of", "ok"),
    [
        (lambda ago: 100 if ago > 1 else 0, False),
        (lambda ago: 100 if ago > 1 else 9, False),
        (lambda ago: 100 if ago > 1 else 10, True),
        (lambda ago: 100 if ago % 7 != 1 else 0, True),  # closed on Thursdays
        (lambda ago: 100 if ago not in (1, 8, 22) else 0, True),  # closed on some of them
        (lambda ago: 100 if ago not in (1, 8) else 0, False),  # once is none of a habit
        (lambda ago: 100 if ago % 7 not in (3, 4) and ago > 1 else 0, False),  # closed at weekends: Thursday is none
        (lambda ago: 1 if ago in (4, 9, 20, 33) else 0, True),  # a shop with an order a week
        (lambda ago: 5 if ago > 1 else 0, True),
        (lambda ago: 12 if ago > 1 else 0, False),
        (lambda ago: 60 if ago % 3 and ago > 1 else 0, True),  # orders in bursts
        (lambda ago: 100 if ago > 6 else 0, False),  # a feed that is dead for six days does not become a habit
    ],
)
def test_the_limit_is_what_such_a_day_has(of: Callable[[int], int], ok: bool) -> None:
    found = last_day(counts(of), NIGHT, 0.1)
    assert found is not None
    assert found.ok == ok
    assert found.expected.endswith("usual on a Thursday)")


@pytest.mark.parametrize("level", [0.3, 1, 3, 10, 100])
def test_chance_alone_does_not_hold(level: float) -> None:
    """400 nights of a shop whose days are alike."""
    random = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        days = random.poisson(level, 36)
        found = last_day(counts(lambda ago, days=days: int(days[ago - 1])), NIGHT, 0.1)
        held += found is not None and not found.ok
    assert held <= 2


def test_a_first_night_is_warned_and_a_later_one_held() -> None:
    days = [drift.Day(day, "purchase", n, n, n) for day, n in counts(lambda ago: 100 if ago > 1 else 0).items()]
    (first,) = drift.check_collapse(days, NIGHT, 0.1, first=True)
    (later,) = drift.check_collapse(days, NIGHT, 0.1)
    assert (first.ok, first.kind) == (False, FindingKind.WARNING)
    assert (later.ok, later.kind, later.found) == (False, FindingKind.FAILURE, "0")
    assert later.expected == "10 or more (about 100 are usual on a Thursday)"


def test_ingest_says_it_before_anything_is_trained(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    config: Config = config_at(tmp_path_factory.mktemp("shop"), NIGHT)
    warn_of_last_day(counts(lambda _: 100), config)
    assert not capsys.readouterr().out
    warn_of_last_day(counts(lambda ago: 100 if ago > 1 else 3), config)
    said = capsys.readouterr().out
    assert "ingest warning" in said
    assert "2026-11-19 has 3 events" in said
    assert "only warns" in said
    config.releases.mkdir()
    pointer.announce(config.releases, "20260101T000000Z-aaaa")
    warn_of_last_day({}, config)
    warn_of_last_day(counts(lambda ago: 100 if ago > 1 else 3), config)
    assert "`validate` will hold the release for that" in capsys.readouterr().out
