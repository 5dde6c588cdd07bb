"""Contrastive fine-tuning of a text model: a text comes nearer to its item than to all others.

With s = q . x / temperature, the loss of a pair is -log softmax of its own item over the items of the batch and the
hard negatives of all its pairs (InfoNCE: van den Oord et al., "Representation learning with contrastive predictive
coding", 2018; with the other pairs of a batch as negatives: Henderson et al., "Efficient natural language response
suggestion", 2017). A hard negative is an item that the model ranks high for a text without being asked for. Those that
score nearly as high as the asked item are passed over, for they may be right, too (Moreira et al., "NV-Retriever",
2024).
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.infra.logging import Progress, log_line
from jobs.models.content.text_encoder import TextEncoder
from jobs.models.device import native_bfloat16
from jobs.models.text_encoder_training.held_out import BLOCK, Change, Matrix, better, changes, reciprocal_ranks, split
from jobs.models.text_encoder_training.pairs import Pair

JOB = "train_text"
MINED = 30
"""Of so many first items hard negatives are drawn."""
NEAR = 0.95
"""An item with more than this share of the asked item's score is no negative."""
WARM_UP = 0.1
"""The share of the training in which the learning rate rises."""
MAX_NORM = 1.0

Right = Mapping[str, set[int]]
"""The rows of items that are no negatives of a query."""


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
    seconds: float = float("inf")
    """Of all of it, measuring included. Training ends early where it would take longer."""
    seed: int = 0


class FineTuned(NamedTuple):
    """What came of it."""

    changes: list[Change]
    """Over all held-out queries, and over those of each source."""
    kept: bool
    losses: list[float]
    """Mean loss of every epoch, in nats."""
    taught: int
    """Pairs that were learned from, counted in every epoch."""

    @property
    def before(self) -> float:
        """The mean reciprocal rank over held-out queries before training."""
        return self.changes[0].before

    @property
    def after(self) -> float:
        """The same after training, whether the model was kept or not."""
        return self.changes[0].after

    @property
    def low(self) -> float:
        """The lower end of the interval of the difference."""
        return self.changes[0].low


def fine_tune(
    encoder: TextEncoder, items: Sequence[str], pairs: Sequence[Pair], settings: FineTuneSettings | None = None
) -> FineTuned:
    """Fine-tune the model of an encoder in place, on its device, and restore it where it did not become better.

    encoder: in float32; products are in bfloat16 where its device has it. items: the texts of all items, by row.
    pairs: of texts and items.

    It is better where the mean reciprocal rank of asked items over held-out queries rises, with the interval of the
    paired difference above zero, and falls for certain for the queries of no source. A query is either held out or
    learned from, with all its pairs.

    Raises ValueError for an encoder in another precision, and for fewer than two different queries.
    """
    settings = settings or FineTuneSettings()
    if encoder.dtype != torch.float32:
        raise ValueError(f"a text model is fine-tuned in float32, not in {encoder.dtype}")
    started = time.monotonic()
    taught, apart = split(pairs, settings.held_out)
    weights = {name: value.detach().clone() for name, value in encoder.model.state_dict().items()}
    with quick(encoder):
        vectors = encoder.encode(items)
        before = reciprocal_ranks(encoder, vectors, apart)
    measuring = time.monotonic() - started
    log_line(JOB, "measured", queries=len({pair.query for pair in apart}), mrr=before.mean(), seconds=measuring)
    losses, count = _fit(encoder, items, vectors, taught, settings, until=started + settings.seconds - measuring)
    with quick(encoder):
        after = reciprocal_ranks(encoder, encoder.encode(items), apart)
    found = changes(apart, before, after)
    kept = better(found)
    if not kept:
        encoder.model.load_state_dict(weights)
    return FineTuned(found, kept, losses, count)


@contextmanager
def quick(encoder: TextEncoder) -> Iterator[None]:
    """Compute products in bfloat16 where the device has it; weights and sums stay in float32.

    torch keeps the rounded weights until the block ends, so that no block may change them.
    """
    with torch.autocast(encoder.device.type, torch.bfloat16, enabled=native_bfloat16(encoder.device)):
        yield


def no_negatives(pairs: Sequence[Pair]) -> Right:
    """Return for each query the rows of all items that it asks for, and of that whose title it is."""
    right: defaultdict[str, set[int]] = defaultdict(set)
    for pair in pairs:
        right[pair.query] |= {pair.item} if pair.own < 0 else {pair.item, pair.own}
    return right


def mine(
    encoder: TextEncoder, vectors: Matrix, pairs: Sequence[Pair], right: Right | None = None
) -> list[NDArray[np.int64]]:
    """Return for each pair the rows of items that are ranked high without being asked for; perhaps none.

    vectors: of the items.
    """
    right = no_negatives(pairs) if right is None else right
    asked = encoder.encode([pair.query for pair in pairs])
    first = min(MINED, len(vectors))
    mined = []
    for start in range(0, len(pairs), BLOCK):
        some = pairs[start : start + BLOCK]
        scores = asked[start : start + BLOCK] @ vectors.T
        highest = np.argpartition(-scores, first - 1, axis=1)[:, :first]
        for row, best, pair in zip(scores, highest, some, strict=True):
            near = best[row[best] <= NEAR * row[pair.item]]
            mined.append(np.sort(near[~np.isin(near, list(right[pair.query]))]))
    return mined


def _fit(
    encoder: TextEncoder,
    items: Sequence[str],
    vectors: Matrix,
    pairs: Sequence[Pair],
    settings: FineTuneSettings,
    *,
    until: float,
) -> tuple[list[float], int]:
    """Train; returns the mean loss of every epoch and the number of pairs. until: when to end, of the monotonic clock.

    The learning rate rises and then falls to 0, over the steps or over the time, whichever ends first.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    right = no_negatives(pairs)
    none = np.zeros(0, dtype=np.int64)
    with quick(encoder):
        mined = mine(encoder, vectors, pairs, right) if settings.negatives else [none] * len(pairs)
    optimiser = torch.optim.AdamW(encoder.model.parameters(), lr=settings.learning_rate)
    steps = settings.epochs * -(-len(pairs) // settings.batch)
    progress, started, step, count = Progress(JOB, "pairs", settings.epochs * len(pairs)), time.monotonic(), 0, 0
    allowed = until - started
    losses = []
    for _ in range(settings.epochs):
        total, seen = 0.0, 0
        order = rng.permutation(len(pairs))
        for start in range(0, len(order), settings.batch):
            gone = time.monotonic() - started
            if gone >= allowed:
                break
            share = max(step / steps, gone / allowed)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * min(1.0, (share + 1 / steps) / WARM_UP, 1 - share)
            places = order[start : start + settings.batch]
            batch = [pairs[place] for place in places]
            hard = [row for place in places for row in rng.permutation(mined[place])[: settings.negatives]]
            with quick(encoder):
                loss = batch_loss(encoder, items, batch, hard, settings.temperature, right=right)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.model.parameters(), MAX_NORM)
            optimiser.step()
            step, seen, total = step + 1, seen + len(batch), total + float(loss.detach()) * len(batch)
            progress.at(count + seen, loss=total / seen)
        count += seen
        if seen:
            losses.append(total / seen)
        if seen < len(pairs):
            log_line(JOB, "time is up", pairs=count, of=settings.epochs * len(pairs), seconds=settings.seconds)
            break
    return losses, count


def batch_loss(
    encoder: TextEncoder,
    items: Sequence[str],
    batch: Sequence[Pair],
    hard: Sequence[int],
    temperature: float,
    *,
    right: Right | None = None,
) -> torch.Tensor:
    """Return the mean loss of the pairs of a batch.

    hard: rows of items that are nobody's here, or somebody else's. right: by default what the batch asks for.
    """
    right = no_negatives(batch) if right is None else right
    rows = sorted({pair.item for pair in batch} | set(hard))
    place = {row: n for n, row in enumerate(rows)}
    asked = encoder.vectors([pair.query for pair in batch])
    scores = asked @ encoder.vectors([items[row] for row in rows]).T
    scores = scores.float() / temperature
    own = torch.tensor([place[pair.item] for pair in batch], device=scores.device)
    hidden = torch.zeros(scores.shape, dtype=torch.bool)
    for n, pair in enumerate(batch):
        hidden[n, [place[row] for row in right[pair.query] if row in place and row != pair.item]] = True
    return torch.nn.functional.cross_entropy(scores.masked_fill(hidden.to(scores.device), float("-inf")), own)
