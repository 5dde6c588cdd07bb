"""What training reads: users' histories, the batches of the network and the examples of the item transitions.

Users are read one file at a time, so memory does not grow with their number. An item is named by its number in the
model: its place among the item rows that training saw.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.encoding import transition_parameters
from jobs.models.behaviour.network import TrainingBatch
from lookup.scoring.score_parameters import ScoreParameters

if TYPE_CHECKING:
    import scipy.sparse as sp

PREDICTED_SHARE = 0.5
"""In unordered data: the share of a user's items that the other items predict. Each epoch draws it anew."""
MOST_USERS = 200_000
"""Item transitions are fitted on at most this many users; more users only need more memory."""
MOST_ITEMS = 100
"""Item transitions are fitted on at most this many of the newest items of a history."""


ItemWeights = tuple[NDArray[np.int64], NDArray[np.floating[Any]]]
"""Different items, by their numbers in the model, and a number for each."""


@dataclass(frozen=True)
class TrainingHistory:
    """The events of one user, in order of days."""

    items: NDArray[np.int64]
    """Item numbers, shape (E,)."""
    days: NDArray[np.int64]
    """Days since 1970, shape (E,), rising."""
    weights: NDArray[np.float32]
    """Shape (E,)."""
    targets: NDArray[np.int64] | None = None
    """The days to predict; None: all but the first."""


def read_histories(file: Path, rows: NDArray[np.int64]) -> list[TrainingHistory]:
    """Read the users of one file of the table `sequences`. rows: the item row of every item number, rising."""
    table = pq.read_table(file, columns=["items", "days", "weights"])
    columns = [table.column(name).combine_chunks() for name in ("items", "days", "weights")]
    ends = columns[0].offsets.to_numpy()
    items, days, weights = (c.values.to_numpy(zero_copy_only=False) for c in columns)
    numbers = np.searchsorted(rows, items)
    return [
        TrainingHistory(numbers[a:b], days[a:b].astype(np.int64), weights[a:b].astype(np.float32))
        for a, b in pairwise(ends)
    ]


def make_batch(
    histories: list[TrainingHistory], targets_per_user: int, rng: np.random.Generator
) -> TrainingBatch | None:
    """Make a batch of some users and of the days to predict, which are drawn; None where no user has a second day."""
    places, days, wanted = [], [], []
    targets: list[int] = []
    distinct = [np.unique(h.days, return_inverse=True) for h in histories]
    longest = max(len(d) for d, _ in distinct)
    for user, (history, (values, inverse)) in enumerate(zip(histories, distinct, strict=True)):
        place = user * longest + inverse
        places.append(place)
        days.append(np.pad(values, (0, longest - len(values)), mode="edge"))
        later = np.arange(1, len(values))
        if history.targets is not None:
            later = later[np.isin(values[1:], history.targets)]
        for day in rng.choice(later, min(targets_per_user, len(later)), replace=False):
            items, share = item_weights(history, inverse == day)
            if share.sum() > 0:
                wanted.append((np.full(len(items), len(targets)), items, share / share.sum()))
                targets.append(user * longest + day)
    if not targets:
        return None
    rows, items, shares = (torch.from_numpy(np.concatenate(part)) for part in zip(*wanted, strict=True))
    return TrainingBatch(
        items=torch.from_numpy(np.concatenate([h.items for h in histories])),
        places=torch.from_numpy(np.concatenate(places)),
        weights=torch.from_numpy(np.concatenate([h.weights for h in histories])),
        days=torch.from_numpy(np.stack(days).astype(np.float32)),
        targets=torch.from_numpy(np.asarray(targets, dtype=np.int64)),
        wanted_row=rows.long(),
        wanted_item=items.long(),
        wanted_share=shares.float(),
    )


def item_weights(
    history: TrainingHistory, events: NDArray[np.bool_] | slice
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the different items of some events of a history, and the sum of the weights of each."""
    items, at = np.unique(history.items[events], return_inverse=True)
    return items, np.bincount(at, weights=history.weights[events]).astype(np.float32)


def split_at_random(history: TrainingHistory, rng: np.random.Generator) -> TrainingHistory:
    """Put the events of an unordered history onto two days at random; two events or more leave no day empty."""
    last = rng.random(len(history.items)) < PREDICTED_SHARE
    last[rng.permutation(len(last))[:2]] = [True, False][: len(last)]
    order = np.argsort(last, kind="stable")
    return TrainingHistory(history.items[order], last[order].astype(np.int64), history.weights[order])


def recent(
    histories: list[TrainingHistory], since: int, replay: float, rng: np.random.Generator, *, ordered: bool
) -> list[TrainingHistory]:
    """Select what a warm start learns from: users with days to predict, each history cut after the last such day.

    The fit predicts every day from `since` (days since 1970). Against forgetting it also predicts about `replay` older
    days for each new one, drawn at random from all older days. In unordered data users take the place of days: the
    last event of a user counts.
    """
    days = [np.unique(h.days)[1:] if ordered else h.days[-1:] for h in histories]
    new = sum(int((own >= since).sum()) for own in days)
    old = sum(map(len, days)) - new
    chosen = [own[(own >= since) | (rng.random(len(own)) * old < replay * new)] for own in days]
    return [
        TrainingHistory(h.items[:end], h.days[:end], h.weights[:end], own)
        for h, own in zip(histories, chosen, strict=True)
        if len(own)
        for end in [np.searchsorted(h.days, own[-1], side="right")]
    ]


def batches(
    files: list[Path], read: Callable[[Path], list[TrainingHistory]], settings: TrainConfig, rng: np.random.Generator
) -> Iterator[TrainingBatch]:
    """Yield the batches of one epoch. Files and the users of a file come in random order.

    read: reads the users of a file. Users with histories of similar length share a batch.
    """
    for place in rng.permutation(len(files)):
        histories = read(files[place])
        if not settings.ordered:
            histories = [split_at_random(h, rng) for h in histories]
        size = settings.users_per_batch
        # Days are padded to the longest user of a batch: sort by length, then shuffle the batches.
        order = np.argsort([len(np.unique(h.days)) + rng.random() for h in histories], kind="stable")
        groups = [order[a : a + size] for a in range(0, len(order), size)]
        for group in rng.permutation(len(groups)):
            batch = make_batch([histories[u] for u in groups[group]], settings.targets_per_user, rng)
            if batch is not None:
                yield batch


def transition_examples(
    files: list[Path], rows: NDArray[np.int64], settings: TrainConfig
) -> "tuple[sp.csr_array, sp.csr_array]":
    """Make what `jobs.models.item_transitions.fit` learns from: histories x and the next items y, (examples, n) each.

    Both are float32 and sparse. rows: as in `read_histories`. Ordered data give an example for each of the newest
    `targets_per_user` days of a user that have a day before them. Unordered data give one example for each user, in
    which y has the items of x; the fit must then leave out an item's own column.
    """
    import scipy.sparse as sp

    parameters, users = transition_parameters(settings), 0
    before: list[ItemWeights] = []
    after: list[ItemWeights] = []
    for file in files:
        for history in read_histories(file, rows):
            for x, y in _user_examples(history, parameters, settings):
                before.append(x)
                after.append(y)
            users += 1
        if users >= MOST_USERS:
            break

    def matrix(parts: list[ItemWeights]) -> sp.csr_array:
        nothing = np.zeros(0)
        return sp.csr_array(
            (
                np.concatenate([nothing, *(values for _, values in parts)]).astype(np.float32),
                np.concatenate([nothing, *(items for items, _ in parts)]).astype(np.int32),
                np.cumsum([0, *(len(items) for items, _ in parts)]),
            ),
            shape=(len(parts), len(rows)),
        )

    return matrix(before), matrix(after)


def _user_examples(
    history: TrainingHistory, parameters: ScoreParameters, settings: TrainConfig
) -> Iterator[tuple[ItemWeights, ItemWeights]]:
    if not settings.ordered:
        items = np.unique(history.items)
        once = np.ones(len(items))
        yield (items, parameters.transition_shares(0 * once, once)), (items, once)
        return
    starts = np.flatnonzero(np.diff(history.days)) + 1
    bounds = np.append(starts, len(history.days))[-settings.targets_per_user - 1 :]
    for start, end in pairwise(bounds.tolist()):
        ages, weights = history.days[start] - history.days[:start], history.weights[:start].astype(np.float64)
        items, place = np.unique(history.items[:start], return_inverse=True)
        shares = np.bincount(place, weights=parameters.transition_shares(ages.astype(np.float64), weights)).astype(
            np.float32
        )
        newest = np.argsort(-shares, kind="stable")[:MOST_ITEMS]
        next_items, wanted = item_weights(history, slice(start, end))
        if wanted.sum() > 0:
            yield (items[newest], shares[newest]), (next_items, wanted / wanted.sum())
