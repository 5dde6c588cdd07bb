"""The processes that fit the behaviour model together: what each runs, and how they are started on this machine.

They meet at a file, in a folder that only this user can read, and send each other gradients by gloo or NCCL. On one
machine they do so on the loopback interface, and a single process opens no port at all. Nothing that arrives over the
network is unpickled.
"""

import multiprocessing
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from jobs.config.learning import TrainConfig
from lookup.errors import DaybreakError

END_SECONDS = 10.0
"""How long a killed process may take to end; one that waits for a disk ends later."""


class Fit(NamedTuple):
    """What every process of a fit is told."""

    sequences: Path
    """The folder of table `sequences`."""
    folder: Path
    """The folder of the inputs, where rank 0 writes its numbers."""
    settings: TrainConfig
    meeting: Path
    """A file that does not exist yet; the processes find each other by it. All must see it, on one machine or many."""
    gpu: bool
    """Compute on GPUs where torch finds them."""


@contextmanager
def meeting_at(folder: Path) -> Iterator[Path]:
    """A path in a folder for the processes of a fit to meet at; what they leave there is removed."""
    path = folder / f".meeting-{uuid.uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def fit_process(rank: int, fit: Fit, device: str) -> None:
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


def fit_here(fit: Fit) -> None:
    """Run every process of a fit on this machine.

    Raises DaybreakError when one of them ends early; it has printed its error, and the others are killed.
    """
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_run, args=(rank, fit), daemon=True) for rank in range(fit.settings.processes)]
    try:
        with without_main():
            for process in started:
                process.start()
        while running := [process for process in started if process.exitcode is None]:
            wait([process.sentinel for process in running])
            ended = next((process.exitcode for process in started if process.exitcode), None)
            if ended is not None:
                raise DaybreakError(_why(ended))
    finally:
        for process in started:
            if process.pid is not None:
                process.kill()
                process.join(END_SECONDS)


@contextmanager
def without_main() -> Iterator[None]:
    """Hide the program that runs the night while processes start: each would import it, and so run the night again,
    where it is a script without `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _run(rank: int, fit: Fit) -> None:
    """The main function of a process that `fit_here` starts."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if fit.settings.processes > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # each process has its own core
        for backend in ("GLOO", "NCCL"):
            os.environ[f"{backend}_SOCKET_IFNAME"] = _loopback()
    import torch

    on_gpu = fit.gpu and torch.cuda.is_available()
    fit_process(rank, fit, f"cuda:{rank % torch.cuda.device_count()}" if on_gpu else "cpu")


def _end_with_parent() -> None:
    """End this process when the driver is gone, even after kill -9."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _loopback() -> str:
    """The name of the interface that has the address 127.0.0.1."""
    import psutil

    names = [name for name, found in psutil.net_if_addrs().items() if any(one.address == "127.0.0.1" for one in found)]
    if not names:
        raise DaybreakError("no network interface has the address 127.0.0.1, which train.processes > 1 needs")
    return names[0]


def _why(code: int) -> str:
    if code < 0:
        why = f"signal {-code} killed a process of the fit" + (", perhaps for want of memory" if code == -9 else "")
    else:
        why = f"a process of the fit ended with exit code {code}; its error stands above"
    return f"{why}. `daybreak job train` goes on from the last epoch"
