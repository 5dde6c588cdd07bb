"""Fitting the behaviour model: what each process of `TorchDistributor` runs. Torch and numpy, no Spark.

Users are read from files, one file at a time: memory does not grow with their number.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.distributed as dist

from jobs.config.learning import TrainConfig
from jobs.infra.logging import Progress, log_line
from jobs.models import item_transitions as followers
from jobs.models.behaviour import model_store as store
from jobs.models.behaviour import warm_start as warm
from jobs.models.behaviour.examples import TrainingHistory, batches, examples, read_histories, recent
from jobs.models.behaviour.network import BehaviourModel, TrainingBatch

LAST = np.float32(-10_000.0)
"""What an item loses that must come after all others: far more than followers give, yet float32 keeps scores apart."""
QUICK = 10.0
"""The few numbers that say how people repeat learn so much faster than vectors: each step must move them further."""
MAX_NORM = 5.0
"""Of the gradient of a step; larger ones are cut to it."""


After = Callable[[int, BehaviourModel], None]
"""What rank 0 calls after every epoch, with its number, from 1, and the model on the device; an error ends the fit."""


def fit(
    files: list[Path],
    inputs: store.Inputs,
    settings: TrainConfig,
    device: str,
    checkpoint: Path | None = None,
    *,
    start: store.Start | None = None,
    after: After | None = None,
) -> tuple[BehaviourModel, list[float]]:
    """Fit the model in this process, together with the other processes of the group where there is one.

    Every process takes its share of the files; gradients are averaged over the processes, so that all hold the same
    model.
    checkpoint: a file that rank 0 writes after every epoch; where it is there already, of the same settings and data,
    the fit goes on from it, to the same result.
    start: an older model to begin as, of whose users only those with new days, and a replay of older days, are learned
    from.
    Returns the model on the CPU and the mean loss (nats, summed over heads) of every epoch.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    torch.manual_seed(settings.seed)  # the same start everywhere
    popularity = torch.from_numpy(inputs.events.astype(np.float32))
    model = BehaviourModel(popularity, inputs.labels, settings)
    if start is not None:
        warm.begin(model, start, inputs.events)
    model.to(device)
    mine = files[rank::world]
    users = sum(pq.read_metadata(f).num_rows for f in files)

    def read(file: Path) -> list[TrainingHistory]:
        histories = read_histories(file, inputs.rows)
        if start is None:
            return histories
        rng = np.random.default_rng([settings.seed, start.since, files.index(file)])
        return recent(histories, start.since, settings.replay, rng, ordered=settings.ordered)

    sizes = [pq.read_metadata(f).num_rows if start is None else len(read(f)) for f in mine]
    steps = _steps(sizes, settings, world, device)
    optimizer = torch.optim.AdamW(groups(model, settings))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, settings.epochs * steps)
    if rank == 0:
        log_line(
            "train",
            "fit",
            items=len(inputs.rows),
            labels=inputs.labels.shape[1],
            users=users,
            processes=world,
            steps=settings.epochs * steps,
        )
    begun = start.digest if start else None
    key = [inputs.digest, begun, users, steps, sorted(vars(settings).items())]  # the same in every process
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    losses = resume(checkpoint, key, parts) if checkpoint else []
    progress = Progress("train", "progress", settings.epochs * steps)
    for epoch in range(len(losses), settings.epochs):
        # Numbers of an epoch's own: a fit that goes on from a checkpoint draws what it would have drawn.
        torch.manual_seed((settings.seed * 1000 + epoch) * 1000 + rank)
        rng = np.random.default_rng([settings.seed, epoch, rank])
        model.train()
        started, total, seen = time.monotonic(), 0.0, 0
        stream = batches(mine, read, settings, rng)
        for step in range(steps):
            batch = next(stream, None)
            optimizer.zero_grad()
            if batch is not None:
                loss = model.loss(_to(batch, device))
                loss.backward()
                total, seen = total + float(loss.detach()) * len(batch.targets), seen + len(batch.targets)
            _average_gradients(model, world)
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
            optimizer.step()
            schedule.step()
            if rank == 0:
                progress.at(epoch * steps + step + 1, epoch=epoch + 1)
        total, seen = _together(total, seen, world, device)
        losses.append(total / max(seen, 1))
        if rank == 0:
            log_line("train", "epoch", n=epoch + 1, loss=losses[-1], targets=seen, seconds=time.monotonic() - started)
            if checkpoint:
                keep(checkpoint, key, losses, parts)
            if after:
                after(epoch + 1, model.eval())
    return model.eval().cpu(), losses


def keep(checkpoint: Path, key: list[Any], losses: list[float], parts: dict[str, Any]) -> None:
    """Write a checkpoint of some parts (model, optimizer, …), whole or not at all."""
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"key": key, "losses": losses, **states}, checkpoint.with_suffix(".new"))
    checkpoint.with_suffix(".new").replace(checkpoint)


def resume(checkpoint: Path, key: list[Any], parts: dict[str, Any]) -> list[float]:
    """Take up a checkpoint of the same key, if there is one; returns the losses of the epochs that are done."""
    if not checkpoint.exists():
        return []
    state = torch.load(checkpoint, weights_only=True)
    if state["key"] != key:
        return []
    for name, part in parts.items():
        part.load_state_dict(state[name])
    losses: list[float] = state["losses"]
    log_line("train", "resumed", epochs=len(losses))
    return losses


def _steps(sizes: list[int], settings: TrainConfig, world: int, device: str) -> int:
    """Steps of an epoch: those of the process with the most, so that all take the same number. sizes: users a file."""
    steps = sum(-(-size // settings.users_per_batch) for size in sizes)
    if world == 1:
        return steps
    most = torch.tensor(steps, device=device)
    dist.all_reduce(most, dist.ReduceOp.MAX)
    return int(most)


def _together(total: float, seen: int, world: int, device: str) -> tuple[float, int]:
    """The sums over all processes."""
    both = torch.tensor([total, seen], dtype=torch.float64, device=device)
    if world > 1:
        dist.all_reduce(both)
    return float(both[0]), int(both[1])


def groups(model: BehaviourModel, settings: TrainConfig) -> list[dict[str, Any]]:
    """The parameters by their learning rates. The few quick ones are sums, not directions: nothing pulls them to 0."""
    quick = [model.repeat, model.item_repeat]
    others = [one for one in model.parameters() if all(one is not own for own in quick)]
    rate = settings.learning_rate
    return [
        {"params": others, "lr": rate, "weight_decay": settings.weight_decay},
        {"params": quick, "lr": rate * QUICK, "weight_decay": 0.0},
    ]


def _average_gradients(model: BehaviourModel, world: int) -> None:
    if world == 1:
        return
    for parameter in model.parameters():
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        dist.all_reduce(gradient)
        parameter.grad = gradient / world


def _to(batch: TrainingBatch, device: str) -> TrainingBatch:
    return TrainingBatch(**{name: tensor.to(device) for name, tensor in vars(batch).items()})


def fit_files(
    files: list[Path], folder: Path, settings: TrainConfig, device: str, after: After | None = None
) -> list[float]:
    """Fit encoder and followers from files of table `sequences` and the folder's INPUTS; where there is a START, from
    that. Rank 0 writes FITTED and WEIGHTS there.

    Returns the mean loss of every epoch.
    """
    inputs = store.Inputs.read(folder)
    start = store.Start.read(folder) if (folder / store.START).exists() else None
    if start is not None:
        settings = warm.settings_of(settings)
    model, losses = fit(files, inputs, settings, device, folder / store.CHECKPOINT, start=start, after=after)
    if not dist.is_initialized() or dist.get_rank() == 0:
        found = numbers(model) | follow(files, inputs, settings, start)
        np.savez(folder / store.WEIGHTS, **{name: one.detach().numpy() for name, one in model.named_parameters()})
        np.savez(folder / store.FITTED, **found, losses=np.asarray(losses))
    return losses


def numbers(model: BehaviourModel) -> dict[str, Any]:
    """The fitted numbers of a model.

    x, y: what goes into a release, (n, heads * d); bias (n,); mix (heads, H); label: of each label, (heads, L, d);
    maps: (heads, d, d).
    """
    with torch.no_grad():
        heads = range(model.settings.heads)
        e = [model.item_vectors(head) for head in heads]
        bias = model.bias.mean(0)
        again = model.item_repeat - (1.0 - model.settings.kept) * bias.mean()
        return {
            "x": torch.cat([e[head] @ model.map[head] for head in heads], 1).numpy(),
            "y": torch.cat([scored(e[head], model.settings) for head in heads], 1).numpy(),
            "bias": (bias - bias.mean()).numpy(),
            "mix": model.mix().numpy(),
            "item_repeat": again.numpy() if model.settings.repeat else np.full(len(again), LAST),
            "label": model.label.numpy(),
            "maps": model.map.numpy(),
        }


def follow(
    files: list[Path], inputs: store.Inputs, settings: TrainConfig, start: store.Start | None = None
) -> dict[str, Any]:
    """next_item and next_weight, (n, N): the followers of every item, as item numbers, and what they add to a score.

    With a start whose followers can be kept, only what leads to items that were taken since is fitted anew.
    """
    if settings.follow == 0.0:
        nobody = followers.nobody(len(inputs.rows))
        return {"next_item": nobody.items, "next_weight": nobody.weights}
    started = time.monotonic()
    x, y = examples(files, inputs.rows, settings)
    penalty = followers.Penalty(settings.follow_ridge, settings.follow_shrink)
    if start is None or not len(start.next_item):
        found = followers.fit(x, y, penalty, itself=settings.ordered)
    else:
        histories = (history for file in files for history in read_histories(file, inputs.rows))
        changed = np.zeros(len(inputs.rows), dtype=bool)
        for history in histories:
            changed[history.items[history.days >= start.since]] = True
        old = followers.FittedTransitions(start.next_item, start.next_weight)
        found = followers.refit(old, x, y, penalty, np.flatnonzero(changed), itself=settings.ordered)
    log_line("train", "followers", pairs=int((found.items >= 0).sum()), seconds=time.monotonic() - started)
    return {"next_item": found.items, "next_weight": found.weights * np.float32(settings.follow)}


def scored(e: torch.Tensor, settings: TrainConfig) -> torch.Tensor:
    """The part of a head in the vector that scores an item, (n, d), so that the product is the mean of the heads'."""
    return torch.nn.functional.normalize(e, dim=1) / (settings.temperature * settings.heads)
