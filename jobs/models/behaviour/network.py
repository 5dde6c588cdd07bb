"""The behaviour model in torch: item vectors, learned so that a user's past days predict the next.

Head h has a vector e_i of every item: the item's own vector plus those of its attributes. With the fading m of
`lookup.scoring.user_encoder`,

    u_k = unit(sum_j m(t_k - t_j) s_j W)                   s_j: sum of w e over the events of day j
    P(i | u_k) = softmax_i(u_k . unit(e_i) / temperature + bias_i)

over all items. Where people buy again (`repeat`), an item in the user's history has another score. With s the score
above and j the events of the item, it is

    kept s + repeat log(1 + sum_j w_j sum_k fading_k 2 ** (-(t - t_j) / half_life_k)) + item_repeat_i

Only item_repeat goes from the fit into this formula; `kept` and `fading` are settings. Similar items in the history say
little about whether a user takes an item again, and a model that has seen all events overrates them. The network learns
a `repeat` of its own, so that item_repeat is what the count leaves open. That number explains single days, of short
histories too, and is too small when lists are made; so lists use the setting, or the odds that
`closed_form.repeat_odds` fits on top of item_repeat.

Heads are fitted side by side, each with a loss of its own; a score is the mean of theirs.
Vectors of length 1 keep popular items from being long in every direction (as in Hou et al., SIGIR 2022, section 3.3).

The stored name of the vectors of attributes is `label`.
"""

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.softmax import FullSoftmax, Wanted, candidates

if TYPE_CHECKING:
    import scipy.sparse as sp


LEAST_PART = 1e-3
"""The least part that a half-life begins with: a part of 0 could not grow."""


@dataclass(frozen=True)
class TrainingBatch:
    """The days of B users, padded to S days a user."""

    items: Tensor
    """The item number of every event, int64 (E,)."""
    places: Tensor
    """user * S + day of every event, int64 (E,)."""
    weights: Tensor
    """The weight of every event, float32 (E,)."""
    days: Tensor
    """Day number of every user's days, float32 (B, S), rising; padded with the last."""
    targets: Tensor
    """user * S + day of the days to predict, int64 (T,)."""
    wanted_row: Tensor
    """The target, of T, of every item to predict, int64 (W,), rising."""
    wanted_item: Tensor
    """The number of every item to predict, int64 (W,)."""
    wanted_share: Tensor
    """The share of every item to predict in its day, float32 (W,); the shares of a target add up to 1."""


class BehaviourModel(nn.Module):
    """Item vectors and biases by head, and the fading of events."""

    def __init__(self, popularity: Tensor, attributes: "sp.csr_array", settings: TrainConfig):
        """Make an untrained model.

        popularity: events of each item, float32 (n,); the biases begin at the logarithm of an item's share of them,
        times `settings.popularity`. attributes: (n, L), as `Vocabulary.matrix` makes them.
        """
        super().__init__()
        heads, items, d = settings.heads, len(popularity), settings.dimensions
        self.own = nn.Parameter(torch.randn(heads, items, d) * settings.start)
        self.label = nn.Parameter(torch.randn(heads, attributes.shape[1], d) * settings.start)
        self.map = nn.Parameter(torch.eye(d).repeat(heads, 1, 1))
        share = torch.log((popularity + 1.0) / (popularity + 1.0).sum())
        self.bias = nn.Parameter((settings.popularity * share).repeat(heads, 1))
        fading = torch.tensor(settings.fading)
        self.mix_logits = nn.Parameter(torch.log(fading / fading.sum() + LEAST_PART).repeat(heads, 1))
        # Without repeats the loss does not depend on these two, and `DistributedDataParallel` would wait for gradients.
        self.repeat = nn.Parameter(torch.tensor(1.0), requires_grad=settings.repeat > 0)
        self.item_repeat = nn.Parameter(torch.zeros(items), requires_grad=settings.repeat > 0)
        self.register_buffer("fading", fading, persistent=False)
        self.register_buffer("rates", torch.tensor([math.log(2) / h if h else 0.0 for h in settings.half_lives]))
        # These are constants and not part of the state, but they go to the device with the model.
        self.register_buffer("attributes", _sparse(attributes), persistent=False)
        self.register_buffer("items_of", _sparse(attributes.T.tocsr()), persistent=False)
        self.settings = settings

    def mix(self) -> Tensor:
        """Return the parts of the half-lives, float32 (heads, H), positive; those of a head add up to 1."""
        return torch.softmax(self.mix_logits, 1)

    def item_vectors(self, head: int, items: Tensor | None = None, own: Tensor | None = None) -> Tensor:
        """Return e of items, (C, d). items: their numbers, int64 (C,); None: all. own: replaces their own vectors."""
        if items is None:
            summed: Tensor = AttributeSum.apply(self.attributes, self.items_of, self.label[head])
            return summed + (self.own[head] if own is None else own)
        first, after = self.attributes.crow_indices()[items], self.attributes.crow_indices()[items + 1]
        starts = torch.cumsum(after - first, 0) - (after - first)
        place = torch.repeat_interleave(first - starts, after - first)
        place = place + torch.arange(len(place), device=items.device)
        columns, values = self.attributes.col_indices()[place], self.attributes.values()[place]
        summed = nn.functional.embedding_bag(columns, self.label[head], starts, mode="sum", per_sample_weights=values)
        return summed + (self.own[head][items] if own is None else own)

    def user_vectors(self, head: int, e: Tensor, batch: TrainingBatch) -> Tensor:
        """Return each user's vector before each target day, float32 (T, d). e: of the items that the batch numbers."""
        users, days = batch.days.shape
        weights, inputs = batch.weights, e[batch.items]
        if self.training:  # whole events drop out, so that the model relies on no single one
            weights = weights * (torch.rand_like(weights) >= self.settings.event_dropout)
            inputs = nn.functional.dropout(inputs, self.settings.input_dropout)
        sums = e.new_zeros(users * days, e.shape[1])
        sums = sums.index_add(0, batch.places, inputs * weights[:, None]).view(users, days, -1)
        age = batch.days[:, :, None] - batch.days[:, None, :]
        fading = torch.exp(-age.clamp(min=0)[..., None] * self.rates) @ self.mix()[head]
        fading = torch.tril(fading, diagonal=-1)
        vectors = (fading @ sums).view(users * days, -1)[batch.targets] @ self.map[head]
        return nn.functional.normalize(vectors, dim=1)

    def repeated(self, batch: TrainingBatch, item_repeat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the items of a user's history gain before each target day: targets, items and values, (R,) each.

        Targets rise. item_repeat: of the items that the batch numbers.
        """
        users, days = batch.days.shape
        of_user, day = batch.places // days, batch.places % days
        # Every pair of a target and an earlier event of its user.
        by_user = torch.argsort(of_user, stable=True)
        ends = torch.searchsorted(of_user[by_user].contiguous(), torch.arange(users + 1, device=of_user.device))
        first, count = ends[batch.targets // days], ends.diff()[batch.targets // days]
        target = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
        place = torch.arange(len(target), device=count.device) - (count.cumsum(0) - count)[target] + first[target]
        event = by_user[place]
        earlier = day[event] < (batch.targets % days)[target]
        target, event = target[earlier], event[earlier]
        age = batch.days.view(-1)[batch.targets[target]] - batch.days.view(-1)[batch.places[event]]
        left = (torch.exp(-age[:, None] * self.rates) @ self.fading) * batch.weights[event]
        size = len(item_repeat)
        pair, at = torch.unique(target * size + batch.items[event], return_inverse=True)
        total = left.new_zeros(len(pair)).index_add(0, at, left)
        item = pair % size
        return pair // size, item, self.repeat * torch.log1p(total) + item_repeat[item]

    def forward(self, batch: TrainingBatch | None) -> Tensor:
        """Return the `loss` of a batch. None: return 0, whose gradient is 0 for every parameter.

        A process that has run out of users passes None, so that it still takes part in the average of the gradients.
        """
        if batch is not None:
            return self.loss(batch)
        return torch.stack([one.sum() for one in self.parameters() if one.requires_grad]).sum() * 0.0

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Return the mean cross-entropy of the target days, summed over the heads.

        In training with `samples`, the cross-entropy is over the items of the batch and a sample that stands for the
        rest; each step draws anew. Of T targets and n items, the T n products of a step become T C, and the vectors of
        n items those of C. The optimizer still passes over all n.
        """
        loss = batch.days.new_zeros(())
        items, correction = None, None
        if self.training and self.settings.samples:
            items, correction = candidates(torch.unique(batch.items), self.bias.mean(0), self.settings.samples)
            numbers = {name: torch.searchsorted(items, getattr(batch, name)) for name in ("items", "wanted_item")}
            batch = replace(batch, **numbers)
        repeats = self.repeated(batch, self.item_repeat[_index(items)]) if self.settings.repeat else None
        wanted = Wanted(batch.wanted_row, batch.wanted_item, batch.wanted_share)
        for head in range(self.settings.heads):
            own, bias = self.own[head][_index(items)], self.bias[head][_index(items)]
            if self.training and self.settings.own_dropout:  # attributes alone must do then, as for new items
                own = own * (torch.rand(len(own), 1, device=own.device) >= self.settings.own_dropout)
            e = self.item_vectors(head, items, own)
            y = nn.functional.normalize(e, dim=1) / self.settings.temperature
            bias = bias if correction is None else bias + correction
            u, terms = self.user_vectors(head, e, batch), repeats or (None, None, None)
            loss = loss + FullSoftmax.apply(u, y, bias, wanted, *terms, self.settings.kept)
        return loss / len(batch.targets)


def _index(items: Tensor | None) -> Tensor | slice:
    """Return an index of some items; None: of all."""
    return slice(None) if items is None else items


class AttributeSum(torch.autograd.Function):
    """A constant sparse matrix times a dense one, with a gradient for the dense one."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, turned: Tensor, right: Tensor) -> Tensor:
        """Return left @ right. left: sparse, (n, m). turned: its transpose, (m, n). right: (m, d)."""
        ctx.turned = turned
        return left @ right

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor]:
        """Return the gradient of `right`."""
        return None, None, ctx.turned @ grads[0]


def _sparse(matrix: "sp.csr_array") -> Tensor:
    parts = (matrix.indptr.astype("int64"), matrix.indices.astype("int64"), matrix.data)
    with warnings.catch_warnings():  # torch warns that its sparse matrices are in beta
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(*map(torch.from_numpy, parts), size=matrix.shape, check_invariants=False)
