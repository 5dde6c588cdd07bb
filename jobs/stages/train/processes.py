"""What each of the processes runs that fit the behaviour model together.

They meet at a file, in a folder that only this user can read, and send each other gradients by gloo or NCCL. On one
machine they do so on the loopback interface, and a single process opens no port at all. Nothing that arrives over the
network is unpickled.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from jobs.config.learning import TrainConfig


class Fit(NamedTuple):
    """What every process of a fit is told."""

    sequences: Path
    """The folder of table `sequences`."""
    folder: Path
    """The folder of the inputs, where rank 0 writes its numbers."""
    settings: TrainConfig
    meeting: Path
    """A file that does not exist yet; the processes find each other by it. All must see it, on one machine or many."""


@contextmanager
def meeting_at(folder: Path) -> Iterator[Path]:
    """A path in a folder for the processes of a fit to meet at; what they leave there is removed."""
    path = folder / f".meeting-{uuid.uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def fit_process(rank: int, device: str, fit: Fit) -> None:
    """Run one process of a fit in this process. device: its torch device."""
    import torch
    import torch.distributed as dist

    from jobs.models.behaviour.fit import fit_files

    world, threads = fit.settings.processes, torch.get_num_threads()
    if world > 1:
        store = dist.FileStore(str(fit.meeting), world)
        dist.init_process_group("nccl" if device != "cpu" else "gloo", store=store, rank=rank, world_size=world)
    elif device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    try:
        fit_files(sorted(fit.sequences.glob("*.parquet")), fit.folder, fit.settings, device)
        if world > 1:
            dist.barrier()
    finally:
        torch.set_num_threads(threads)  # a worker of Spark goes on to other tasks
        if world > 1:
            dist.destroy_process_group()  # the others must not wait for one that failed
