"""The difference of two arms and its uncertainty. The unit is the user, because users are assigned to arms.

A metric is a ratio of two sums over the users of an arm, sum(y) / sum(x); a mean over users has x = 1. Its variance is
that of the delta method (Deng, Knoblich & Lu, "Applying the delta method in metric analytics", KDD 2018, section 2.2).
The ratio R behaves like a mean over users of

    z_i = R + (y_i - R x_i) / mean(x)

For x = 1 these are the y_i themselves, so one test, Welch's, serves both.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEVEL = 0.95
POWER = 0.8
SAMPLE_RATIO_ALARM = 0.001
"""A smaller p proves a sample ratio mismatch. The level is small because the check runs often (so do Fabijan et al.,
"Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019)."""


class ArmSample(NamedTuple):
    """A metric of one arm: y and x of each user, float64 (n,)."""

    y: Floats
    x: Floats

    @property
    def ratio(self) -> float:
        """sum(y) / sum(x); NaN where sum(x) is 0."""
        total = self.x.sum()
        return float(self.y.sum() / total) if total else float("nan")

    @property
    def variance(self) -> float:
        """The variance of the ratio, which is that of the mean of the z_i; NaN for fewer than two users."""
        n = len(self.y)
        if n < 2 or not self.x.any():
            return float("nan")
        z = (self.y - self.ratio * self.x) / self.x.mean()
        return float(z.var(ddof=1) / n)


@dataclass(frozen=True)
class ArmDifference:
    """The difference of an arm's metric from the control's. Its numbers are NaN where there are too few data."""

    value: float
    """The arm's metric less the control's."""
    low: float
    high: float
    """The 95 % interval, by Welch's test and the delta method."""
    bootstrap_low: float
    bootstrap_high: float
    """The 95 % interval of the bootstrap by user, as a check: far from the other if few users dominate the sums."""
    relative: float
    """The difference as a share of the control's metric."""
    p: float
    """The probability of a difference at least this large if there is none; two-sided."""
    users_needed: float
    """Users of all arms together, at the present shares, so that 80 % of tests detect a difference of this size."""


def difference(control: ArmSample, arm: ArmSample, *, resamples: int = 1000, seed: int = 7) -> ArmDifference:
    """Compare two arms. The same seed gives the same bootstrap interval."""
    value = arm.ratio - control.ratio
    low, high, p = welch(control, arm)
    bootstrap_low, bootstrap_high = bootstrap(control, arm, resamples, seed)
    return ArmDifference(
        value=value,
        low=low,
        high=high,
        bootstrap_low=bootstrap_low,
        bootstrap_high=bootstrap_high,
        relative=value / control.ratio if control.ratio else float("nan"),
        p=p,
        users_needed=users_needed(control, arm),
    )


def welch(control: ArmSample, arm: ArmSample) -> tuple[float, float, float]:
    """Return the ends of the 95 % interval of the difference, and its p.

    Welch, Biometrika 1947, with Satterthwaite's degrees of freedom.
    """
    parts = np.array([control.variance, arm.variance])
    variance, value = parts.sum(), arm.ratio - control.ratio
    if not variance > 0:  # all users are equal, or there are too few
        same = variance == 0 and value == 0
        return (0.0, 0.0, 1.0) if same else (float("nan"),) * 3
    freedom = variance**2 / (parts**2 / (np.array([len(control.y), len(arm.y)]) - 1)).sum()
    error = np.sqrt(variance)
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    return float(value - reach), float(value + reach), float(2 * stats.t.sf(abs(value) / error, freedom))


def bootstrap(control: ArmSample, arm: ArmSample, resamples: int, seed: int) -> tuple[float, float]:
    """Return the ends of the 95 % percentile interval of the difference, with users of each arm drawn anew.

    Equal users are counted, not listed, so the cost of a draw grows only with the number of different users.
    """
    random = np.random.default_rng(seed)
    draws = [_resampled(sample, resamples, random) for sample in (control, arm)]
    values = draws[1] - draws[0]
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _resampled(sample: ArmSample, resamples: int, random: np.random.Generator) -> Floats:
    """Return the ratio of each resample; NaN where its x sum to 0."""
    n = len(sample.y)
    if not n:
        return np.full(resamples, np.nan)
    kinds, counts = np.unique(np.stack(sample, axis=1), axis=0, return_counts=True)
    ratios = np.empty(resamples)
    for draw in range(resamples):
        y, x = random.multinomial(n, counts / n) @ kinds
        ratios[draw] = y / x if x else np.nan
    return ratios


def users_needed(control: ArmSample, arm: ArmSample) -> float:
    """Return the users of all arms that detect the present difference with a power of 80 % at the 5 % level.

    The error of a difference shrinks with the root of the users; the difference must be z(.975) + z(.8) errors.
    """
    value, variance = arm.ratio - control.ratio, control.variance + arm.variance
    if not value or not variance > 0:
        return float("nan")
    errors = stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(POWER)
    return float(np.ceil(errors**2 * variance / value**2 * (len(control.y) + len(arm.y))))


def sample_ratio(users: dict[str, int], shares: dict[str, float]) -> float:
    """Return p of the chi-square test that the users of the arms fit the shares. Both have the same names."""
    total = sum(users.values())
    expected = np.array([shares[name] * total for name in users])
    observed = np.array(list(users.values()))
    if not total or (observed[expected == 0] > 0).any():
        return 0.0 if total else float("nan")
    there = expected > 0
    return float(stats.chisquare(observed[there], expected[there]).pvalue) if there.sum() > 1 else 1.0
