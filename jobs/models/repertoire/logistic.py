"""Logistic regression by scikit-learn's Newton method: few features, many rows, and the same answer every time."""

import numpy as np
from numpy.typing import NDArray

RIDGE = 1.0
"""The penalty on squared weights of standardised features, in observations; the constant bears none."""
STEPS = 100


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
