"""Logistic regression by Newton's method: few features, many rows, and the same answer every time."""

import numpy as np
from numpy.typing import NDArray

RIDGE = 1.0
"""The penalty on squared weights of standardised features, in observations; the constant bears none."""
STEPS = 25
ENOUGH = 1e-6
"""The search ends when no weight moves further."""


def fit(
    features: NDArray[np.float64], wanted: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the constant and the weight of each feature, (F + 1,), float64.

    features: (P, F), finite. wanted: (P,). weights: of the rows, (P,); 1 each by default. A constant feature gets 0.
    """
    middle, spread = features.mean(0), features.std(0)
    varies = spread > 1e-9
    x = np.ones((len(features), 1 + int(varies.sum())))
    x[:, 1:] = (features[:, varies] - middle[varies]) / spread[varies]
    counts = np.ones(len(x)) if weights is None else weights
    rate = (np.sum(counts * wanted) + 0.5) / (counts.sum() + 1.0)
    found = np.zeros(x.shape[1])
    found[0] = np.log(rate / (1.0 - rate))
    penalty = np.full(x.shape[1], RIDGE)
    penalty[0] = 1e-6
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ found, -30.0, 30.0)))
        slope = x.T @ (counts * (wanted - chance)) - penalty * found
        curve = (x * (counts * chance * (1.0 - chance))[:, None]).T @ x
        curve[np.diag_indices_from(curve)] += penalty
        step = np.linalg.solve(curve, slope)
        longest = float(np.abs(step).max())
        found += step * min(1.0, 3.0 / max(longest, 1e-12))  # a full step may overshoot where classes come apart
        if longest < ENOUGH:
            break
    result = np.zeros(features.shape[1] + 1)
    result[1:][varies] = found[1:] / spread[varies]
    result[0] = found[0] - float(result[1:] @ middle)
    return result
