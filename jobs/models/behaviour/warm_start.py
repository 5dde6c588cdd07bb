"""A warm start: a new model that begins as an older one, with what is new among items and labels. No Spark."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.model_store import Start
from jobs.models.behaviour.network import BehaviourModel

QUIET = 0.1
"""The own vector of a new item begins so much shorter than from scratch: its labels, which are learned, speak."""


def settings_of(settings: TrainConfig) -> TrainConfig:
    """The settings of a fit that continues."""
    return replace(settings, epochs=settings.warm_epochs, learning_rate=settings.warm_learning_rate)


def begin(model: BehaviourModel, start: Start, events: NDArray[np.int64]) -> None:
    """Give an untrained model the numbers of an older one of the same shape, in place. events: of each item, (n,).

    What the older one did not know has a fresh label vector, or a short own one; the bias that the others have at such
    a number of events, by a straight line through log(events + 1); and their mean `item_repeat`.
    """
    old, known, labels = start.weights, np.flatnonzero(start.items >= 0), np.flatnonzero(start.labels >= 0)
    line = np.stack([np.log(events + 1.0), np.ones(len(events))], axis=1)
    bias = old["bias"][:, start.items[known]]
    slope = np.linalg.lstsq(line[known], bias.T.astype(np.float64), rcond=None)[0]
    with torch.no_grad():
        for name in ("map", "mix_logits", "repeat"):
            getattr(model, name).copy_(torch.from_numpy(old[name]))
        model.own *= QUIET
        model.own[:, known] = torch.from_numpy(old["own"][:, start.items[known]])
        model.label[:, labels] = torch.from_numpy(old["label"][:, start.labels[labels]])
        model.bias.copy_(torch.from_numpy((line @ slope).T))
        model.bias[:, known] = torch.from_numpy(bias)
        model.item_repeat.fill_(float(old["item_repeat"].mean()))
        model.item_repeat[known] = torch.from_numpy(old["item_repeat"][start.items[known]])
