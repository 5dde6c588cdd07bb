"""Fitting the ranker: two heads over all impressions, by full-batch L-BFGS."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from jobs.models.ranker.samples import RankerSample
from lookup.scoring.ranker import HEADS, Ranker, Weights

RIDGE = 1e-3
"""The penalty on squared weights. A model that knows only the two rates has a loss of 1 a head."""
STEPS = 200
LEAST_CHANGE = 1e-6
"""A feature with a smaller standard deviation, in its own unit, counts as constant."""
FOLDS = 5
"""One user in this many is held out, to choose between the models."""
BETTER = 0.002
"""The network must lower the linear model's loss by at least this share; otherwise the linear model is chosen."""
ENOUGH = 50
"""The least number of impressions of each kind (converted, clicked only, neither) that a fit needs."""


@dataclass(frozen=True)
class ChosenRanker:
    """The ranker that was chosen, and the losses that decided."""

    weights: Weights
    losses: dict[int, float]
    """The loss for held-out users (`loss`), by the number of hidden units; 0 is the linear model."""


def choose(sample: RankerSample, hidden: int, seed: int) -> ChosenRanker:
    """Choose between a linear model and a network, and fit the better one to all users.

    Both are fitted to most users and compared on the others, by the loss of conversions, for these rank candidates. A
    network must be better by BETTER, because a linear model is easier to explain.
    """
    held_out = sample.users % FOLDS == 0
    losses: dict[int, float] = {}
    if hidden and sample.where(held_out).least() and sample.where(~held_out).least():
        losses = {
            units: loss(fit(sample.where(~held_out), units, seed), sample.where(held_out)) for units in (0, hidden)
        }
    best = hidden if losses and losses[hidden] < losses[0] * (1 - BETTER) else 0
    return ChosenRanker(fit(sample, best, seed), losses)


def fit(sample: RankerSample, hidden: int, seed: int) -> Weights:
    """Fit a ranker with a number of hidden units; 0 makes a linear one.

    The loss is that of the entire space (Ma et al., SIGIR 2018, equation 3): the cross-entropies of the click head with
    clicks, and of the product of both heads with conversions, over all impressions. Each is divided by the
    cross-entropy of a model that knows only the rate: otherwise conversions, which are rare and matter most, would
    count least.
    """
    centre, scale, moves = _normal(sample)
    inputs = torch.from_numpy(((sample.features - centre) / scale * moves).astype(np.float32))
    labels = torch.from_numpy(np.stack([sample.clicked, sample.converted], axis=1).astype(np.float32))
    rates, weighed = _rates(sample), _weighed(sample)
    generator = torch.Generator().manual_seed(seed)
    features = inputs.shape[1]
    start = torch.tensor([_logit(rates[0]), _logit(rates[1] / rates[0])], dtype=torch.float32)
    parts = [
        torch.randn(features, hidden, generator=generator) / features**0.5,
        torch.zeros(hidden),
        torch.zeros(features, HEADS),
        torch.zeros(hidden, HEADS),
        start,
    ]
    for part in parts:
        part.requires_grad_()
    optimizer = torch.optim.LBFGS(parts, max_iter=STEPS, tolerance_change=1e-7, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        ridge = sum((part.square().sum() for part in (parts[0], *parts[2:4])), start=torch.zeros(()))
        total = (_entropies(_logits(inputs, parts), labels) * weighed).sum() + RIDGE * ridge
        total.backward()
        return total

    optimizer.step(closure)
    found = [part.detach().numpy() for part in parts]
    for at in (0, 2):
        found[at] = found[at] * moves[:, None]
    return Weights(centre, scale, *found)


def loss(weights: Weights, sample: RankerSample) -> float:
    """Return a ranker's cross-entropy of conversions, divided by that of a model that knows only the rate."""
    p = Ranker(weights).score(sample.features).astype(np.float64)
    lost = -np.log(np.maximum(np.where(sample.converted, p, 1 - p), 1e-12))
    return float(lost @ _weighed(sample)[:, 1].numpy())


def _normal(sample: RankerSample) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return mean, standard deviation (1 for constant features), and 0 for constant features or else 1; (F,) each."""
    shares = sample.weights.astype(np.float64) / sample.weights.sum(dtype=np.float64)
    centre = shares @ sample.features
    spread = np.sqrt(shares @ (sample.features - centre) ** 2)
    moves = spread > LEAST_CHANGE
    return tuple(part.astype(np.float32) for part in (centre, np.where(moves, spread, 1.0), moves))  # type: ignore[return-value]


def _rates(sample: RankerSample) -> NDArray[np.float64]:
    """Return the shares of impressions that were clicked, and converted, (2,)."""
    return np.average(np.stack([sample.clicked, sample.converted], axis=1), axis=0, weights=sample.weights)


def _weighed(sample: RankerSample) -> torch.Tensor:
    """Return the weights of an impression's cross-entropies, (n, 2): a model of the rates alone sums to 1 a head."""
    p = _rates(sample)
    left = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    shares = sample.weights.astype(np.float64) / sample.weights.sum(dtype=np.float64)
    return torch.from_numpy((shares[:, None] / left).astype(np.float32))


def _logits(inputs: torch.Tensor, parts: list[torch.Tensor]) -> torch.Tensor:
    """Return logits, (n, 2), by the formula of `lookup.scoring.ranker`."""
    hidden, hidden_bias, direct, out, bias = parts
    return inputs @ direct + torch.relu(inputs @ hidden + hidden_bias) @ out + bias


def _entropies(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return cross-entropies of clicks, and of conversions with the product of both heads, (n, 2).

    They are exact for tiny rates.
    """
    yes = functional.logsigmoid(logits)
    no_click = functional.logsigmoid(-logits[:, 0])
    # 1 - p q = (1 - p) + p (1 - q)
    no_buy = torch.logaddexp(no_click, yes[:, 0] + functional.logsigmoid(-logits[:, 1]))
    happens = torch.stack([yes[:, 0], yes.sum(1)], dim=1)
    not_so = torch.stack([no_click, no_buy], dim=1)
    return -(labels * happens + (1 - labels) * not_so)


def _logit(rate: float) -> float:
    return float(np.log(rate) - np.log1p(-rate))
