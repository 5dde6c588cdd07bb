"""The ranker of a release: how likely a shown candidate is clicked and bought, from its features as they are now.

Two heads over the space of all impressions (Ma et al., "Entire space multi-task model", SIGIR 2018): the probability of
a click, and that of a conversion given a click; their product is the probability of a conversion. With x the features
of `lookup.scoring.features`, z = (x - centre) / scale,

    h = max(0, z W + b)        (click, conversion given click) = sigmoid(z V + h O + a)

Without hidden units (W of width 0) it is a linear model of each.

Lists are ranked by the score of user and item, which is one of the features. What changed since the night becomes a
difference of that score: `Ranker.score_deltas`.
"""

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.scoring.features import GROUPS, NAMES

HEADS = 2
"""Click, and conversion given click."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """The numbers of a ranker with F features and H hidden units, float32."""

    centre: Matrix
    """(F,): the mean features of all impressions, which contributions are measured from."""
    scale: Matrix
    """(F,): their standard deviation; 1 for a feature that never varied, whose weights are 0."""
    hidden: Matrix
    """W, (F, H)."""
    hidden_bias: Matrix
    """b, (H,)."""
    direct: Matrix
    """V, (F, 2)."""
    out: Matrix
    """O, (H, 2)."""
    bias: Matrix
    """a, (2,)."""

    def flat(self) -> Matrix:
        """All numbers in one array, as the array `ranker` of a release stores them."""
        return np.concatenate([part.ravel() for part in vars(self).values()]).astype(np.float32)

    @classmethod
    def of(cls, flat: Matrix, hidden: int, features: int = len(NAMES)) -> "Weights":
        """Read the array of a release. Raises ReleaseError when its length does not fit so many hidden units."""
        shapes = ((features,), (features,), (features, hidden), (hidden,), (features, HEADS), (hidden, HEADS), (HEADS,))
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes]).tolist()
        if flat.shape != (ends[-1],):
            raise ReleaseError(
                f"a ranker of {features} features and {hidden} hidden units has {ends[-1]} numbers; "
                f"its array has shape {flat.shape}"
            )
        parts = np.split(flat, ends[:-1])
        return cls(*(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))


class Ranker:
    """A ranker that is ready to score."""

    def __init__(self, weights: Weights):
        self.weights = weights
        # z W = x (W / scale) - (centre / scale) W: so no call normalises features.
        wide = np.concatenate([weights.hidden, weights.direct], axis=1).astype(np.float64)
        wide /= weights.scale[:, None].astype(np.float64)
        start = np.concatenate([weights.hidden_bias, weights.bias]) - weights.centre.astype(np.float64) @ wide
        self._wide, self._start = wide.astype(np.float32), start.astype(np.float32)
        self._units = weights.hidden.shape[1]
        slope = self._slope()
        self._per_logit = 1 / slope if slope > 0 else 0.0

    @classmethod
    def read(cls, facts: dict[str, Any], flat: Matrix) -> "Ranker":
        """Read the ranker of a release. facts: `ranker` of the manifest. flat: the array `ranker`.

        Raises ReleaseError when the facts are incomplete, and for features that this Daybreak does not compute.
        """
        names, hidden = facts.get("features"), facts.get("hidden")
        if names != list(NAMES) or not isinstance(hidden, int) or hidden < 0:
            raise ReleaseError(
                f"the manifest's ranker has features {names!r} and {hidden!r} hidden units; this Daybreak computes "
                f"{list(NAMES)}: build the release again"
            )
        return cls(Weights.of(np.asarray(flat, dtype=np.float32), hidden))

    def score(self, features: Matrix) -> Matrix:
        """The probability of a conversion. features: float32 (n, F). Returns float32 (n,)."""
        both = self._heads(features)
        return np.asarray(both[:, 0] * both[:, 1])

    def click(self, features: Matrix) -> Matrix:
        """The probability of a click. features: float32 (n, F). Returns float32 (n,)."""
        return np.asarray(self._heads(features)[:, 0])

    def logits(self, features: Matrix) -> NDArray[np.float64]:
        """The logit of `score`: log(p / (1 - p)), float64 (n,), exact also where p is nearly 0 or 1."""
        log = -np.logaddexp(0.0, -self._linear(features).astype(np.float64)).sum(axis=1)
        return np.asarray(log - np.log(-np.expm1(np.minimum(log, -1e-300))))

    def score_deltas(self, now: Matrix, night: Matrix) -> Matrix:
        """What changed features are worth as a difference of the score, (logit(now) - logit(night)) / slope.

        The slope is how much the logit rises with the score; so the delta is the change of the score that would change
        the logit as much. now, night: features of the same candidates, with the same score, float32 (n, F).

        Returns float32 (n,): 0 for a ranker whose logit does not rise with the score.
        """
        after, before = self.logits(np.concatenate([now, night])).reshape(2, -1)
        return np.asarray((after - before) * self._per_logit, dtype=np.float32)

    def delta_shares(self, now: Matrix, night: Matrix) -> dict[str, float]:
        """How much each feature contributes to `score_deltas` of one candidate, by name as in `contributions`.

        now, night: float32 (F,).
        """
        return {name: share * self._per_logit for name, share in self.contributions(now, night).items()}

    def contributions(self, row: Matrix, reference: Matrix | None = None) -> dict[str, float]:
        """How much each feature of a candidate moves the logit of `score` away from that of a reference; exact.

        row: float32 (F,). reference: float32 (F,), by default the mean of all impressions.

        Returns the contributions by name of `lookup.scoring.features.GROUPS`; they add up to logit(row) -
        logit(reference). They are Shapley values over all 2 ** groups subsets, with the reference in place of absent
        features (BShap: Sundararajan & Najmi, "The many Shapley values for model explanation", ICML 2020). For a linear
        model with one head they are w_i (row_i - ref_i).
        """
        start = self.weights.centre if reference is None else reference
        values = self.logits(np.where(_PRESENT, row, start).astype(np.float32))
        return {name: float(_SHARES[:, group] @ values) for group, name in enumerate(GROUPS)}

    def _slope(self) -> float:
        """How much the logit rises with the score: the mean slope over one standard deviation around the centre."""
        column = NAMES.index("score")
        ends = np.stack([self.weights.centre, self.weights.centre])
        ends[:, column] += np.array([-0.5, 0.5], dtype=np.float32) * self.weights.scale[column]
        low, high = self.logits(ends)
        return float((high - low) / (ends[1, column] - ends[0, column]))

    def _linear(self, features: Matrix) -> Matrix:
        both = features @ self._wide
        both += self._start
        if not self._units:
            return both
        hidden = both[:, : self._units]
        np.maximum(hidden, 0.0, out=hidden)
        return np.asarray(both[:, self._units :] + hidden @ self.weights.out)

    def _heads(self, features: Matrix) -> Matrix:
        with np.errstate(over="ignore"):  # exp(-x) of a very low logit is infinite, and its probability 0
            return np.asarray(1.0 / (1.0 + np.exp(-self._linear(features))))


def _subsets() -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Every subset of groups: its columns, (2^G, F), and the weight of its value for each group, (2^G, G)."""
    count = len(GROUPS)
    member = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)
    size = member.sum(axis=1)[:, None]
    each = np.asarray([factorial(n) * factorial(count - 1 - n) / factorial(count) for n in range(count)])
    shares = np.where(member, each[np.maximum(size - 1, 0)], -each[np.minimum(size, count - 1)])
    return np.repeat(member, [len(columns) for columns in GROUPS.values()], axis=1), shares


_PRESENT, _SHARES = _subsets()
