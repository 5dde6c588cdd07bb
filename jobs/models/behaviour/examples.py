"""Users' histories as training reads them: from files, into batches for the encoder and examples for the followers.

Users are read one file at a time: memory does not grow with their number.
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

HELD = 0.5
"""In unordered data, the share of a user's items that the others must predict, drawn anew in each epoch."""
MOST_USERS = 200_000
"""The followers are fitted on so many users: more would only make memory grow."""
MOST_ITEMS = 100
"""… and on the newest items of a history."""


Some = tuple[NDArray[np.int64], NDArray[np.floating[Any]]]
"""Different items, as vocabulary numbers, and a number of each."""


@dataclass(frozen=True)
class TrainingHistory:
    """One user's events in order of days."""

    items: NDArray[np.int64]
    """Vocabulary numbers, shape (E,)."""
    days: NDArray[np.int64]
    """Days since 1970, shape (E,), rising."""
    weights: NDArray[np.float32]
    """Shape (E,)."""
    targets: NDArray[np.int64] | None = None
    """The days to predict; None: all but the first."""


def read_histories(file: Path, vocabulary: NDArray[np.int64]) -> list[TrainingHistory]:
    """The users of one file of the table `sequences`; vocabulary: the item row of every vocabulary number, rising."""
    table = pq.read_table(file, columns=["items", "days", "weights"])
    columns = [table.column(name).combine_chunks() for name in ("items", "days", "weights")]
    ends = columns[0].offsets.to_numpy()
    items, days, weights = (c.values.to_numpy(zero_copy_only=False) for c in columns)
    numbers = np.searchsorted(vocabulary, items)
    return [
        TrainingHistory(numbers[a:b], days[a:b].astype(np.int64), weights[a:b].astype(np.float32))
        for a, b in pairwise(ends)
    ]


def make_batch(
    histories: list[TrainingHistory], targets_per_user: int, rng: np.random.Generator
) -> TrainingBatch | None:
    """The days of some users, and a draw of the days to predict; None where no user has a second day."""
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
            items, share = wanted_of(history, inverse == day)
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


def wanted_of(
    history: TrainingHistory, day: NDArray[np.bool_] | slice
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The different items of some events of a history, and the sum of the weights of each."""
    items, at = np.unique(history.items[day], return_inverse=True)
    return items, np.bincount(at, weights=history.weights[day]).astype(np.float32)


def dealt(history: TrainingHistory, rng: np.random.Generator) -> TrainingHistory:
    """A history without an order, dealt at random onto two days, each with an event where there are two."""
    last = rng.random(len(history.items)) < HELD
    last[rng.permutation(len(last))[:2]] = [True, False][: len(last)]
    order = np.argsort(last, kind="stable")
    return TrainingHistory(history.items[order], last[order].astype(np.int64), history.weights[order])


def recent(
    histories: list[TrainingHistory], since: int, replay: float, rng: np.random.Generator, *, ordered: bool
) -> list[TrainingHistory]:
    """What a warm start learns from: the users with days to predict, each until the last of those.

    Predicted is every day from `since` (days since 1970) and, against forgetting, about `replay` older ones for each,
    drawn at random from all older days. Without an order users take the place of days: by their last event.
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
    """One epoch: files and the users of a file in random order, users of similar length together.

    read: the users of a file.
    """
    for place in rng.permutation(len(files)):
        histories = read(files[place])
        if not settings.ordered:
            histories = [dealt(h, rng) for h in histories]
        size = settings.users_per_batch
        # Days are padded to the longest user of a batch: sort by length, then shuffle the batches.
        order = np.argsort([len(np.unique(h.days)) + rng.random() for h in histories], kind="stable")
        groups = [order[a : a + size] for a in range(0, len(order), size)]
        for group in rng.permutation(len(groups)):
            batch = make_batch([histories[u] for u in groups[group]], settings.targets_per_user, rng)
            if batch is not None:
                yield batch


def examples(
    files: list[Path], vocabulary: NDArray[np.int64], settings: TrainConfig
) -> "tuple[sp.csr_array, sp.csr_array]":
    """What `jobs.models.item_transitions.fit` learns from: histories x and what came next y, each (examples, n),
    sparse.

    Ordered: the newest `targets_per_user` days of each user that have a day before them. Unordered: every user once, y
    like x; an item's own column must then be left out.
    """
    import scipy.sparse as sp

    parameters, users = transition_parameters(settings), 0
    had: list[Some] = []
    then: list[Some] = []
    for file in files:
        for history in read_histories(file, vocabulary):
            for before, wanted in _examples(history, parameters, settings):
                had.append(before)
                then.append(wanted)
            users += 1
        if users >= MOST_USERS:
            break

    def matrix(rows: list[Some]) -> sp.csr_array:
        nothing = np.zeros(0)
        return sp.csr_array(
            (
                np.concatenate([nothing, *(values for _, values in rows)]).astype(np.float32),
                np.concatenate([nothing, *(items for items, _ in rows)]).astype(np.int32),
                np.cumsum([0, *(len(items) for items, _ in rows)]),
            ),
            shape=(len(rows), len(vocabulary)),
        )

    return matrix(had), matrix(then)


def _examples(
    history: TrainingHistory, parameters: ScoreParameters, settings: TrainConfig
) -> Iterator[tuple[Some, Some]]:
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
        then, wanted = wanted_of(history, slice(start, end))
        if wanted.sum() > 0:
            yield (items[newest], shares[newest]), (then, wanted / wanted.sum())
