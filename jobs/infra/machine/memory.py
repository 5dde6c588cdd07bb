"""How much memory the processes of a job took on this machine."""

import resource
from pathlib import Path

import psutil


def peak_mib() -> int:
    """The peak memory of the largest process of a job, in MiB: this one, Spark's JVM, its Python workers, the fit.

    It covers the processes that still run, and the children that this process has waited for. It leaves out executors
    on other machines. Where the system does not tell the peak of a running process, its present memory counts.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return max(ended, *map(_peak, _family())) // 2**20


def _family() -> list[psutil.Process]:
    """This process and all below it. Under spark-submit the JVM is its parent, and the Python workers its siblings."""
    root = psutil.Process()
    parent = root.parent()
    try:
        if parent is not None and parent.name() == "java":
            root = parent
    except psutil.Error:  # it ended just now
        pass
    return [root, *root.children(recursive=True)]


def _peak(process: psutil.Process) -> int:
    """Bytes; 0 where the process has ended.

    psutil tells the present memory of a process, but not its peak on Linux. So this one number is read here: VmHWM, in
    KiB. `getrusage` has it for this process alone, and counts what its parent had when it was started; VmHWM does not.
    """
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
