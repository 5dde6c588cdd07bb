"""Logistic regression by Newton's method: few features, many rows, and the same answer every time."""

import numpy as np
from numpy.typing import NDArray

RIDGE = 1.0
"""The penalty on squared weights of standardised features, in observations; the constant bears none."""
STEPS = 100
TURNS = 8


def fit(features: NDArray[np.float64], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the constant and the weight of each feature, (F + 1,), float64.

    features: (P, F), finite. wanted: (P,). A constant feature gets 0. Where all is wanted, or nothing, the constant
    alone says so.
    """
    from sklearn.linear_model import LogisticRegression

    result = np.zeros(features.shape[1] + 1)
    spread = features.std(0)
    varies = spread > 1e-9
    if not varies.any() or wanted.all() or not wanted.any():
        rate = (wanted.sum() + 0.5) / (len(wanted) + 1.0)
        result[0] = np.log(rate / (1.0 - rate))
        return result
    middle, spread = features.mean(0)[varies], spread[varies]
    model = LogisticRegression(C=1.0 / RIDGE, solver="newton-cholesky", max_iter=STEPS)
    model.fit((features[:, varies] - middle) / spread, wanted)
    result[1:][varies] = model.coef_[0] / spread
    result[0] = model.intercept_[0] - float(result[1:][varies] @ middle)
    return result


def fit_groups(
    features: NDArray[np.float64], wanted: NDArray[np.bool_], groups: NDArray[np.int64], count: int, variance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a constant for each of `count` groups, too, normally distributed around 0: a generalised linear mixed model.

    groups: of each row, (P,). variance: of the distribution. Newton steps on the weights and on the groups' constants
    take turns (Breslow & Clayton, "Approximate Inference in Generalized Linear Mixed Models", JASA 1993, section 2.1).

    Returns the weights as `fit` does, and the constants of the groups, (count,): 0 for a group without rows.
    """
    weights, offsets = fit(features, wanted), np.zeros(count)
    rows = np.column_stack([np.ones(len(features)), features])
    ridge = np.eye(len(weights)) * RIDGE
    ridge[0, 0] = 0.0
    for _ in range(TURNS):
        missing, certainty = _residuals(rows @ weights + offsets[groups], wanted)
        curvature = (rows * certainty[:, None]).T @ rows + ridge
        weights = weights + np.linalg.lstsq(curvature, rows.T @ missing - ridge @ weights)[0]
        missing, certainty = _residuals(rows @ weights + offsets[groups], wanted)
        slope = np.bincount(groups, missing, minlength=count) - offsets / variance
        offsets = offsets + slope / (np.bincount(groups, certainty, minlength=count) + 1.0 / variance)
    return weights, offsets


def _residuals(odds: NDArray[np.float64], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is wanted beyond the chances, and the variances of those, (P,)."""
    chance = 1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0)))
    return wanted - chance, chance * (1.0 - chance)
