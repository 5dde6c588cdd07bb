"""The processes that fit a model together: processes on this machine, or tasks of Spark that run at the same time.

Each gets its rank, the torch device that it computes on, and the folder of the fit: with a local master the device of
its rank where Spark has GPUs to lend, on a cluster the GPU that Spark lent to the task. Where the executors do not see
the folder, each has a copy, and what is made there comes back through Spark.
"""

import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from jobs.infra.receipts.tasks import add_device, measured
from jobs.infra.spark import is_local, task_device
from jobs.infra.storage.shipped import Shipped, shipped
from lookup.errors import DaybreakError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from torch.distributed import TCPStore

END_SECONDS = 10.0
"""How long a killed process may take to end; one that waits for a disk ends later."""

Work = Callable[[int, str, Path], None]
"""What each process does, given its rank, its torch device and the folder of the fit. It travels by pickle."""
FILE_ROWS = "name string, part int, bytes binary"
"""How files come back from executors: a row for each PART bytes."""
PART = 8 * 2**20


def run_together(
    spark: "SparkSession", work: Work, count: int, *, folder: Path, made: Sequence[str], again: str
) -> None:
    """Run some processes at the same time, until all have ended.

    With a local master they are processes beside the driver. On a cluster each is a task. folder: of the fit; what
    stands there may be read. made: the files and folders in it that the processes make. again: what a person does when
    one was killed, for the message. Raises DaybreakError when one of them ends early on this machine.
    """
    if is_local(spark.sparkContext.master):
        gpu = int(spark.conf.get("spark.executor.resource.gpu.amount", "0") or 0) > 0
        started = time.monotonic()
        run_here(partial(_in_folder, work=work, folder=folder), count, gpu, again)
        if gpu:
            import torch

            add_device((time.monotonic() - started) * min(count, torch.cuda.device_count()))
        return

    from jobs.infra.storage.storage import Storage

    storage, sent = Storage.of(spark), shipped(folder)

    def run(ranks: Iterator[int]) -> Iterator[tuple[str, int, bytes]]:
        for rank in ranks:
            with _own(sent) as here:
                work(rank, task_device(), here)
                if here != sent.path:
                    yield from _parts(here, made)

    ranks = spark.sparkContext.parallelize(range(count), count)
    files = ranks.barrier().mapPartitions(measured(run))
    if storage is None:
        files.count()
        return
    place = storage.new()
    spark.createDataFrame(files, FILE_ROWS).write.parquet(storage.at(place))
    with tempfile.TemporaryDirectory(dir=folder) as came:
        storage.fetch(place, Path(came))
        _joined(Path(came), folder)
    storage.hadoop.delete(storage.at(place))


def barrier_store(rank: int, count: int) -> "TCPStore":
    """What the tasks of a fit on a cluster find each other by: a port of the first one's machine."""
    from pyspark import BarrierTaskContext
    from torch.distributed import TCPStore

    context = BarrierTaskContext.get()
    host = context.getTaskInfos()[0].address.rpartition(":")[0]
    first = TCPStore(host, 0, count, is_master=True, wait_for_workers=False) if rank == 0 else None
    port = int(next(filter(None, context.allGather(str(first.port) if first is not None else ""))))
    return TCPStore(host, port, count, is_master=False) if first is None else first


@contextmanager
def _own(sent: Shipped) -> Iterator[Path]:
    """The folder of the fit on this machine: the driver's, or a copy for this task alone."""
    here = sent.here()
    if here == sent.path:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="daybreak-fit-") as own:
        shutil.copytree(here, own, dirs_exist_ok=True)
        yield Path(own)


def _parts(folder: Path, made: Sequence[str]) -> Iterator[tuple[str, int, bytes]]:
    """The files that a process made, as FILE_ROWS."""
    for path in sorted(path for name in made for path in (folder / name, *(folder / name).rglob("*"))):
        if path.is_file():
            with path.open("rb") as file:
                parts = chain(iter(partial(file.read, PART), b""), [b""] if not path.stat().st_size else [])
                yield from ((path.relative_to(folder).as_posix(), n, part) for n, part in enumerate(parts))


def _joined(rows: Path, folder: Path) -> None:
    """Write the files whose FILE_ROWS are in a table to a folder."""
    import polars as pl

    table = pl.scan_parquet(sorted(rows.glob("*.parquet")), glob=False)
    for name in table.select(pl.col("name").unique()).collect()["name"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        of_file = table.filter(pl.col("name") == name)
        with path.open("wb") as file:
            for part in of_file.select(pl.col("part")).collect()["part"].sort():
                file.write(of_file.filter(pl.col("part") == part).select("bytes").collect().item())


def _in_folder(rank: int, device: str, work: Work, folder: Path) -> None:
    work(rank, device, folder)


def run_here(work: Callable[[int, str], None], count: int, gpu: bool, again: str) -> None:
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


def _run(rank: int, work: Callable[[int, str], None], count: int, gpu: bool) -> None:
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
