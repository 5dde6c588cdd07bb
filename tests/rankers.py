"""Rankers of known weights, and one in the run of `tests.releases`."""

import json
from typing import Any

import numpy as np

from jobs.infra.runs import Run
from jobs.infra.vector_store import VectorStore
from lookup.scoring import features
from lookup.scoring.ranker import Weights


def write_ranker(run: Run, weights: Weights, usual_price: float, facts: dict[str, Any] | None = None) -> None:
    """Write a ranker as `train_ranker` does, with one usual price for all items. facts: instead of the true ones."""
    items = VectorStore.of(run).space.items
    about = {"features": list(features.NAMES), "hidden": weights.hidden.shape[1]} | (facts or {})
    metrics = [{"method": "ranker", "metric": "conversion auc", "value": 0.75, "users": 6}]
    with run.replacing("ranker") as folder:
        folder.mkdir()
        np.save(folder / "ranker.npy", weights.flat())
        np.save(folder / "usual_price.npy", np.full(items, usual_price, dtype=np.float32))
        (folder / "ranker.json").write_text(json.dumps({"about": about, "metrics": metrics}))


def certain_clicks(bias: float, hidden: int = 0, **direct: float) -> Weights:
    """A ranker of certain clicks: the logit is that of a conversion after one, bias + the sum of direct x feature."""
    count = len(features.NAMES)
    weights = np.zeros((count, 2), dtype=np.float32)
    for name, weight in direct.items():
        weights[features.NAMES.index(name), 1] = weight
    units = [np.zeros(shape, dtype=np.float32) for shape in ((count, hidden), (hidden,), (hidden, 2))]
    centre, scale, biases = (
        np.asarray(part, dtype=np.float32) for part in (np.zeros(count), np.ones(count), (40, bias))
    )
    return Weights(centre, scale, units[0], units[1], weights, units[2], biases)
