"""Metrics of binary predictors, such as "will this user come back", by scikit-learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError

BINS = 20
"""The number of bins of the calibration error."""


@dataclass(frozen=True)
class Classification:
    """Metrics of a predictor: `auc` of its order, the others of its answers at a threshold."""

    auc: float
    """Area under the ROC curve: the chance that a yes scores higher than a no, equal scores counting half."""
    precision: float
    """Share of the predicted positives that are true; 0 where none is predicted."""
    recall: float
    """Share of the true positives that are predicted."""
    f1: float
    """Harmonic mean of precision and recall."""


@dataclass(frozen=True)
class Probabilities:
    """Metrics of probabilities: of their order, and of their values."""

    auc: float
    """As in `Classification`."""
    error: float
    """Expected calibration error: the mean distance of predicted and observed rates, in `BINS` bins of equal weight
    (Guo et al., ICML 2017, with the bins of Nguyen & O'Connor, EMNLP 2015: otherwise one bin would hold all predictions
    of rare outcomes)."""
    predicted: float
    """The mean probability."""
    observed: float
    """The share of positives."""


@dataclass(frozen=True)
class Roc:
    """The ROC curve, from none predicted to all: one place for each threshold that changes it; (n,) each."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    """Falling, from infinity; a score of at least this is a positive."""


def classify(labels: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float = 0.5) -> Classification:
    """Return the metrics of a predictor.

    labels: bool (n,). scores: (n,), higher is likelier; a score of at least `threshold` is a positive.

    Raises DataError when all labels are alike, or a score is not a finite number.
    """
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    _check(labels, scores)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, scores >= threshold, average="binary", zero_division=0.0
    )
    return Classification(float(roc_auc_score(labels, scores)), float(precision), float(recall), float(f1))


def calibrated(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], weights: NDArray[np.floating[Any]] | None = None
) -> Probabilities:
    """Return the metrics of probabilities.

    labels: bool (n,). probabilities: (n,). weights: (n,), how many each stands for.

    Raises DataError as `classify` does.
    """
    from sklearn.metrics import roc_auc_score

    _check(labels, probabilities)
    weights = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    order = np.argsort(probabilities, kind="stable")
    before = np.cumsum(weights[order]) - weights[order] / 2
    bins = (before / weights.sum() * BINS).astype(np.int64)
    gaps = np.bincount(bins, (weights * (probabilities - labels))[order], minlength=BINS)
    predicted, observed = (float(np.average(of, weights=weights)) for of in (probabilities, labels))
    auc = float(roc_auc_score(labels, probabilities, sample_weight=weights))
    return Probabilities(auc, float(np.abs(gaps).sum() / weights.sum()), predicted, observed)


def roc(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> Roc:
    """Return the ROC curve of a predictor. labels: bool (n,). scores: (n,), higher is likelier.

    Raises DataError as `classify` does.
    """
    from sklearn.metrics import roc_curve

    _check(labels, scores)
    return Roc(*roc_curve(labels, scores))


def _check(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> None:
    if len(labels) != len(scores):
        raise DataError(f"{len(labels)} labels do not fit {len(scores)} scores: one is needed for each")
    if not len(labels) or labels.all() or not labels.any():
        raise DataError(f"all of {len(labels)} labels are alike: a predictor needs some of either kind to be measured")
    if not np.isfinite(scores).all():
        raise DataError(f"score {int((~np.isfinite(scores)).argmax())} is not a finite number")
