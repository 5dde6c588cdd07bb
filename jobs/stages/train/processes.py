"""What each of the processes runs that fit the behaviour model together.

They meet at a file, in a folder that only this user can read, and on a cluster at a port of the first one's machine.
They send each other gradients by gloo or NCCL. On one machine they do so on the loopback interface, and a single
process opens no port at all. Nothing that arrives over the network is unpickled.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from jobs.config.learning import TrainConfig
from jobs.infra.cluster.processes import barrier_store
from jobs.infra.storage.shipped import Shipped


class Fit(NamedTuple):
    """What every process of a fit is told."""

    sequences: Shipped
    """The folder of table `sequences`."""
    settings: TrainConfig
    meeting: Path | None
    """A file that does not exist yet, by which processes of one machine find each other; None: they are tasks."""


@contextmanager
def meeting_at(folder: Path) -> Iterator[Path]:
    """A path in a folder for the processes of a fit to meet at; what they leave there is removed."""
    path = folder / f".meeting-{uuid.uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def fit_process(rank: int, device: str, folder: Path, fit: Fit) -> None:
    """Run one process of a fit in this process.

    device: its torch device. folder: of the inputs, where rank 0 writes its numbers.
    """
    import torch
    import torch.distributed as dist

    from jobs.models.behaviour.fit import fit_files

    world, threads = fit.settings.processes, torch.get_num_threads()
    if world > 1:
        store = barrier_store(rank, world) if fit.meeting is None else dist.FileStore(str(fit.meeting), world)
        dist.init_process_group("nccl" if device != "cpu" else "gloo", store=store, rank=rank, world_size=world)
    elif device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    try:
        fit_files(sorted(fit.sequences.here().glob("*.parquet")), folder, fit.settings, device)
        if world > 1:
            dist.barrier()
    finally:
        torch.set_num_threads(threads)  # a worker of Spark goes on to other tasks
        if world > 1:
            dist.destroy_process_group()  # the others must not wait for one that failed
