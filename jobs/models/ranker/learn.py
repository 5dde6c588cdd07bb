"""Fitting the ranker: two heads over all impressions, by full-batch L-BFGS. Torch and numpy, no Spark."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from lookup.scoring.ranker import HEADS, Ranker, Weights

RIDGE = 1e-3
"""Of the squared weights, beside a loss that is 1 for a model that knows the two rates alone."""
STEPS = 200
LEAST_CHANGE = 1e-6
"""A feature that varies less than so much, in its own unit, is one that never changes."""
FOLDS = 5
"""Every so many users are held back to choose between models."""
BETTER = 0.002
"""The network must save at least this share of the loss that the linear model leaves, or the linear one is taken."""
ENOUGH = 50
"""RankerSample bought, and clicked but not bought: with fewer nothing is learned."""

FOLDER = "ranker"
"""In the run: `ranker.npy` (`lookup.scoring.ranker.Weights.flat`), `usual_price.npy` (I,), `ranker.json`. Not there
where the
night has no ranker."""


@dataclass(frozen=True)
class RankerSample:
    """A weighted sample of n impressions, (n,) each."""

    features: NDArray[np.float32]
    """(n, F), in the order of `lookup.scoring.features.NAMES`."""
    clicked: NDArray[np.bool_]
    converted: NDArray[np.bool_]
    """Only where clicked."""
    weights: NDArray[np.float32]
    """How many impressions each stands for."""
    users: NDArray[np.int64]
    """A number of the user."""

    def where(self, chosen: NDArray[np.bool_]) -> "RankerSample":
        """Some of them."""
        return RankerSample(*(part[chosen] for part in vars(self).values()))

    def least(self) -> int:
        """How many there are of the rarest kind: converted, clicked only, neither."""
        clicked, converted = int(self.clicked.sum()), int(self.converted.sum())
        return min(converted, clicked - converted, len(self.clicked) - clicked)


@dataclass(frozen=True)
class Chosen:
    """The ranker that was chosen, and why."""

    weights: Weights
    losses: dict[int, float]
    """By hidden units, 0 for the linear model: what of the uncertainty about conversions is left for held-back users; 1
    for a model that knows the rate alone."""


def choose(sample: RankerSample, hidden: int, seed: int) -> Chosen:
    """Fit a linear model and a network to most users, take the one that is better for the others, and fit it to all.

    Better: for conversions, by which candidates are ranked. A network that is hardly better is not taken, for what it
    says is harder to follow.
    """
    back = sample.users % FOLDS == 0
    losses: dict[int, float] = {}
    if hidden and sample.where(back).least() and sample.where(~back).least():
        losses = {units: loss(fit(sample.where(~back), units, seed), sample.where(back)) for units in (0, hidden)}
    best = hidden if losses and losses[hidden] < losses[0] * (1 - BETTER) else 0
    return Chosen(fit(sample, best, seed), losses)


def fit(sample: RankerSample, hidden: int, seed: int) -> Weights:
    """A ranker with so many hidden units; 0 for a linear one.

    The loss is that of the entire space (Ma et al., SIGIR 2018, equation 3): the cross-entropies of the click head with
    clicks, and of the product of both heads with conversions, over all impressions. Conversions are rare, so each is
    counted as a share of what a model leaves that knows the rates alone: else the head that is wanted most is fitted
    least.
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
    """The cross-entropy of conversions under a ranker, as a share of what the rate alone leaves."""
    p = Ranker(weights).score(sample.features).astype(np.float64)
    lost = -np.log(np.maximum(np.where(sample.converted, p, 1 - p), 1e-12))
    return float(lost @ _weighed(sample)[:, 1].numpy())


def _normal(sample: RankerSample) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mean, standard deviation (1 where nothing changes), and 1 or 0: whether a feature changes; (F,) each."""
    shares = sample.weights.astype(np.float64) / sample.weights.sum(dtype=np.float64)
    centre = shares @ sample.features
    spread = np.sqrt(shares @ (sample.features - centre) ** 2)
    moves = spread > LEAST_CHANGE
    return tuple(part.astype(np.float32) for part in (centre, np.where(moves, spread, 1.0), moves))  # type: ignore[return-value]


def _rates(sample: RankerSample) -> NDArray[np.float64]:
    """The share of impressions clicked, and converted, (2,)."""
    return np.average(np.stack([sample.clicked, sample.converted], axis=1), axis=0, weights=sample.weights)


def _weighed(sample: RankerSample) -> torch.Tensor:
    """What the cross-entropies of an impression count, (n, 2): their sum is 1 a head for a model of the rates alone."""
    p = _rates(sample)
    left = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    shares = sample.weights.astype(np.float64) / sample.weights.sum(dtype=np.float64)
    return torch.from_numpy((shares[:, None] / left).astype(np.float32))


def _logits(inputs: torch.Tensor, parts: list[torch.Tensor]) -> torch.Tensor:
    """(n, 2), by the formula of `lookup.scoring.ranker`."""
    hidden, hidden_bias, direct, out, bias = parts
    return inputs @ direct + torch.relu(inputs @ hidden + hidden_bias) @ out + bias


def _entropies(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropies of clicks, and of conversions with the product of both heads, (n, 2); exact for tiny rates."""
    yes = functional.logsigmoid(logits)
    no_click = functional.logsigmoid(-logits[:, 0])
    # 1 - p q = (1 - p) + p (1 - q)
    no_buy = torch.logaddexp(no_click, yes[:, 0] + functional.logsigmoid(-logits[:, 1]))
    happens = torch.stack([yes[:, 0], yes.sum(1)], dim=1)
    not_so = torch.stack([no_click, no_buy], dim=1)
    return -(labels * happens + (1 - labels) * not_so)


def _logit(rate: float) -> float:
    return float(np.log(rate) - np.log1p(-rate))
