"""The machine that a benchmark runs on, in words."""

import os
import platform
from pathlib import Path
from typing import NamedTuple

import psutil

TELLING = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
"""Flags of processors that decide how fast products are; where others tell none, none are told."""
BUSY = 0.25
"""More load of other work on each core makes figures noisy."""


class Machine(NamedTuple):
    """What figures depend on."""

    processor: str
    flags: tuple[str, ...]
    cores: int
    """That this process may use."""
    gib: float
    load: float
    """Processes that wanted a core, a mean over the last minute."""
    python: str

    @property
    def kind(self) -> str:
        """What must be the same, so that the figures of two runs may be compared."""
        return f"{self.processor}, {self.cores} cores, {' '.join(self.flags) or 'no flags known'}"

    def __str__(self) -> str:
        """One line."""
        return f"{self.kind}; {self.gib:.0f} GiB, load {self.load:.1f}, Python {self.python}"

    @property
    def busy(self) -> bool:
        """Whether other work takes part of it."""
        return self.load > BUSY * self.cores


def this() -> Machine:
    """The machine of this process."""
    known = set(_line("flags").split())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        processor(),
        tuple(flag for flag in TELLING if flag in known),
        cores,
        psutil.virtual_memory().total / 2**30,
        os.getloadavg()[0],
        platform.python_version(),
    )


def processor() -> str:
    """The name of the processor."""
    return _line("model name") or platform.processor() or platform.machine()


def _line(name: str) -> str:
    """What the system says of the first processor under a name; an empty text where it says nothing."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
