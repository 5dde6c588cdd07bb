"""Fitting the behaviour model. Each process of a fit runs `fit_files`.

Users are read one file at a time, so memory does not grow with their number.
"""

import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch.nn.parallel import DistributedDataParallel

from jobs.config.learning import TrainConfig
from jobs.infra.logging import Progress, log_line
from jobs.models import item_transitions
from jobs.models.behaviour import model_store
from jobs.models.behaviour.closed_form import adding
from jobs.models.behaviour.examples import TrainingHistory, batches, read_histories, recent, transition_examples
from jobs.models.behaviour.network import BehaviourModel, TrainingBatch
from jobs.models.behaviour.pretrained_start import PretrainedStart
from jobs.models.behaviour.warm_start import begin, warm_settings
from jobs.models.device import repeatable
from jobs.models.item_likeness import with_likeness
from jobs.models.item_transitions import FittedTransitions, Penalty

LAST = np.float32(-10_000.0)
"""What an item loses that must come after all others: far more than transitions add, yet float32 keeps the scores of
such items apart."""
REPEAT_RATE = 10.0
"""The few numbers of repeat purchases learn at this many times the learning rate of the vectors."""
MAX_NORM = 5.0
"""Longer gradients are cut to this length."""


After = Callable[[int, BehaviourModel], None]
"""Rank 0 calls it after every epoch with the epoch's number, from 1, and the model on the device. An error in it ends
the fit."""


def fit(
    files: list[Path],
    inputs: model_store.Inputs,
    settings: TrainConfig,
    device: str,
    checkpoint: Path | None = None,
    *,
    start: model_store.Start | None = None,
    pretrained: PretrainedStart | None = None,
    untrained: BehaviourModel | None = None,
    after: After | None = None,
) -> tuple[BehaviourModel, list[float]]:
    """Fit the model in this process, together with the other processes of the group where there is one.

    Every process reads its share of the files. `DistributedDataParallel` averages the gradients, so all processes hold
    the same model. One process alone needs neither a group nor the wrapper.

    checkpoint: a file that rank 0 writes after every epoch. If it exists and belongs to the same settings and data, the
    fit continues from it, to the same result. start: an older model to begin with; the fit then learns only from users
    with new days, and from a replay of older days. pretrained: what another shop learned, to begin with. untrained: a
    model of these items to fit, instead of a new one.

    Returns the model on the CPU and the mean loss (nats, summed over heads) of every epoch.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    model = (_untrained(inputs, settings, start, pretrained) if untrained is None else untrained).to(device)
    own_files = files[rank::world]
    users = sum(pq.read_metadata(f).num_rows for f in files)
    if not users and pretrained is not None:
        return model.eval().cpu(), []

    def read(file: Path) -> list[TrainingHistory]:
        histories = read_histories(file, inputs.rows)
        if start is None:
            return histories
        rng = np.random.default_rng([settings.seed, start.since, files.index(file)])
        return recent(histories, start.since, settings.replay, rng, ordered=settings.ordered)

    sizes = [pq.read_metadata(f).num_rows if start is None else len(read(f)) for f in own_files]
    steps = _steps(sizes, settings, world, device)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, settings.epochs * steps)
    if rank == 0:
        items, attributes = inputs.attributes.shape
        log_line(
            "train",
            "fit",
            items=items,
            attributes=attributes,
            users=users,
            processes=world,
            steps=settings.epochs * steps,
        )
    begun = start.digest if start else pretrained.digest if pretrained else None
    key = [inputs.digest, begun, users, steps, sorted(vars(settings).items())]  # the same in every process
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    losses = resume(checkpoint, key, parts) if checkpoint else []
    trained = model if world == 1 else _data_parallel(model)
    progress = Progress("train", "progress", settings.epochs * steps)
    for epoch in range(len(losses), settings.epochs):
        # Each epoch seeds its own draws: a fit that continues from a checkpoint draws what it would have drawn.
        torch.manual_seed((settings.seed * 1000 + epoch) * 1000 + rank)
        rng = np.random.default_rng([settings.seed, epoch, rank])
        model.train()
        started, total, seen = time.monotonic(), 0.0, 0
        stream = batches(own_files, read, settings, rng)
        for step, batch in enumerate(islice(chain(stream, repeat(None)), steps), epoch * steps + 1):
            optimizer.zero_grad()
            if batch is not None or world > 1:  # a process that has run out of users still takes part in the average
                loss = trained(batch and _to(batch, device))
                loss.backward()
                targets = len(batch.targets) if batch else 0
                total, seen = total + float(loss.detach()) * targets, seen + targets
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
            optimizer.step()
            schedule.step()
            if rank == 0:
                progress.at(step, epoch=epoch + 1)
        total, seen = _sum_over_processes(total, seen, world, device)
        losses.append(total / max(seen, 1))
        if rank == 0:
            log_line("train", "epoch", n=epoch + 1, loss=losses[-1], targets=seen, seconds=time.monotonic() - started)
            if checkpoint:
                save(checkpoint, key, losses, parts)
            if after:
                after(epoch + 1, model.eval())
    return model.eval().cpu(), losses


def save(checkpoint: Path, key: list[Any], losses: list[float], parts: dict[str, Any]) -> None:
    """Write a checkpoint of some parts (model, optimizer, …), whole or not at all."""
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"key": key, "losses": losses, **states}, checkpoint.with_suffix(".new"))
    checkpoint.with_suffix(".new").replace(checkpoint)


def resume(checkpoint: Path, key: list[Any], parts: dict[str, Any]) -> list[float]:
    """Load a checkpoint of the same key into the parts, if there is one; returns the losses of its epochs.

    A file that is no checkpoint counts as none; code in it does not run.
    """
    if not checkpoint.exists():
        return []
    try:
        state = torch.load(checkpoint, weights_only=True)
        known = state["key"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        log_line("train", "checkpoint ignored", file=checkpoint, why=str(error).partition("\n")[0])
        return []
    if known != key:
        return []
    for name, part in parts.items():
        part.load_state_dict(state[name])
    losses: list[float] = state["losses"]
    log_line("train", "resumed", epochs=len(losses))
    return losses


def _untrained(
    inputs: model_store.Inputs,
    settings: TrainConfig,
    start: model_store.Start | None,
    pretrained: PretrainedStart | None,
) -> BehaviourModel:
    torch.manual_seed(settings.seed)  # every process begins with the same numbers
    popularity = torch.from_numpy(inputs.events.astype(np.float32))
    model = BehaviourModel(popularity, inputs.attributes, settings)
    if start is not None:
        begin(model, start, inputs.events)
    elif pretrained is not None:
        pretrained.begin(model)
    return model


def _data_parallel(model: BehaviourModel) -> DistributedDataParallel:
    """Wrap the model so that `backward` averages gradients over the processes.

    Buffers are constants, the same in every process; the sparse ones cannot be broadcast.
    """
    return DistributedDataParallel(model, broadcast_buffers=False, gradient_as_bucket_view=True)


def _steps(sizes: list[int], settings: TrainConfig, world: int, device: str) -> int:
    """Return the steps of an epoch: those of the process with the most. sizes: users of each file of this process."""
    steps = sum(-(-size // settings.users_per_batch) for size in sizes)
    if world == 1:
        return steps
    most = torch.tensor(steps, device=device)
    dist.all_reduce(most, dist.ReduceOp.MAX)
    return int(most)


def _sum_over_processes(total: float, seen: int, world: int, device: str) -> tuple[float, int]:
    both = torch.tensor([total, seen], dtype=torch.float64, device=device)
    if world > 1:
        dist.all_reduce(both)
    return float(both[0]), int(both[1])


def parameter_groups(model: BehaviourModel, settings: TrainConfig) -> list[dict[str, Any]]:
    """Return the parameters by learning rate.

    The numbers of repeat purchases learn faster. They are sums, not directions, so no weight decay pulls them to 0.
    """
    repeats = [model.repeat, model.item_repeat]
    others = [one for one in model.parameters() if all(one is not own for own in repeats)]
    rate = settings.learning_rate
    return [
        {"params": others, "lr": rate, "weight_decay": settings.weight_decay},
        {"params": repeats, "lr": rate * REPEAT_RATE, "weight_decay": 0.0},
    ]


def _to(batch: TrainingBatch, device: str) -> TrainingBatch:
    return TrainingBatch(**{name: tensor.to(device) for name, tensor in vars(batch).items()})


def fit_files(
    files: list[Path], folder: Path, settings: TrainConfig, device: str, after: After | None = None
) -> list[float]:
    """Fit the network and the item transitions from files of table `sequences` and the folder's INPUTS.

    A START in the folder makes it a warm start. PRETRAINED makes another shop's model the
    beginning, and items without events then have numbers as well. Rank 0 writes FITTED and WEIGHTS to the folder.

    Returns the mean loss of every epoch; none where there is nothing to learn from.
    """
    inputs = model_store.Inputs.read(folder)
    start = model_store.Start.read(folder) if (folder / model_store.START).exists() else None
    pretrained = PretrainedStart.read(folder)
    if start is not None:
        settings = warm_settings(settings)
    if pretrained is None:
        seen, known = None, inputs
    else:
        seen = np.flatnonzero(inputs.events)
        known = inputs.of(seen)

    def whole(model: BehaviourModel) -> BehaviourModel:
        return model if pretrained is None or seen is None else pretrained.with_unseen(model, inputs, seen)

    def after_epoch(epoch: int, model: BehaviourModel) -> None:
        if after is not None:
            after(epoch, whole(model))

    with repeatable(device):
        model, losses = fit(
            files,
            known,
            settings,
            device,
            folder / model_store.CHECKPOINT,
            start=start,
            pretrained=None if pretrained is None or seen is None else pretrained.of_items(seen),
            after=after_epoch if after else None,
        )
    if pretrained is not None and not losses:
        settings = replace(settings, follow=0.0, follow_alike=max(settings.follow_alike, pretrained.alike))
    if not dist.is_initialized() or dist.get_rank() == 0:
        model = whole(model)
        fitted = fitted_numbers(model) | fit_transitions(files, inputs, settings, start, seen)
        fitted = adding.joined(fitted, files, inputs.rows, settings)
        weights = {name: one.detach().numpy() for name, one in model.named_parameters()}
        np.savez(folder / model_store.WEIGHTS, **weights)
        np.savez(folder / model_store.FITTED, **fitted, losses=np.asarray(losses))
    return losses


def fitted_numbers(model: BehaviourModel) -> dict[str, Any]:
    """Return the fitted numbers of a model, float32.

    x, y: the behaviour parts of the release's item vectors, (n, heads * d). bias: (n,). mix: (heads, H). label: the
    vectors of attributes, (heads, L, d). maps: (heads, d, d). item_repeat: (n,).
    """
    with torch.no_grad():
        heads = range(model.settings.heads)
        e = [model.item_vectors(head) for head in heads]
        bias = model.bias.mean(0)
        repeats = model.item_repeat - (1.0 - model.settings.kept) * bias.mean()
        return {
            "x": torch.cat([e[head] @ model.map[head] for head in heads], 1).numpy(),
            "y": torch.cat([scoring_vectors(e[head], model.settings) for head in heads], 1).numpy(),
            "bias": (bias - bias.mean()).numpy(),
            "mix": model.mix().numpy(),
            "item_repeat": repeats.numpy() if model.settings.repeat else np.full(len(repeats), LAST),
            "label": model.label.numpy(),
            "maps": model.map.numpy(),
        }


def fit_transitions(
    files: list[Path],
    inputs: model_store.Inputs,
    settings: TrainConfig,
    start: model_store.Start | None = None,
    seen: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return next_item (int32) and next_weight (float32), (n, N) each: each item's next items and what they gain.

    next_item holds item numbers. A start that brings item transitions along saves work: only the transitions to items
    with events since then are fitted anew. seen: the items with events; None: all.
    """
    found = item_transitions.empty(len(inputs.rows))
    if settings.follow > 0.0:
        fitted = _fitted_transitions(files, inputs if seen is None else inputs.of(seen), settings, start)
        if seen is not None:
            fitted = fitted.among(seen, len(inputs.rows))
        found = FittedTransitions(fitted.items, fitted.weights * np.float32(settings.follow))
    if settings.follow_alike > 0.0:
        found = with_likeness(found, inputs.attributes, settings.follow_alike)
    return {"next_item": found.items, "next_weight": found.weights}


def _fitted_transitions(
    files: list[Path], inputs: model_store.Inputs, settings: TrainConfig, start: model_store.Start | None
) -> FittedTransitions:
    started = time.monotonic()
    x, y = transition_examples(files, inputs.rows, settings)
    penalty, threads = Penalty(settings.follow_ridge, settings.follow_shrink), torch.get_num_threads()
    if start is None or not len(start.next_item):
        found = item_transitions.fit(x, y, penalty, itself=settings.ordered, threads=threads)
    else:
        histories = (history for file in files for history in read_histories(file, inputs.rows))
        changed = np.zeros(len(inputs.rows), dtype=bool)
        for history in histories:
            changed[history.items[history.days >= start.since]] = True
        old = FittedTransitions(start.next_item, start.next_weight)
        found = item_transitions.refit(
            old, x, y, penalty, np.flatnonzero(changed), itself=settings.ordered, threads=threads
        )
    log_line("train", "transitions", pairs=int((found.items >= 0).sum()), seconds=time.monotonic() - started)
    return found


def scoring_vectors(e: torch.Tensor, settings: TrainConfig) -> torch.Tensor:
    """Return a head's part of the vectors that score items, (n, d): a score is then the mean of the heads' scores."""
    return torch.nn.functional.normalize(e, dim=1) / (settings.temperature * settings.heads)
