"""Contrastive fine-tuning of a text model: a text comes nearer to its item than to all others.

With s = q . x / temperature, the loss of a pair is -log softmax of its own item over the items of the batch and the
hard negatives of all its pairs (InfoNCE: van den Oord et al., "Representation learning with contrastive predictive
coding", 2018; with the other pairs of a batch as negatives: Henderson et al., "Efficient natural language response
suggestion", 2017). A hard negative is an item that the model ranks high for a text without being asked for. Those that
score nearly as high as the asked item are passed over, for they may be right, too (Moreira et al., "NV-Retriever",
2024).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.models.content.text_encoder import TextEncoder
from jobs.models.text_encoder_training.pairs import Pair

MINED = 30
"""Of so many first items hard negatives are drawn."""
NEAR = 0.95
"""An item with more than this share of the asked item's score is no negative."""
SURE = 1.96
"""Standard errors that an improvement must be above zero: a two-sided interval of 95 %."""
BLOCK = 256
MAX_NORM = 1.0

Ranks = NDArray[np.float64]


class FineTuneSettings(NamedTuple):
    """How a text model is fine-tuned."""

    epochs: int = 1
    learning_rate: float = 2e-5
    batch: int = 32
    """Pairs of a step."""
    temperature: float = 0.05
    negatives: int = 1
    """Hard negatives for each pair."""
    held_out: float = 0.1
    """The share of different queries that training does not see."""
    seed: int = 0


class FineTuned(NamedTuple):
    """What came of it: mean reciprocal ranks over held-out pairs."""

    before: float
    after: float
    low: float
    """The lower end of the interval of the difference."""
    kept: bool
    losses: list[float]
    """Mean loss of every epoch, in nats."""


def fine_tune(
    encoder: TextEncoder, items: Sequence[str], pairs: Sequence[Pair], settings: FineTuneSettings | None = None
) -> FineTuned:
    """Fine-tune the model of an encoder in place, on its device, and restore it where it did not become better.

    encoder: in float32. items: the texts of all items, by row. pairs: of texts and items.

    It is better where the mean reciprocal rank of asked items over held-out queries rises, with the interval of the
    paired difference above zero. A query is either held out or learned from, with all its pairs.

    Raises ValueError for an encoder in another precision, and for fewer than two different queries.
    """
    settings = settings or FineTuneSettings()
    if encoder.dtype != torch.float32:
        raise ValueError(f"a text model is fine-tuned in float32, not in {encoder.dtype}")
    taught, apart = split(pairs, settings)
    weights = {name: value.detach().clone() for name, value in encoder.model.state_dict().items()}
    before = reciprocal_ranks(encoder, items, apart)
    losses = _fit(encoder, items, taught, settings)
    after = reciprocal_ranks(encoder, items, apart)
    gain = after - before
    error = float(gain.std(ddof=1)) / len(gain) ** 0.5 if len(gain) > 1 else float("inf")
    low = float(gain.mean()) - SURE * error
    if not low > 0:
        encoder.model.load_state_dict(weights)
    return FineTuned(float(before.mean()), float(after.mean()), low, low > 0, losses)


def split(pairs: Sequence[Pair], settings: FineTuneSettings) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to learn from, and those of the held-out queries.

    Raises ValueError for fewer than two different queries.
    """
    queries = sorted({pair.query for pair in pairs})
    if len(queries) < 2:
        raise ValueError(
            f"fine-tuning needs two different queries, one of them to be held out; there are {len(queries)}"
        )
    count = min(max(1, round(settings.held_out * len(queries))), len(queries) - 1)
    drawn = np.random.default_rng(settings.seed).permutation(len(queries))[:count]
    apart = {queries[place] for place in drawn}
    return [pair for pair in pairs if pair.query not in apart], [pair for pair in pairs if pair.query in apart]


def reciprocal_ranks(encoder: TextEncoder, items: Sequence[str], pairs: Sequence[Pair]) -> Ranks:
    """Return 1 / rank of the asked item among all items for each pair, float64 (n,); of equal scores the worst rank."""
    asked, vectors = encoder.encode([pair.query for pair in pairs]), encoder.encode(items)
    own = np.array([pair.item for pair in pairs])
    found = []
    for start in range(0, len(pairs), BLOCK):
        scores = asked[start : start + BLOCK] @ vectors.T
        wanted = np.take_along_axis(scores, own[start : start + BLOCK, None], axis=1)
        found.append(1.0 / (scores >= wanted).sum(axis=1))
    return np.concatenate(found)


def mine(encoder: TextEncoder, items: Sequence[str], pairs: Sequence[Pair]) -> list[NDArray[np.int64]]:
    """Return for each pair the rows of items that are ranked high without being asked for; perhaps none."""
    asked, vectors = encoder.encode([pair.query for pair in pairs]), encoder.encode(items)
    right: defaultdict[str, list[int]] = defaultdict(list)
    for pair in pairs:
        right[pair.query].append(pair.item)
    first = min(MINED, len(items))
    mined = []
    for query, pair in zip(asked, pairs, strict=True):
        scores = vectors @ query
        best = np.argpartition(-scores, first - 1)[:first]
        best = best[scores[best] <= NEAR * scores[pair.item]]
        mined.append(np.sort(best[~np.isin(best, right[pair.query])]))
    return mined


def _fit(encoder: TextEncoder, items: Sequence[str], pairs: Sequence[Pair], settings: FineTuneSettings) -> list[float]:
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    mined = mine(encoder, items, pairs) if settings.negatives else [np.zeros(0, dtype=np.int64)] * len(pairs)
    optimiser = torch.optim.AdamW(encoder.model.parameters(), lr=settings.learning_rate)
    steps = settings.epochs * -(-len(pairs) // settings.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, 10 * (step + 1) / steps, 1 - step / steps)
    )
    losses = []
    for _ in range(settings.epochs):
        total = 0.0
        order = rng.permutation(len(pairs))
        for start in range(0, len(order), settings.batch):
            places = order[start : start + settings.batch]
            batch = [pairs[place] for place in places]
            hard = [row for place in places for row in rng.permutation(mined[place])[: settings.negatives]]
            loss = batch_loss(encoder, items, batch, hard, settings.temperature)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.model.parameters(), MAX_NORM)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(pairs))
    return losses


def batch_loss(
    encoder: TextEncoder, items: Sequence[str], batch: Sequence[Pair], hard: Sequence[int], temperature: float
) -> torch.Tensor:
    """Return the mean loss of the pairs of a batch. hard: rows of items that are nobody's here, or somebody else's."""
    rows = sorted({pair.item for pair in batch} | set(hard))
    place = {row: n for n, row in enumerate(rows)}
    asked = encoder.vectors([pair.query for pair in batch])
    scores = asked @ encoder.vectors([items[row] for row in rows]).T / temperature
    own = torch.tensor([place[pair.item] for pair in batch], device=scores.device)
    # Another item that the same query asks for in this batch is no negative.
    same = defaultdict(set)
    for pair in batch:
        same[pair.query].add(place[pair.item])
    hidden = torch.zeros(scores.shape, dtype=torch.bool)
    for n, pair in enumerate(batch):
        hidden[n, sorted(same[pair.query] - {place[pair.item]})] = True
    return torch.nn.functional.cross_entropy(scores.masked_fill(hidden.to(scores.device), float("-inf")), own)
