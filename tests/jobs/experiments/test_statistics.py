"""Intervals against formulas written out, and their level over many A/A tests."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.experiments.statistics import ArmSample, bootstrap, difference, sample_ratio, users_needed, welch


def means(*values: float) -> ArmSample:
    return ArmSample(np.array(values, dtype=float), np.ones(len(values)))


def test_welch_on_a_worked_out_case() -> None:
    # Means 2 and 5, variances 1 and 9 (ddof 1), n = 3 and 3: the error is sqrt(1/3 + 9/3) = 1.825742,
    # freedom = (10/3)^2 / ((1/3)^2 / 2 + 3^2 / 2) = 2.439024; t(.975, 2.439024) = 3.640…
    low, high, p = welch(means(1, 2, 3), means(2, 5, 8))
    assert low + high == pytest.approx(2 * 3.0)
    # The density of t with these degrees, added up from a fine grid: within the reach lie 95 %, beyond 3 / 1.8257 p.
    freedom, error = 100 / 9 / (1 / 18 + 9 / 2), math.sqrt(10 / 3)
    assert freedom == pytest.approx(2.439024, abs=1e-6)
    grid = np.linspace(0, 1e3, 2_000_001)
    density = (1 + grid**2 / freedom) ** (-(freedom + 1) / 2)
    within = np.cumsum(density) / density.sum()
    assert np.interp((high - 3) / error, grid, within) == pytest.approx(0.95, abs=1e-4)
    assert 1 - np.interp(3 / error, grid, within) == pytest.approx(p, abs=1e-4)


def test_the_delta_method_on_a_worked_out_case() -> None:
    # y = 1, 0, 2; x = 2, 1, 3: R = 1/2, mean x = 2, y - R x = 0, -1/2, 1/2; the variance of these / (n mean(x)^2).
    sample = ArmSample(np.array([1.0, 0, 2]), np.array([2.0, 1, 3]))
    assert sample.ratio == 0.5
    assert sample.variance == pytest.approx(0.25 / (3 * 4))
    y, x = sample  # as in the paper: var y / mx^2 - 2 my cov / mx^3 + my^2 var x / mx^4
    cov = np.cov(y, x, ddof=1)
    terms = cov[0, 0] / 4 - 2 * y.mean() * cov[0, 1] / 8 + y.mean() ** 2 * cov[1, 1] / 16
    assert sample.variance == pytest.approx(terms / 3)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=2, max_size=30),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=2, max_size=30),
)
def test_any_users(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    control, arm = (ArmSample(*np.array(users, dtype=float).T) for users in (one, two))
    found, back = difference(control, arm, resamples=50), difference(arm, control, resamples=50)
    assert found.value == -back.value
    assert (found.p == back.p) or (math.isnan(found.p) and math.isnan(back.p))
    if not math.isnan(found.low):
        assert found.low <= found.value <= found.high
        assert (found.low, found.high) == pytest.approx((-back.high, -back.low))
        assert found.p < 0.05 or found.low <= 1e-9 <= found.high + 2e-9
    assert found.bootstrap_low <= found.bootstrap_high


def test_the_bootstrap_is_the_one_with_users_listed() -> None:
    rng = np.random.default_rng(1)
    control, arm = (ArmSample(rng.poisson(1.0, 300) * 1.0, rng.integers(1, 5, 300) * 1.0) for _ in range(2))
    low, high = bootstrap(control, arm, 4000, seed=3)
    values = []
    for _ in range(4000):
        one, two = rng.integers(0, 300, (2, 300))
        values.append(arm.y[one].sum() / arm.x[one].sum() - control.y[two].sum() / control.x[two].sum())
    assert (low, high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.01)
    assert bootstrap(control, arm, 50, seed=3) == bootstrap(control, arm, 50, seed=3)


def drawn(rng: np.random.Generator, n: int, effect: float = 0.0) -> tuple[ArmSample, ArmSample]:
    """A skewed mean (a few users pay much) and a ratio whose x and y go together."""
    paid = np.where(rng.random(n) < 0.2, rng.lognormal(1.0, 0.8, n), 0.0) * (1 + effect)
    shown = 1.0 + rng.poisson(rng.gamma(1.0, 4.0, n))
    clicks = rng.binomial(shown.astype(int), np.clip(rng.beta(2, 18, n) * (1 + effect), 0, 1)) * 1.0
    return ArmSample(paid, np.ones(n)), ArmSample(clicks, shown)


def test_a_a_tests_hold_their_level() -> None:
    rng = np.random.default_rng(11)
    found, outside = np.zeros(2), np.zeros(2)
    for test in range(400):
        for n, (control, arm) in enumerate(zip(drawn(rng, 500), drawn(rng, 400), strict=True)):
            found[n] += welch(control, arm)[2] < 0.05
            if test < 150:
                low, high = bootstrap(control, arm, 100, seed=test)
                outside[n] += not low <= 0 <= high
    # 20 of 400 are to be found where there is nothing; 3 standard deviations are 13. Of 150: 7.5 and 8; an interval of
    # 100 draws is a little narrow.
    assert (np.abs(found - 20) < 14).all(), found
    assert (outside < 19).all(), outside


def test_events_as_the_unit_would_not_hold_it() -> None:
    """Why it is the user: clicks of one user go together, and a test by exposure finds what is not there."""
    rng = np.random.default_rng(12)
    found = 0
    for _ in range(300):
        control, arm = (drawn(rng, 300)[1] for _ in range(2))
        rates = [sample.ratio for sample in (control, arm)]
        error = math.sqrt(sum(r * (1 - r) / s.x.sum() for r, s in zip(rates, (control, arm), strict=True)))
        found += abs(rates[1] - rates[0]) > 1.96 * error
    assert found > 25  # 15 expected


def test_the_users_needed_see_it() -> None:
    """With so many users, about 80 % of tests find the effect."""
    rng = np.random.default_rng(13)
    control, _ = drawn(rng, 200_000)
    arm, _ = drawn(rng, 200_000, effect=0.2)
    each = int(users_needed(control, arm)) // 2
    found = sum(welch(drawn(rng, each)[0], drawn(rng, each, effect=0.2)[0])[2] < 0.05 for _ in range(300))
    assert 0.70 < found / 300 < 0.90


def test_nothing_to_tell() -> None:
    assert welch(means(0, 0), means(0, 0, 0)) == (0.0, 0.0, 1.0)
    assert all(math.isnan(end) for end in welch(means(1), means(1, 2)))
    none = difference(ArmSample(np.zeros(3), np.zeros(3)), means(1, 2))
    assert all(math.isnan(getattr(none, name)) for name in vars(none))
    assert math.isnan(users_needed(means(1, 2), means(1, 2)))


def test_the_sample_ratio() -> None:
    # (5100 - 5000)^2 / 5000 twice is 4: of one degree, p = erfc(sqrt(4 / 2)).
    assert sample_ratio({"a": 5100, "b": 4900}, {"a": 0.5, "b": 0.5}) == pytest.approx(math.erfc(math.sqrt(2)))
    assert sample_ratio({"a": 1000, "b": 9000}, {"a": 0.1, "b": 0.9}) == 1.0
    assert sample_ratio({"a": 5, "b": 1}, {"a": 1.0, "b": 0.0}) == 0.0
    assert sample_ratio({"a": 5, "b": 0}, {"a": 1.0, "b": 0.0}) == 1.0
