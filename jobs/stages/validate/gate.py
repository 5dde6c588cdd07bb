"""The gate: is the challenger as good as the incumbent, on the same users and held-out days, slice by slice?

The incumbent is the release that serves; the challenger is the one that was built.

| the slice has | difference, challenger − incumbent | verdict |
|---|---|---|
| a user scored for only one of the two | any | hold: the two cannot be compared |
| no user | none | publish: nothing to compare |
| fewer than `FEW` deciding users | no loss by the sign test, or too few to tell | publish |
| fewer than `FEW` deciding users | a loss by the sign test, larger than `max_loss` | hold |
| `FEW` deciding users or more | the interval ends at zero or above | publish: better, or equal |
| `FEW` deciding users or more | the interval lies below zero, a mean loss of at most `max_loss` | publish: as good |
| `FEW` deciding users or more | the interval lies below zero, a mean loss larger than `max_loss` | hold |

One held slice holds the release. A user decides where the two metrics differ; the others do not tell which release is
better. `max_loss` is a share of the incumbent's metric. It is needed because most nights keep the model: then some ten
users of many thousands differ, and even a proven loss can be too small to matter to the shop.

The intervals are bootstrap intervals of the paired difference (Efron & Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13; for retrieval metrics: Sakai, SIGIR 2006). Their level bounds false alarms: the gate holds an equally
good challenger in about a share `false_alarms` of the nights at most, over all slices together (Bonferroni). Far out in
its tail the bootstrap is too narrow for few users. There the sign test decides, which is exact: with n deciding users,
w of them better served, a loss is P(Binomial(n, 1/2) ≤ w) below the same level (Smucker, Allan & Carterette, CIKM 2007,
compare the two). A plain limit on the mean would not do for few users: chance alone moves it too far.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.metrics.bootstrap import intervals

FEW = 50
"""Below so many deciding users the sign test decides, from there on the bootstrap."""
GROUPS = 500
"""Twice as many users or more are put into so many groups at random, and groups are drawn. The mean of a group stands
for its users and varies as they do, and drawing takes a hundredth of the time."""
BEYOND = 20
"""So many resamples lie beyond each end of an interval. With fewer, chance would move the ends."""
SEED = 7


@dataclass(frozen=True)
class Scores:
    """A metric of the users of one slice, float64 (n,) each, in the same order; NaN where a user was not scored."""

    incumbent: NDArray[np.float64]
    challenger: NDArray[np.float64]


@dataclass(frozen=True)
class SliceComparison:
    """The verdict of the gate on one slice."""

    slice: str
    ok: bool
    why: str
    """The reason in words, with figures."""
    users: int
    deciding: int
    """Users for whom the two differ."""
    incumbent: float
    """The mean of its metric over the users."""
    challenger: float
    """The mean of its metric over the same users."""
    difference: float
    """challenger − incumbent."""
    low: float | None
    """The lower end of the interval of the difference; None where too few users decide for an interval."""
    high: float | None
    """Its upper end."""


def compare(slices: Mapping[str, Scores], *, max_loss: float, false_alarms: float) -> list[SliceComparison]:
    """The verdict on every slice, in their order.

    max_loss: a share of the incumbent's metric. false_alarms: a share of the nights, over all slices together.
    """
    alarm = false_alarms / max(len(slices), 1)
    return [judge(name, scores, max_loss=max_loss, alarm=alarm) for name, scores in slices.items()]


def judge(name: str, scores: Scores, *, max_loss: float, alarm: float) -> SliceComparison:
    """The verdict on one slice. alarm: the share of nights on which this slice alone may hold an equal challenger."""
    both = np.isfinite(scores.incumbent) & np.isfinite(scores.challenger)
    users = len(both)
    if not both.all():
        alone = int(np.sum(~both))
        return _verdict(name, scores, both, False, f"{alone} of {users} users were scored for only one of the two")
    if not users:
        return _verdict(name, scores, both, True, "no user")
    difference = scores.challenger - scores.incumbent
    deciding = int(np.count_nonzero(difference))
    loss = -float(difference.mean())
    allowed = max_loss * float(scores.incumbent.mean())
    if deciding < FEW:
        better = int(np.sum(difference > 0))
        split = f"{better} users better served, {deciding - better} worse"
        if sign_test(better, deciding) >= alarm:
            return _verdict(name, scores, both, True, f"too few users to tell a loss: {split}")
        return _verdict(name, scores, both, loss <= allowed, f"{_size(loss, allowed)} by the sign test: {split}")
    low, high = interval(difference, alarm)
    if high >= 0:
        return _verdict(
            name, scores, both, True, "better" if low > 0 else "equal within the interval", low=low, high=high
        )
    return _verdict(name, scores, both, loss <= allowed, _size(loss, allowed), low=low, high=high)


def interval(difference: NDArray[np.float64], beyond: float) -> tuple[float, float]:
    """The bootstrap interval of the mean of the differences, (n,). beyond: the share outside each of its ends."""
    n = len(difference)
    if n >= 2 * GROUPS:
        starts = np.arange(0, n, n // GROUPS)
        mixed = np.random.default_rng(SEED).permutation(difference)
        difference = np.add.reduceat(mixed, starts) * (len(starts) / n)
    low, high = intervals(difference[:, None], resamples=ceil(BEYOND / beyond), level=1 - 2 * beyond, seed=SEED)
    return float(low[0]), float(high[0])


def sign_test(better: int, deciding: int) -> float:
    """P(Binomial(deciding, 1/2) ≤ better): how likely so few are better served if neither release is better."""
    from scipy.stats import binomtest

    return float(binomtest(better, deciding, alternative="less").pvalue) if deciding else 1.0


def _size(loss: float, allowed: float) -> str:
    return "a loss" if loss > allowed else f"a loss too small to matter, at most {allowed:.5f}"


def _verdict(
    name: str,
    scores: Scores,
    both: NDArray[np.bool_],
    ok: bool,
    why: str,
    *,
    low: float | None = None,
    high: float | None = None,
) -> SliceComparison:
    pair = scores.incumbent[both], scores.challenger[both]
    incumbent, challenger = (float(x.mean()) if len(x) else 0.0 for x in pair)
    return SliceComparison(
        slice=name,
        ok=ok,
        why=why,
        users=len(both),
        deciding=int(np.count_nonzero(pair[1] - pair[0])),
        incumbent=incumbent,
        challenger=challenger,
        difference=challenger - incumbent,
        low=low,
        high=high,
    )
