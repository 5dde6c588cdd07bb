"""How much memory the processes of a job took on this machine."""

import os
import resource
from pathlib import Path


def peak_mib() -> int:
    """The peak memory of the largest process of this job, in MiB: this one, Spark's JVM, its Python workers, the fit.

    It is what Linux says of the processes that still run, and of children that were waited for; executors on other
    machines are not counted, and where there is no /proc only this process and its ended children are.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    running = max(_status(pid).get("VmHWM", 0) for pid in _family())
    # getrusage counts for a process what its parent had when it was started; /proc does not.
    return max(ended, running or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024


def _family() -> list[int]:
    """This process and all below it; under spark-submit the JVM is this process's parent, and its workers siblings."""
    parents = {pid: _status(pid).get("PPid", 0) for pid in _pids()}
    root = os.getpid()
    if _name(parents.get(root, 0)) == "java":
        root = parents[root]
    family = [root]
    for pid in family:  # grows while it is gone through
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _status(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status by name; empty where the process has ended. Memory is in KiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.replace(":", "").split() for line in lines)
    return {words[0]: int(words[1]) for words in fields if len(words) > 1 and words[1].isdigit()}
