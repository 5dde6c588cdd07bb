"""What a tree of processes takes: processor time, bytes from and to storage, and memory.

A process that has ended and was waited for stands in the times of the one that waited, as the system keeps them. Nobody
waits where the parent ignores the signal of its child's end, as the daemon of Spark's Python workers does. What such a
process takes after the last look at it is not seen. Nor is that of one that lost its parent, and is followed alone.
"""

import os
import resource
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

RESOLUTION = 0.1
"""Seconds by which the times of processes may be off."""
Key = tuple[int, float]
"""A process: its number, which the system gives again, and when it was made."""


class Taken(NamedTuple):
    """What processes took, or one of them, with those that it waited for."""

    cpu: float = 0.0
    """Seconds."""
    read: int = 0
    """Bytes."""
    written: int = 0

    def plus(self, other: "Taken") -> "Taken":
        """The sum of both."""
        return Taken(self.cpu + other.cpu, self.read + other.read, self.written + other.written)

    def less(self, other: "Taken") -> "Taken":
        """The difference of both, never below 0."""
        cpu, read, written = self.cpu - other.cpu, self.read - other.read, self.written - other.written
        return Taken(max(0.0, cpu), max(0, read), max(0, written))


class Memory(NamedTuple):
    """The memory of a process, in bytes."""

    own: int = 0
    files: int = 0
    """Pages of mapped files, which processes share."""
    peak: int = 0
    """The largest sum of both since the peak was forgotten."""


class _Seen(NamedTuple):
    """A process at a look."""

    process: psutil.Process
    parent: int
    taken: Taken
    waited: float
    """Seconds, of `taken`, of processes that it waited for."""


class Tree:
    """The processes of a job, from its start on."""

    def __init__(self) -> None:
        self._known: dict[Key, _Seen] = {}
        self._lost = Taken()
        self.peak = 0
        """Bytes of the largest process at its highest."""
        self.together = 0
        """Bytes of all at one time, at its highest, as far as `look` saw it."""
        self.tells_bytes = _tells_bytes()
        """Whether the system tells how much processes read and write."""
        for process in family():
            _forget_peak(process.pid)
        self._ended_before = _largest_ended()
        self._start = self._all()

    def look(self) -> Taken:
        """Look at all processes; what they took since the start."""
        return self._all().plus(self._lost).less(self._start)

    def _all(self) -> Taken:
        found = {_key(process): process for process in family()}
        for key, seen in self._known.items():
            if key not in found and seen.process.is_running():  # it lost its parent
                found[key] = seen.process
        now: dict[Key, _Seen] = {}
        own, files = 0, 0
        for key, process in found.items():
            with suppress(psutil.Error):  # it ends just now
                now[key] = self._see(process)
                memory = memory_of(process)
                own, files, self.peak = own + memory.own, max(files, memory.files), max(self.peak, memory.peak)
        self.together = max(self.together, own + files)
        if (ended := _largest_ended()) > self._ended_before:
            self.peak = max(self.peak, ended)
        self._count_lost(now)
        self._known = now
        return _sum(seen.taken for seen in now.values())

    def _see(self, process: psutil.Process) -> _Seen:
        times = process.cpu_times()
        waited = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        cpu = times.user + times.system + waited
        if self.tells_bytes:
            with suppress(psutil.Error, OSError):
                io = process.io_counters()
                return _Seen(process, process.ppid(), Taken(cpu, io.read_bytes, io.write_bytes), waited)
        # A process that ended, and was not waited for yet, may tell no bytes.
        before = self._known.get(_key(process))
        return _Seen(process, process.ppid(), Taken(cpu, *(before.taken[1:] if before else ())), waited)

    def _count_lost(self, now: dict[Key, _Seen]) -> None:
        """Keep what is told nowhere any more: of processes that have ended, and for which none of the tree waited."""
        parents = {pid: seen.parent for (pid, _), seen in self._known.items()}
        alive = {key[0]: key for key in now}
        ended: dict[int, Taken] = {}
        for key, seen in self._known.items():
            if key not in now:
                waits, passed = seen.parent, {key[0]}
                while waits in parents and waits not in alive and waits not in passed:
                    passed.add(waits)
                    waits = parents[waits]
                ended[waits] = ended.get(waits, Taken()).plus(seen.taken)
        for waits, taken in ended.items():
            there = alive.get(waits)
            before = self._known.get(there) if there is not None else None
            grown = now[there].waited - (before.waited if before else 0.0) if there is not None else 0.0
            if grown < taken.cpu - RESOLUTION:
                self._lost = self._lost.plus(taken.less(Taken(cpu=grown)))


def family() -> list[psutil.Process]:
    """This process and all below it. Under spark-submit the JVM is its parent, and the Python workers its siblings."""
    root = root_process()
    return [root, *root.children(recursive=True)]


def root_process() -> psutil.Process:
    """The process that all others of a job stem from."""
    own = psutil.Process()
    parent = own.parent()
    with suppress(psutil.Error):  # it ended just now
        if parent is not None and parent.name() == "java":
            return parent
    return own


def age() -> float:
    """Seconds since the process was started that all others of a job stem from, whatever happened to the clock."""
    root = root_process()
    try:
        ticks = Path(f"/proc/{root.pid}/stat").read_text().rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):  # no Linux
        return time.time() - root.create_time()


def _tells_bytes() -> bool:
    try:
        psutil.Process().io_counters()
    except (psutil.Error, OSError, AttributeError, NotImplementedError, ValueError):
        return False
    return True


def _key(process: psutil.Process) -> Key:
    return process.pid, process.create_time()


def _sum(parts: Iterable[Taken]) -> Taken:
    total = Taken()
    for part in parts:
        total = total.plus(part)
    return total


def _largest_ended() -> int:
    """Bytes of the largest child that this process has waited for, since this process was made."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _forget_peak(pid: int) -> None:
    """Let the system measure the peak of a process anew, where it can. Otherwise the peak is that of its whole life."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory_of(process: psutil.Process) -> Memory:
    """The memory of a process; zeros where it has ended.

    psutil tells neither the peak of a process nor what of its memory is files. So these are read here, in KiB.
    """
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        told = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("Vm", "Rss"))}
        kib = {name: int(value) * 1024 for name, value in told.items()}
        own = kib.get("RssAnon", 0) + kib.get("RssShmem", 0)
        return Memory(own, kib.get("RssFile", 0), kib.get("VmHWM", 0))
    except (OSError, ValueError, IndexError):
        pass
    with suppress(psutil.Error):
        there = int(process.memory_info().rss)
        return Memory(there, 0, there)
    return Memory()
