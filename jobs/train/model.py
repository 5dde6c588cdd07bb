"""The behaviour model in torch: input and output vectors of items, learned so that a user's past days predict the next.

    u_k = sum_j m(t_k - t_j) s_j / (sum_j m(t_k - t_j) w_j) ** power         s_j: sum of w x over the events of day j
    m(age) = sum_h mix_h * 2 ** (-age / half_life_h)                         w_j: sum of w over them
    P(i | u_k) = softmax_i(u_k . y_i + bias_i)                               over all items

This is the user vector of `lookup.encoder`, for every day of a user at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from jobs.device import native_bfloat16

START = 0.2
"""Standard deviation of the item vectors at the start: large enough that events speak from the first step."""

ROWS_AT_ONCE = 256
"""Rows of the softmax that are in memory at once; with the number of items it bounds a step's memory."""


@dataclass(frozen=True)
class Batch:
    """Some users' days, padded to S days a user."""

    items: Tensor
    """Vocabulary number of every event, int64 (E,)."""
    places: Tensor
    """user * S + day of every event, int64 (E,)."""
    weights: Tensor
    """Of every event, float32 (E,)."""
    days: Tensor
    """Day number of every user's days, float32 (B, S), rising; padded with the last."""
    targets: Tensor
    """user * S + day of the days to predict, int64 (T,)."""
    wanted_row: Tensor
    """For every item to predict: which of the T targets, int64 (W,)."""
    wanted_item: Tensor
    """… which item, int64 (W,)."""
    wanted_share: Tensor
    """… and its share of that day, float32 (W,); the shares of a target add up to 1."""


class BehaviourModel(nn.Module):
    """Item vectors x (input), y (output), biases, and the fading of events."""

    def __init__(self, popularity: Tensor, dimensions: int, half_lives: Sequence[float], dropout: float):
        """Make an untrained model.

        popularity: events of each item, float32 (n,); the biases begin at its logarithm. half_lives: days; 0 never
        fades.
        """
        super().__init__()
        start = torch.randn(len(popularity), dimensions) * START
        # Equal at first, so that an item speaks for itself from the first step: in many shops people rebuy.
        self.x = nn.Parameter(start.clone())
        self.y = nn.Parameter(start.clone())
        self.bias = nn.Parameter(torch.log((popularity + 1.0) / (popularity + 1.0).sum()))
        self.mix_logits = nn.Parameter(torch.zeros(len(half_lives)))
        self.power_logit = nn.Parameter(torch.zeros(()))
        self.register_buffer("rates", torch.tensor([math.log(2) / h if h else 0.0 for h in half_lives]))
        self.dropout = dropout

    def mix(self) -> Tensor:
        """The parts of the fading, float32 (H,), positive, adding up to 1."""
        return torch.softmax(self.mix_logits, 0)

    def power(self) -> Tensor:
        """Between a plain sum (0) and a mean (1)."""
        return torch.sigmoid(self.power_logit)

    def user_vectors(self, batch: Batch) -> Tensor:
        """The vectors before each target day, float32 (T, d)."""
        users, days = batch.days.shape
        weights = batch.weights
        if self.training:  # whole events drop out, so that no single one is relied on
            weights = weights * (torch.rand_like(weights) >= self.dropout)
        sums = self.x.new_zeros(users * days, self.x.shape[1])
        sums = sums.index_add(0, batch.places, self.x[batch.items] * weights[:, None]).view(users, days, -1)
        totals = weights.new_zeros(users * days).index_add(0, batch.places, weights).view(users, days, 1)
        age = batch.days[:, :, None] - batch.days[:, None, :]
        fading = torch.exp(-age.clamp(min=0)[..., None] * self.rates) @ self.mix()
        fading = torch.tril(fading, diagonal=-1)
        total = (fading @ totals).clamp(min=1e-6)
        vectors = ((fading @ sums) / total ** self.power()).view(users * days, -1)[batch.targets]
        return nn.functional.dropout(vectors, self.dropout, self.training)

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of the target days under the softmax over all items."""
        wanted = (batch.wanted_row, batch.wanted_item, batch.wanted_share)
        loss: Tensor = FullSoftmax.apply(self.user_vectors(batch), self.y, self.bias, wanted)
        return loss / len(batch.targets)


class FullSoftmax(torch.autograd.Function):
    """Summed cross-entropy over all items, a block of rows at a time: the gradient is taken with the loss.

    So the matrix of probabilities (rows × items) is never whole in memory nor computed twice. The products run in
    bfloat16 where the processor multiplies it natively; sums, exponentials and gradients are float32.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, y: Tensor, bias: Tensor, wanted: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """u (T, d), y (n, d), bias (n,), wanted: rows, items, shares."""
        kind = torch.bfloat16 if native_bfloat16(u.device) else torch.float32
        rows, items, shares = wanted
        low_y = y.to(kind)
        grad_u, grad_y, grad_bias = torch.zeros_like(u), torch.zeros_like(y), torch.zeros_like(bias)
        loss = u.new_zeros(())
        order = torch.argsort(rows)
        rows, items, shares = rows[order], items[order], shares[order]
        for start in range(0, len(u), ROWS_AT_ONCE):
            block = u[start : start + ROWS_AT_ONCE].to(kind)
            logits = (block @ low_y.T).float().add_(bias)
            first, last = torch.searchsorted(rows, torch.tensor([start, start + len(block)], device=u.device)).tolist()
            place = (rows[first:last] - start, items[first:last])
            log_sum = torch.logsumexp(logits, 1)
            loss += ((log_sum[place[0]] - logits[place]) * shares[first:last]).sum()
            probability = logits.sub_(log_sum[:, None]).exp_()
            probability.index_put_(place, -shares[first:last], accumulate=True)
            grad_bias += probability.sum(0)
            low = probability.to(kind)
            grad_u[start : start + len(block)] = (low @ low_y).float()
            grad_y += (low.T @ block).float()
        ctx.save_for_backward(grad_u, grad_y, grad_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients kept by `forward`."""
        grad_u, grad_y, grad_bias = ctx.saved_tensors
        return grad_u * scale, grad_y * scale, grad_bias * scale, None
