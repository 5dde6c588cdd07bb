"""A warm start: a new model begins with the numbers of an older one. Items and attributes that are new begin fresh."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.model_store import Start
from jobs.models.behaviour.network import BehaviourModel

NEW_ITEM_SCALE = 0.1
"""A new item's own vector begins at this share of its usual length. The vectors of its attributes are learned already,
so they decide at first."""


def warm_settings(settings: TrainConfig) -> TrainConfig:
    """Return the settings of a fit that continues an older model."""
    return replace(settings, epochs=settings.warm_epochs, learning_rate=settings.warm_learning_rate)


def begin(model: BehaviourModel, start: Start, events: NDArray[np.int64]) -> None:
    """Give an untrained model the numbers of an older one of the same shape, in place. events: of each item, (n,).

    An attribute that the older model did not know keeps its fresh vector. A new item keeps a shortened vector of its
    own; its bias is what the other items have at that number of events, by a straight line through log(events + 1);
    its `item_repeat` is the mean of the older model's.
    """
    old, known = start.weights, np.flatnonzero(start.items >= 0)
    known_attributes = np.flatnonzero(start.attributes >= 0)
    line = np.stack([np.log(events + 1.0), np.ones(len(events))], axis=1)
    bias = old["bias"][:, start.items[known]]
    slope = np.linalg.lstsq(line[known], bias.T.astype(np.float64), rcond=None)[0]
    with torch.no_grad():
        for name in ("map", "mix_logits", "repeat"):
            getattr(model, name).copy_(torch.from_numpy(old[name]))
        model.own *= NEW_ITEM_SCALE
        model.own[:, known] = torch.from_numpy(old["own"][:, start.items[known]])
        model.label[:, known_attributes] = torch.from_numpy(old["label"][:, start.attributes[known_attributes]])
        model.bias.copy_(torch.from_numpy((line @ slope).T))
        model.bias[:, known] = torch.from_numpy(bias)
        model.item_repeat.fill_(float(old["item_repeat"].mean()))
        model.item_repeat[known] = torch.from_numpy(old["item_repeat"][start.items[known]])
