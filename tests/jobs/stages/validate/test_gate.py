"""The decision table of the gate, row by row; how often it is wrong about equal releases, and what it finds."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.stages.validate.gate import FEW, Scores, compare, interval, judge, sign_test

ALARM = 0.01 / 6


def scores(changes: list[tuple[int, float]], at: float = 0.5) -> Scores:
    """The incumbent serves everybody with `at`. changes: so many users, and what the challenger adds."""
    added = np.concatenate([np.full(users, change) for users, change in changes])
    return Scores(np.full(len(added), at), at + added)


def unscored() -> Scores:
    return Scores(np.array([0.5, 0.5, np.nan]), np.array([0.5, np.nan, 0.5]))


@pytest.mark.parametrize(
    ("given", "ok", "why", "interval_ends"),
    [
        (unscored(), False, "2 of 3 users were scored for only one of the two", None),
        (Scores(np.empty(0), np.empty(0)), True, "no user", None),
        # Few users that decide, among many that do not.
        (scores([(5000, 0.0)]), True, "too few users to tell a loss: 0 users better served, 0 worse", None),
        (scores([(5000, 0.0), (9, -0.5)]), True, "too few users to tell a loss: 0 users better served, 9 worse", None),
        (scores([(50, 0.0), (10, -0.5)]), False, "a loss by the sign test: 0 users better served, 10 worse", None),
        (scores([(50, 0.0), (10, 0.5)]), True, "too few users to tell a loss: 10 users better served, 0 worse", None),
        (scores([(50, 0.0), (8, 0.1), (41, -0.1)]), False, "a loss by the sign test: 8 users better", None),
        (scores([(50, 0.0), (18, 0.1), (31, -0.1)]), True, "too few users to tell a loss", None),
        # Most are worse served, by less than the others gain.
        (scores([(50, 0.0), (8, 0.4), (41, -0.05)]), True, "a loss too small to matter", None),
        (scores([(50_000, 0.0), (10, -0.5)]), True, "a loss too small to matter", None),
        # Enough that decide.
        (scores([(50, 0.1), (50, -0.1)]), True, "equal within the interval", (-1, 1)),
        (scores([(45, 0.1), (55, -0.1)]), True, "equal within the interval", (-1, 1)),
        (scores([(80, 0.1), (20, -0.1)]), True, "better", (1, 1)),
        (scores([(20, 0.1), (80, -0.1)]), False, "a loss", (-1, -1)),
        (scores([(49, 0.0), (50, -0.1)]), False, "a loss", (-1, -1)),
        (scores([(20, 0.004), (80, -0.004)]), True, "a loss too small to matter, at most 0.00250", (-1, -1)),
        (scores([(20, 0.005), (80, -0.005)]), False, "a loss", (-1, -1)),
    ],
)
def test_decision_table(given: Scores, ok: bool, why: str, interval_ends: tuple[int, int] | None) -> None:
    """interval_ends: on which side of zero the interval begins and ends; None where there is none."""
    found = judge("all", given, max_loss=0.005, alarm=ALARM)
    assert (found.ok, found.slice) == (ok, "all")
    assert found.why.startswith(why)
    assert (found.why == "a loss") == (why == "a loss")
    if interval_ends is None:
        assert found.low is found.high is None
    else:
        assert found.low is not None
        assert found.high is not None
        assert (np.sign(found.low), np.sign(found.high)) == interval_ends
        assert found.low <= found.difference <= found.high


def test_figures_of_a_verdict() -> None:
    found = judge("new items", scores([(60, 0.0), (30, 0.1), (10, -0.2)]), max_loss=0.0, alarm=ALARM)
    assert (found.users, found.deciding) == (100, 40)
    assert found.incumbent == pytest.approx(0.5)
    assert found.challenger == pytest.approx(0.51)
    assert found.difference == pytest.approx(0.01)


def test_one_lost_slice_is_named_and_the_level_is_shared() -> None:
    """60 against 40 is a loss where one slice is looked at, at 5 %, and none where it is one of twenty."""
    bad, equal = scores([(40, 0.1), (60, -0.1)]), scores([(50, 0.1), (50, -0.1)])
    alone = compare({"all": bad}, max_loss=0.0, false_alarms=0.05)
    assert [one.ok for one in alone] == [False]
    many = compare({f"slice {n}": equal for n in range(19)} | {"bad": bad}, max_loss=0.0, false_alarms=0.05)
    assert all(one.ok for one in many)
    worse = compare({"all": equal, "new items": scores([(5, 0.1), (60, -0.1)])}, max_loss=0.0, false_alarms=0.05)
    assert [(one.slice, one.ok) for one in worse] == [("all", True), ("new items", False)]


@pytest.mark.parametrize("deciding", [0, 1, 7, 10])
def test_sign_test_by_counting_all_outcomes(deciding: int) -> None:
    outcomes = [sum(heads) for heads in itertools.product((0, 1), repeat=deciding)]
    for better in range(deciding + 1):
        expected = sum(heads <= better for heads in outcomes) / len(outcomes)
        assert sign_test(better, deciding) == pytest.approx(expected, rel=1e-12)


def test_sign_test_by_the_formula_wherever_the_gate_uses_it() -> None:
    """The same numbers, and the same verdict at the gate's own levels."""
    for deciding in range(FEW):
        for better in range(deciding + 1):
            expected = sum(math.comb(deciding, n) for n in range(better + 1)) / 2**deciding
            found = sign_test(better, deciding)
            assert found == pytest.approx(expected, rel=1e-12)
            assert [found >= alarm for alarm in (ALARM, 0.01, 0.05)] == [expected >= a for a in (ALARM, 0.01, 0.05)]


@pytest.mark.parametrize("users", [900, 1000, 50_123])
def test_interval_is_that_of_the_normal_law_for_many_users(users: int) -> None:
    """Also where users are drawn in groups: as wide as 2 × 1.96 standard errors (Efron & Tibshirani, ch. 13)."""
    differences = np.random.default_rng(3).normal(0.01, 0.2, users)
    low, high = interval(differences, 0.025)
    error = differences.std() / np.sqrt(users)
    assert low == pytest.approx(differences.mean() - 1.96 * error, abs=0.25 * error)
    assert high == pytest.approx(differences.mean() + 1.96 * error, abs=0.25 * error)
    assert interval(differences, 0.025) == (low, high)


SLICES = ("all", "new items", "long tail", "never had", "light users", "heavy users")


def night(random: np.random.Generator, users: int, quality: float) -> dict[str, Scores]:
    """Two releases, half of whose hits are the same; the challenger loses a share 1 - `quality` of its hits.

    Three of ten users can be helped at all; the slices overlap, as they do in a shop.
    """
    helped = random.random(users) < 0.3

    def ndcg(share: float) -> NDArray[np.float64]:
        hit = helped & (random.random(users) < 0.5 * share)
        return np.where(hit, 1 / np.log2(random.integers(2, 22, users)), 0.0)

    incumbent, kept = ndcg(1.0), random.random(users) < quality
    challenger = np.where(random.random(users) < 0.5, incumbent * kept, ndcg(quality))
    active = random.random(users)
    shares = (1.0, 0.1, 0.5, 0.8)
    parts = [random.random(users) < share for share in shares] + [active < 1 / 3, active > 2 / 3]
    return {name: Scores(incumbent[part], challenger[part]) for name, part in zip(SLICES, parts, strict=True)}


def held(users: int, quality: float, nights: int, *, max_loss: float = 0.0, false_alarms: float) -> float:
    random = np.random.default_rng(11)
    verdicts = (
        compare(night(random, users, quality), max_loss=max_loss, false_alarms=false_alarms) for _ in range(nights)
    )
    return float(np.mean([not all(one.ok for one in verdict) for verdict in verdicts]))


@pytest.mark.parametrize("users", [60, 250, 1000])
def test_equal_releases_are_seldom_held(users: int) -> None:
    """At most one night in ten was asked for; 150 nights leave a standard error of .024, of which two are allowed."""
    assert held(users, 1.0, 150, false_alarms=0.1) <= 0.1 + 2 * 0.024


def test_intervals_are_not_wider_than_they_need_be() -> None:
    """A slice alone is held at about the rate that was asked for: a gate that never holds would pass the others."""
    random = np.random.default_rng(5)
    nights = [night(random, 1500, 1.0)["all"] for _ in range(300)]
    alarms = np.mean([not judge("all", one, max_loss=0.0, alarm=0.1).ok for one in nights])
    assert 0.05 <= alarms <= 0.15


def test_a_limit_on_the_mean_would_hold_equal_releases() -> None:
    """Why few users are not judged by a limit on the mean loss: of equal releases, every second would be held."""
    random = np.random.default_rng(11)
    nights = [night(random, 1000, 1.0) for _ in range(100)]
    worse = [any(np.mean(s.challenger) < 0.9 * np.mean(s.incumbent) for s in one.values()) for one in nights]
    assert np.mean(worse) > 0.4


@pytest.mark.parametrize(("users", "quality", "least"), [(300, 0.3, 0.9), (1000, 0.6, 0.9), (20_000, 0.93, 0.9)])
def test_worse_releases_are_held(users: int, quality: float, least: float) -> None:
    """At the level of the default configuration; the more users, the smaller the loss that is found."""
    assert held(users, quality, 10, max_loss=0.005, false_alarms=0.01) >= least
