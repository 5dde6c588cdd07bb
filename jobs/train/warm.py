"""A warm start: a new model that begins as an older one, with what is new among items and labels. No Spark."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.config import Train
from jobs.train.model import BehaviourModel
from jobs.train.store import Start

QUIET = 0.1
"""The own vector of a new item begins so much shorter than from scratch: its labels, which are learned, speak."""


def settings_of(settings: Train) -> Train:
    """The settings of a fit that continues."""
    return replace(settings, epochs=settings.warm_epochs, learning_rate=settings.warm_learning_rate)


def begin(model: BehaviourModel, start: Start, events: NDArray[np.int64]) -> None:
    """Give an untrained model the numbers of an older one of the same shape, in place. events: of each item, (n,).

    Biases go with the popularity of items: by the straight line from log(events + 1) to the bias that the older model
    had. An item that has more events than then gains what the line says, which steps as few as these would not give
    it; a new item has the bias on the line. It has a short own vector and the mean `item_repeat`; a new label has a
    fresh vector.
    """
    old, known, labels = start.weights, np.flatnonzero(start.items >= 0), np.flatnonzero(start.labels >= 0)
    at = start.items[known]
    popularity, then = np.log(events + 1.0), np.log(start.events + 1.0)
    bias = old["bias"][:, at].astype(np.float64)
    line = np.stack([then - then.mean(), np.ones(len(then))], axis=1)
    slope, middle = np.linalg.lstsq(line, bias.T, rcond=None)[0][..., None]
    biases = middle + slope * (popularity - then.mean())
    biases[:, known] = bias + slope * (popularity[known] - then)
    with torch.no_grad():
        for name in ("map", "mix_logits", "repeat"):
            getattr(model, name).copy_(torch.from_numpy(old[name]))
        model.own *= QUIET
        model.own[:, known] = torch.from_numpy(old["own"][:, at])
        model.label[:, labels] = torch.from_numpy(old["label"][:, start.labels[labels]])
        model.bias.copy_(torch.from_numpy(biases))
        model.item_repeat.fill_(float(old["item_repeat"].mean()))
        model.item_repeat[known] = torch.from_numpy(old["item_repeat"][at])
