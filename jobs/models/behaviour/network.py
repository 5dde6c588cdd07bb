"""The behaviour model in torch: item vectors, learned so that a user's past days predict the next.

Head h has a vector e_i of every item: its own, and those of its labels. With the fading m of
`lookup.scoring.user_encoder`,

    u_k = unit(sum_j m(t_k - t_j) s_j W)                   s_j: sum of w e over the events of day j
    P(i | u_k) = softmax_i(u_k . unit(e_i) / temperature + bias_i)

over all items; where people buy again (`repeat`), the score s of an item that the user had becomes, with its events j,

    kept s + repeat log(1 + sum_j w_j sum_k fading_k 2 ** (-(t - t_j) / half_life_k)) + item_repeat_i

of which item_repeat is learned. That the likes of a thing were liked says little of whether one takes it again, and a
model that has seen all takings overrates it: so kept and fading are settings. While it learns the model has a `repeat`
of its own, so that item_repeat is what the count leaves open; but that one explains single days, of short histories
too, and is too small where lists are made: there the setting counts.

Heads are fitted side by side, each with a loss of its own; a score is the mean of theirs.
Vectors of length 1 keep popular items from being long in every direction (as in Hou et al., SIGIR 2022, section 3.3).
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
"""Of a half-life at the start: what begins at nothing could not grow."""


@dataclass(frozen=True)
class TrainingBatch:
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
    """For every item to predict: which of the T targets, int64 (W,), rising."""
    wanted_item: Tensor
    """… which item, int64 (W,)."""
    wanted_share: Tensor
    """… and its share of that day, float32 (W,); the shares of a target add up to 1."""


class BehaviourModel(nn.Module):
    """Item vectors and biases by head, and the fading of events."""

    def __init__(self, popularity: Tensor, labels: "sp.csr_array", settings: TrainConfig):
        """Make an untrained model.

        popularity: events of each item, float32 (n,); the biases begin at its logarithm times `popularity`. labels:
        (n, L), as `Vocabulary.matrix` makes them.
        """
        super().__init__()
        heads, items, d = settings.heads, len(popularity), settings.dimensions
        self.own = nn.Parameter(torch.randn(heads, items, d) * settings.start)
        self.label = nn.Parameter(torch.randn(heads, labels.shape[1], d) * settings.start)
        self.map = nn.Parameter(torch.eye(d).repeat(heads, 1, 1))
        share = torch.log((popularity + 1.0) / (popularity + 1.0).sum())
        self.bias = nn.Parameter((settings.popularity * share).repeat(heads, 1))
        fading = torch.tensor(settings.fading)
        self.mix_logits = nn.Parameter(torch.log(fading / fading.sum() + LEAST_PART).repeat(heads, 1))
        self.repeat = nn.Parameter(torch.tensor(1.0))
        self.item_repeat = nn.Parameter(torch.zeros(items))
        self.register_buffer("fading", fading, persistent=False)
        self.register_buffer("rates", torch.tensor([math.log(2) / h if h else 0.0 for h in settings.half_lives]))
        # Not learned and no state, but they go to the device with the model.
        self.register_buffer("labels", _sparse(labels), persistent=False)
        self.register_buffer("items_of", _sparse(labels.T.tocsr()), persistent=False)
        self.settings = settings

    def mix(self) -> Tensor:
        """The parts of the fading, float32 (heads, H), positive, each head's adding up to 1."""
        return torch.softmax(self.mix_logits, 1)

    def item_vectors(self, head: int, items: Tensor | None = None, own: Tensor | None = None) -> Tensor:
        """e of items, (C, d). items: their numbers, int64 (C,); None: all. own: in place of their own vectors."""
        if items is None:
            labelled: Tensor = LabelSum.apply(self.labels, self.items_of, self.label[head])
            return labelled + (self.own[head] if own is None else own)
        first, after = self.labels.crow_indices()[items], self.labels.crow_indices()[items + 1]
        starts = torch.cumsum(after - first, 0) - (after - first)
        place = torch.repeat_interleave(first - starts, after - first)
        place = place + torch.arange(len(place), device=items.device)
        columns, values = self.labels.col_indices()[place], self.labels.values()[place]
        labelled = nn.functional.embedding_bag(columns, self.label[head], starts, mode="sum", per_sample_weights=values)
        return labelled + (self.own[head][items] if own is None else own)

    def user_vectors(self, head: int, e: Tensor, batch: TrainingBatch) -> Tensor:
        """The vectors before each target day, float32 (T, d). e: of the items that the batch numbers."""
        users, days = batch.days.shape
        weights, inputs = batch.weights, e[batch.items]
        if self.training:  # whole events drop out, so that no single one is relied on
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
        """What the items that a user had gain before each target day: target, rising, item, and value, (R,) each.

        item_repeat: of the items that the batch numbers.
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

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Mean cross-entropy of the target days, summed over the heads.

        In training with `samples`, over the items of the batch and others that stand for the rest; each step draws
        anew. Of T targets and n items, the T n products of a step become T C, and the vectors of n items those of C;
        the optimizer still passes over all n.
        """
        loss = batch.days.new_zeros(())
        items, raised = None, None
        if self.training and self.settings.samples:
            items, raised = candidates(torch.unique(batch.items), self.bias.mean(0), self.settings.samples)
            numbers = {name: torch.searchsorted(items, getattr(batch, name)) for name in ("items", "wanted_item")}
            batch = replace(batch, **numbers)
        again = self.repeated(batch, self.item_repeat[_some(items)]) if self.settings.repeat else None
        wanted = Wanted(batch.wanted_row, batch.wanted_item, batch.wanted_share)
        for head in range(self.settings.heads):
            own, bias = self.own[head][_some(items)], self.bias[head][_some(items)]
            if self.training and self.settings.own_dropout:  # then labels alone must do, as for items nobody had
                own = own * (torch.rand(len(own), 1, device=own.device) >= self.settings.own_dropout)
            e = self.item_vectors(head, items, own)
            y = nn.functional.normalize(e, dim=1) / self.settings.temperature
            bias = bias if raised is None else bias + raised
            u, terms = self.user_vectors(head, e, batch), again or (None, None, None)
            loss = loss + FullSoftmax.apply(u, y, bias, wanted, *terms, self.settings.kept)
        return loss / len(batch.targets)


def _some(items: Tensor | None) -> Tensor | slice:
    """As an index: those items, or all."""
    return slice(None) if items is None else items


class LabelSum(torch.autograd.Function):
    """A constant sparse matrix times a matrix, with a gradient for the latter."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, turned: Tensor, right: Tensor) -> Tensor:
        """left (n, m) and turned, its transpose (m, n), sparse; right (m, d)."""
        ctx.turned = turned
        return left @ right

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor]:
        """The gradient of `right`."""
        return None, None, ctx.turned @ grads[0]


def _sparse(matrix: "sp.csr_array") -> Tensor:
    parts = (matrix.indptr.astype("int64"), matrix.indices.astype("int64"), matrix.data)
    with warnings.catch_warnings():  # of torch, that its sparse matrices may not do all that others do
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(*map(torch.from_numpy, parts), size=matrix.shape, check_invariants=False)
