"""Metrics of the ranker on held-out days, beside logistic regressions on the same features."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.metrics.classification import calibrated
from jobs.models.ranker.samples import RankerSample
from lookup.scoring.ranker import Ranker, Weights

OURS, BASELINE = "ranker", "logistic regression"
HEADS = ("click", "conversion", "conversion after click")
Predicted = dict[str, NDArray[np.float64]]
"""By head: the probability of each impression, (n,)."""


def measure(weights: Weights, learned: RankerSample, held_out: RankerSample) -> list[dict[str, Any]]:
    """Return rows of the release's metrics: AUC and calibration of click, conversion, and conversion after a click.

    The first two are over all impressions, the third over clicked ones. learned: the sample to which the ranker was
    fitted; the regressions are fitted to it as well. Needs scikit-learn. Raises DataError when either sample lacks a
    kind of impression.
    """
    ranker = Ranker(weights)
    click, conversion = (of(held_out.features).astype(np.float64) for of in (ranker.click, ranker.score))
    found = {
        OURS: dict(zip(HEADS, (click, conversion, conversion / click), strict=True)),
        BASELINE: regressions(weights, learned, held_out),
    }
    users = len(np.unique(held_out.users))
    return [
        {"method": method, "metric": f"{head} {name}", "value": value, "users": users}
        for method, predicted in found.items()
        for head in HEADS
        for name, value in _metrics(head, predicted, held_out).items()
    ]


def regressions(weights: Weights, learned: RankerSample, held_out: RankerSample) -> Predicted:
    """Predict with one logistic regression a head, by scikit-learn, on features normalised like the ranker's."""
    from sklearn.linear_model import LogisticRegression

    predicted = {}
    for head, labels in _labels(learned).items():
        part = _part(head, learned)
        model = LogisticRegression(max_iter=1000)
        counts = learned.weights[part] / learned.weights[part].mean()
        model.fit(_normal(weights, learned.features[part]), labels[part], sample_weight=counts)
        predicted[head] = model.predict_proba(_normal(weights, held_out.features))[:, 1]
    return predicted


def _metrics(head: str, predicted: Predicted, sample: RankerSample) -> dict[str, float]:
    part = _part(head, sample)
    found = calibrated(_labels(sample)[head][part], predicted[head][part], sample.weights[part])
    return {"calibration error" if name == "error" else name: value for name, value in asdict(found).items()}


def _labels(sample: RankerSample) -> dict[str, NDArray[np.bool_]]:
    return dict(zip(HEADS, (sample.clicked, sample.converted, sample.converted), strict=True))


def _part(head: str, sample: RankerSample) -> NDArray[np.bool_]:
    """Choose the impressions over which a head is measured."""
    return sample.clicked if head == HEADS[2] else np.ones(len(sample.clicked), dtype=bool)


def _normal(weights: Weights, features: NDArray[np.float32]) -> NDArray[np.float64]:
    return ((features - weights.centre) / weights.scale).astype(np.float64)
