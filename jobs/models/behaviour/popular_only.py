"""The model of a shop that has nothing to learn tastes from yet: how popular each item is, and nothing else.

No user of such a shop has events on two days. The model has the form of a trained one, so every job after it works:
vectors are zeros, and only the biases of items differ. A release made with it lists popular items, and similar items by
their texts.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.models import item_transitions

if TYPE_CHECKING:
    from jobs.config.learning import TrainConfig
    from jobs.models.behaviour.model_store import Inputs


def popular_only(inputs: "Inputs", settings: "TrainConfig") -> dict[str, Any]:
    """The numbers of the model, as `jobs.models.behaviour.fit` names them. inputs: the items that have events."""
    n, labels = inputs.attributes.shape
    heads, d = settings.heads, settings.dimensions
    share = np.log((inputs.events + 1.0) / (inputs.events + 1.0).sum()) * settings.popularity
    fading = np.asarray(settings.fading, dtype=np.float32)
    empty = item_transitions.empty(n)
    return {
        "x": np.zeros((n, heads * d), dtype=np.float32),
        "y": np.zeros((n, heads * d), dtype=np.float32),
        "bias": (share - share.mean()).astype(np.float32),
        "mix": np.tile(fading / fading.sum(), (heads, 1)),
        "item_repeat": np.zeros(n, dtype=np.float32),
        "label": np.zeros((heads, labels, d), dtype=np.float32),
        "maps": np.tile(np.eye(d, dtype=np.float32), (heads, 1, 1)),
        "next_item": empty.items,
        "next_weight": empty.weights,
        "losses": np.zeros(0),
    }
