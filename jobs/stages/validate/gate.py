"""The gate: is a candidate as good as the release in place, on the same users and held-out days, slice by slice?

| the slice has | difference, candidate − in place | verdict |
|---|---|---|
| a user whom only one of the two was scored for | any | hold: the two cannot be compared |
| no user | none | publish: nothing to compare |
| fewer than `FEW` users that decide | no loss by the sign test, or too few to tell | publish |
| fewer than `FEW` users that decide | a loss by the sign test, larger than `max_loss` | hold |
| `FEW` users or more that decide | the interval ends at zero or above | publish: better, or equal |
| `FEW` users or more that decide | the interval lies below zero, a mean loss of at most `max_loss` | publish: as good |
| `FEW` users or more that decide | the interval lies below zero, a mean loss larger than `max_loss` | hold |

One slice that is held holds the release. A user decides where the two metrics differ; everybody else says nothing of
which is better. `max_loss` is a share of the metric of the release in place: on most nights the model is kept, so that
some ten users of many thousands differ, and a loss may be proven that is no loss to the shop.

The intervals are bootstrap intervals of the paired difference (Efron & Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13; for retrieval metrics: Sakai, SIGIR 2006). Their level is such that a candidate exactly as good is
held in about a share `false_alarms` of the nights at most, however many slices are looked at (Bonferroni). Far out in
its tail the bootstrap promises too much of few users, so there the sign test decides, which is exact: with n users that
decide and w of them better served, a loss is P(Binomial(n, 1/2) ≤ w) below the same level (Smucker, Allan & Carterette,
CIKM 2007, compare the two). A plain limit on the mean would not do for few users: chance alone moves it too far.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, comb

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.metrics.bootstrap import intervals

FEW = 50
"""Fewer users that decide are judged by the sign test."""
GROUPS = 500
"""More users are drawn in so many groups, at random: the mean of a group then stands for its users, and varies as
they do, in a hundredth of the time."""
BEYOND = 20
"""So many resamples lie beyond each end of an interval: fewer would leave to chance where it ends."""
SEED = 7


@dataclass(frozen=True)
class Scores:
    """A metric of the users of one slice, float64 (n,) each, in the same order; NaN where a user was not scored."""

    in_place: NDArray[np.float64]
    candidate: NDArray[np.float64]


@dataclass(frozen=True)
class SliceComparison:
    """What the gate says of one slice."""

    slice: str
    ok: bool
    why: str
    """In words, with figures."""
    users: int
    deciding: int
    """Users for whom the two differ."""
    in_place: float
    """The mean of the metric over the users."""
    candidate: float
    difference: float
    """candidate − in place."""
    low: float | None
    """Where the interval of the difference begins and ends; None where there are too few users for one."""
    high: float | None


def compare(slices: Mapping[str, Scores], *, max_loss: float, false_alarms: float) -> list[SliceComparison]:
    """The verdict on every slice, in their order.

    max_loss: share of the metric in place. false_alarms: share of the nights, of all slices together.
    """
    alarm = false_alarms / max(len(slices), 1)
    return [judge(name, scores, max_loss=max_loss, alarm=alarm) for name, scores in slices.items()]


def judge(name: str, scores: Scores, *, max_loss: float, alarm: float) -> SliceComparison:
    """The verdict on one slice. alarm: how often this slice alone may be held where the two are equally good."""
    both = np.isfinite(scores.in_place) & np.isfinite(scores.candidate)
    users = len(both)
    if not both.all():
        alone = int(np.sum(~both))
        return _verdict(name, scores, both, False, f"{alone} of {users} users were scored for only one of the two")
    if not users:
        return _verdict(name, scores, both, True, "no user")
    difference = scores.candidate - scores.in_place
    deciding = int(np.count_nonzero(difference))
    loss = -float(difference.mean())
    allowed = max_loss * float(scores.in_place.mean())
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
    """Where the mean of the differences, (n,), lies, by the bootstrap. beyond: the share outside each end."""
    n = len(difference)
    if n >= 2 * GROUPS:
        starts = np.arange(0, n, n // GROUPS)
        mixed = np.random.default_rng(SEED).permutation(difference)
        difference = np.add.reduceat(mixed, starts) * (len(starts) / n)
    low, high = intervals(difference[:, None], resamples=ceil(BEYOND / beyond), level=1 - 2 * beyond, seed=SEED)
    return float(low[0]), float(high[0])


def sign_test(better: int, deciding: int) -> float:
    """P(Binomial(deciding, 1/2) ≤ better): how likely so few were better served if neither release were better."""
    return sum(comb(deciding, n) for n in range(better + 1)) / 2**deciding


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
    in_place, candidate = scores.in_place[both], scores.candidate[both]
    before, now = (float(x.mean()) if len(x) else 0.0 for x in (in_place, candidate))
    return SliceComparison(
        slice=name,
        ok=ok,
        why=why,
        users=len(both),
        deciding=int(np.count_nonzero(candidate - in_place)),
        in_place=before,
        candidate=now,
        difference=now - before,
        low=low,
        high=high,
    )
