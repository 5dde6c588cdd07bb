"""Fitting the behaviour model: what each process of `TorchDistributor` runs. Torch and numpy, no Spark.

Users are read from files, one file at a time: memory does not grow with their number.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from jobs.config import Train
from jobs.log import Progress, event
from jobs.train.model import Batch, BehaviourModel


@dataclass(frozen=True)
class History:
    """One user's events in order of days."""

    items: NDArray[np.int64]
    """Vocabulary numbers, shape (E,)."""
    days: NDArray[np.int64]
    """Days since 1970, shape (E,), rising."""
    weights: NDArray[np.float32]
    """Shape (E,)."""


def read_histories(file: Path, vocabulary: NDArray[np.int64]) -> list[History]:
    """The users of one file of the table `sequences`; vocabulary: the item row of every vocabulary number, rising."""
    table = pq.read_table(file, columns=["items", "days", "weights"])
    columns = [table.column(name).combine_chunks() for name in ("items", "days", "weights")]
    ends = columns[0].offsets.to_numpy()
    items, days, weights = (c.values.to_numpy(zero_copy_only=False) for c in columns)
    numbers = np.searchsorted(vocabulary, items)
    return [
        History(numbers[a:b], days[a:b].astype(np.int64), weights[a:b].astype(np.float32)) for a, b in pairwise(ends)
    ]


def make_batch(histories: list[History], targets_per_user: int, rng: np.random.Generator) -> Batch | None:
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
        for day in rng.choice(later, min(targets_per_user, len(later)), replace=False):
            mine = inverse == day
            items, at = np.unique(history.items[mine], return_inverse=True)
            share = np.bincount(at, weights=history.weights[mine]).astype(np.float32)
            if share.sum() > 0:
                wanted.append((np.full(len(items), len(targets)), items, share / share.sum()))
                targets.append(user * longest + day)
    if not targets:
        return None
    rows, items, shares = (torch.from_numpy(np.concatenate(part)) for part in zip(*wanted, strict=True))
    return Batch(
        items=torch.from_numpy(np.concatenate([h.items for h in histories])),
        places=torch.from_numpy(np.concatenate(places)),
        weights=torch.from_numpy(np.concatenate([h.weights for h in histories])),
        days=torch.from_numpy(np.stack(days).astype(np.float32)),
        targets=torch.from_numpy(np.asarray(targets, dtype=np.int64)),
        wanted_row=rows.long(),
        wanted_item=items.long(),
        wanted_share=shares.float(),
    )


def batches(
    files: list[Path], vocabulary: NDArray[np.int64], settings: Train, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch: files and the users of a file in random order, users of similar length together."""
    for place in rng.permutation(len(files)):
        histories = read_histories(files[place], vocabulary)
        size = settings.users_per_batch
        # Days are padded to the longest user of a batch: sort by length, then shuffle the batches.
        order = np.argsort([len(np.unique(h.days)) + rng.random() for h in histories], kind="stable")
        groups = [order[a : a + size] for a in range(0, len(order), size)]
        for group in rng.permutation(len(groups)):
            batch = make_batch([histories[u] for u in groups[group]], settings.targets_per_user, rng)
            if batch is not None:
                yield batch


def fit(
    files: list[Path], vocabulary: NDArray[np.int64], popularity: NDArray[np.float32], settings: Train, device: str
) -> tuple[BehaviourModel, list[float]]:
    """Fit the model in this process, together with the other processes of the group where there is one.

    vocabulary: item rows, int64 (n,), rising; popularity: events of each, float32 (n,). Every process takes its share
    of the files; gradients are averaged over the processes, so that all hold the same model. Returns the model on the
    CPU and the mean loss (nats) of every epoch.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    torch.manual_seed(settings.seed)  # the same start everywhere
    model = BehaviourModel(torch.from_numpy(popularity), settings.dimensions, settings.half_lives, settings.dropout).to(
        device
    )
    mine = files[rank::world]
    users = sum(pq.read_metadata(f).num_rows for f in mine)
    steps = _steps(mine, settings, world)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, settings.epochs * steps)
    torch.manual_seed(settings.seed + 1 + rank)
    rng = np.random.default_rng([settings.seed, rank])
    if rank == 0:
        event("train", "fit", items=len(vocabulary), users=users, processes=world, steps=settings.epochs * steps)
    losses = []
    progress = Progress("train", "progress", settings.epochs * steps)
    for epoch in range(settings.epochs):
        model.train()
        started, total, seen = time.monotonic(), 0.0, 0
        stream = batches(mine, vocabulary, settings, rng)
        for step in range(steps):
            batch = next(stream, None)
            optimizer.zero_grad()
            if batch is not None:
                loss = model.loss(_to(batch, device))
                loss.backward()
                total, seen = total + float(loss.detach()) * len(batch.targets), seen + len(batch.targets)
            _average_gradients(model, world)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if rank == 0:
                progress.at(epoch * steps + step + 1, epoch=epoch + 1)
        total, seen = _together(total, seen, world)
        losses.append(total / max(seen, 1))
        if rank == 0:
            event("train", "epoch", n=epoch + 1, loss=losses[-1], targets=seen, seconds=time.monotonic() - started)
    return model.eval().cpu(), losses


def _steps(files: list[Path], settings: Train, world: int) -> int:
    """Steps of an epoch: those of the process with the most users, so that all take the same number."""
    steps: int = sum(-(-pq.read_metadata(f).num_rows // settings.users_per_batch) for f in files)
    if world == 1:
        return steps
    most = torch.tensor(steps)
    dist.all_reduce(most, dist.ReduceOp.MAX)
    return int(most)


def _together(total: float, seen: int, world: int) -> tuple[float, int]:
    """The sums over all processes."""
    both = torch.tensor([total, seen], dtype=torch.float64)
    if world > 1:
        dist.all_reduce(both)
    return float(both[0]), int(both[1])


def _average_gradients(model: BehaviourModel, world: int) -> None:
    if world == 1:
        return
    for parameter in model.parameters():
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        dist.all_reduce(gradient)
        parameter.grad = gradient / world


def _to(batch: Batch, device: str) -> Batch:
    return Batch(**{name: tensor.to(device) for name, tensor in vars(batch).items()})


def save(model: BehaviourModel, losses: list[float], path: Path) -> None:
    """Write the fitted numbers as one .npz file."""
    arrays: dict[str, Any] = {
        "x": model.x.detach().numpy(),
        "y": model.y.detach().numpy(),
        "bias": model.bias.detach().numpy(),
        "mix": model.mix().detach().numpy(),
        "power": model.power().detach().numpy(),
        "losses": np.asarray(losses),
    }
    np.savez(path, **arrays)
