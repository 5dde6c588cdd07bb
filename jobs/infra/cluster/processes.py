"""The processes that fit a model together: processes on this machine, or tasks of Spark that run at the same time.

Each gets its rank and the torch device that it computes on: with a local master that of its rank where Spark has GPUs
to lend, on a cluster the GPU that Spark lent to the task. What the processes say to each other is their own affair.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import ModuleType
from typing import TYPE_CHECKING

from jobs.infra.receipts.tasks import add_device, measured
from jobs.infra.spark import is_local, task_device
from lookup.errors import DaybreakError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

END_SECONDS = 10.0
"""How long a killed process may take to end; one that waits for a disk ends later."""

Work = Callable[[int, str], None]
"""What each process does, given its rank and its torch device. It travels by pickle."""


def run_together(spark: "SparkSession", work: Work, count: int, again: str) -> None:
    """Run some processes at the same time, until all have ended.

    With a local master they are processes beside the driver. On a cluster each is a task. again: what a person does
    when one was killed, for the message. Raises DaybreakError when one of them ends early on this machine.
    """
    if is_local(spark.sparkContext.master):
        gpu = int(spark.conf.get("spark.executor.resource.gpu.amount", "0") or 0) > 0
        started = time.monotonic()
        run_here(work, count, gpu, again)
        if gpu:
            import torch

            add_device((time.monotonic() - started) * min(count, torch.cuda.device_count()))
        return

    def run(ranks: Iterator[int]) -> Iterator[int]:
        for rank in ranks:
            work(rank, task_device())
            yield rank

    spark.sparkContext.parallelize(range(count), count).barrier().mapPartitions(measured(run)).collect()


def run_here(work: Work, count: int, gpu: bool, again: str) -> None:
    """Run every process on this machine. gpu: compute on GPUs where torch finds them.

    Raises DaybreakError when one of them ends early; it has printed its error, and the others are killed.
    """
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_run, args=(rank, work, count, gpu), daemon=True) for rank in range(count)]
    try:
        with without_main():
            for process in started:
                process.start()
        while True:
            # Each is asked once a turn: one that was just killed may be gone a moment before it says how it ended.
            codes = [process.exitcode for process in started]
            if ended := next((code for code in codes if code), 0):
                raise DaybreakError(f"{_why(ended)}. {again}")
            if None not in codes:
                return
            wait([process.sentinel for process, code in zip(started, codes, strict=True) if code is None])
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


def _run(rank: int, work: Work, count: int, gpu: bool) -> None:
    """The main function of a process that `run_here` starts."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if count > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # each process has its own core
        for backend in ("GLOO", "NCCL"):
            os.environ[f"{backend}_SOCKET_IFNAME"] = _loopback()
    import torch

    on_gpu = gpu and torch.cuda.is_available()
    work(rank, f"cuda:{rank % torch.cuda.device_count()}" if on_gpu else "cpu")


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
        return f"signal {-code} killed a process of the fit" + (", perhaps for want of memory" if code == -9 else "")
    return f"a process of the fit ended with exit code {code}; its error stands above"
