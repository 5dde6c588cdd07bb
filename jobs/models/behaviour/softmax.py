"""Cross-entropy over all items, where the matrix of probabilities (rows x items) is too large for memory.

Where even the full computation takes too long, a sample of items stands for all (`candidates`).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from jobs.models.device import native_bfloat16

ROWS_AT_ONCE = 128
"""Rows of the softmax that are in memory at once: with 12,000 items in bfloat16 they fill a core's cache."""


class Wanted(NamedTuple):
    """The items to predict."""

    rows: Tensor
    """The target of each, int64 (W,), rising."""
    items: Tensor
    """int64 (W,)."""
    shares: Tensor
    """float32 (W,); the shares of a target add up to 1."""


class FullSoftmax(torch.autograd.Function):
    """Summed cross-entropy over all items, one block of rows at a time, with the gradient taken along with the loss.

    So the matrix of probabilities is never whole in memory and never computed twice. Where the processor multiplies
    bfloat16 natively, products and probabilities are bfloat16; sums, losses and gradients are float32.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes positional arguments only
        ctx: Any,
        u: Tensor,
        y: Tensor,
        bias: Tensor,
        wanted: Wanted,
        term_rows: Tensor | None,
        term_items: Tensor | None,
        terms: Tensor | None,
        score_share: float,
    ) -> Tensor:
        """Return the summed loss. u: (T, d). y: (n, d). bias: (n,).

        terms, term_rows, term_items: (R,), term_rows rising. They change the scores of pairs of a row and an item: the
        new score is the term plus `score_share` times the old score. A pair may appear once only.
        """
        kind = torch.bfloat16 if native_bfloat16(u.device) else torch.float32
        rows, items, shares = wanted
        # The bias takes two more columns, in two parts: bfloat16 alone would round it to three digits.
        high = bias.to(kind)
        columns = torch.stack([high, (bias - high.float()).to(kind)], 1)
        low_y = torch.cat([y.to(kind), columns], 1)
        low_u = torch.cat([u.to(kind), u.new_ones(len(u), 2).to(kind)], 1)
        turned = low_y.T.contiguous()
        d = u.shape[1]
        grad_u, grad_y = torch.zeros_like(u), y.new_zeros(len(y), low_y.shape[1])
        loss = u.new_zeros(())
        starts = range(0, len(u), ROWS_AT_ONCE)
        edges = torch.tensor([*starts, len(u)], device=u.device)
        bounds = torch.searchsorted(rows, edges).tolist()
        grad_terms = None if terms is None else torch.zeros_like(terms)
        parts = [0] * len(bounds) if terms is None else torch.searchsorted(term_rows, edges).tolist()
        for start, first, last, a, b in zip(starts, bounds, bounds[1:], parts, parts[1:], strict=False):
            block = low_u[start : start + ROWS_AT_ONCE]
            scores = block @ turned
            if term_rows is not None and term_items is not None and terms is not None:
                added = (term_rows[a:b] - start, term_items[a:b])
                scores.index_put_(added, score_share * scores[added] + terms[a:b].to(kind))
            probability = torch.softmax(scores, 1)
            place, share = (rows[first:last] - start, items[first:last]), shares[first:last]
            loss -= (probability[place].float().clamp(min=1e-9).log() * share).sum()
            probability.index_put_(place, -share.to(kind), accumulate=True)
            if grad_terms is not None:
                of_terms = probability[added]
                grad_terms[a:b] = of_terms.float()
                probability.index_put_(added, score_share * of_terms)
            grad_u[start : start + ROWS_AT_ONCE] = (probability @ low_y[:, :d]).float()
            grad_y += (probability.T @ block).float()
        ctx.save_for_backward(grad_u, grad_y[:, :d], grad_y[:, d])
        ctx.grad_terms = grad_terms
        return loss

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients that `forward` saved."""
        grad_u, grad_y, grad_bias = ctx.saved_tensors
        return (
            grad_u * scale,
            grad_y * scale,
            grad_bias * scale,
            None,
            None,
            None,
            None if ctx.grad_terms is None else ctx.grad_terms * scale,
            None,
        )


def candidates(certain: Tensor, biases: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """Draw some of n items whose partition sum estimates that of all.

    certain: numbers of items that must be among them, int64, different. biases: (n,), of all items. samples: how many
    of the others are drawn. Returns their numbers, int64 (C,), rising, and what must be added to their scores, float32
    (C,): -log(chance of being drawn), so that with the scores s

        E[sum_C exp(s_i - log chance_i)] = sum_i exp(s_i)

    (the estimate of Horvitz & Thompson; for softmaxes Bengio & Senécal, IEEE TNN 2008, section III; Jean et al., ACL
    2015, section 3; Yi et al., RecSys 2019, eq. 4, whose log Q is the log of the chance here).

    The estimate varies least where the chance is in proportion to exp(s_i). All users share its factor exp(bias_i), so
    an item's chance follows that factor: on a grocer's 29,000 items 2,000 draws by it miss the log of the full sum by
    .010, even draws by .019. Equal biases give even draws. Items are drawn without replacement, each with exactly its
    chance, and always the same number of them (systematically from a shuffled list: Särndal et al., Model Assisted
    Survey Sampling, 1992, section 3.6).
    """
    n = len(biases)
    weights = torch.softmax(biases.detach().double(), 0)
    weights[certain] = 0.0
    chance = chances(weights, samples)
    order = torch.randperm(n, device=biases.device)
    ends = torch.cumsum(chance[order], 0)
    points = torch.arange(round(float(ends[-1])), device=biases.device) + torch.rand(1, device=biases.device)
    drawn = order[torch.searchsorted(ends, points.double()).clamp(max=n - 1)]
    chance[certain] = 1.0
    drawn = torch.unique(torch.cat([certain, drawn]))
    return drawn, -torch.log(chance[drawn]).float()


def chances(weights: Tensor, samples: int) -> Tensor:
    """Return chances in proportion to weights, (n,), float64, at most 1; they add up to `samples`.

    Where fewer than `samples` weights are above 0, each of those has chance 1.
    """
    sure = torch.zeros_like(weights, dtype=torch.bool)
    if samples >= int((weights > 0).sum()):
        return (weights > 0).double()
    while True:
        rest = torch.where(sure, 0.0, weights)
        chance = rest * ((samples - int(sure.sum())) / rest.sum())
        over = chance >= 1.0
        if not over.any():
            return torch.where(sure, 1.0, chance)
        sure |= over
