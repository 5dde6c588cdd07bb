"""How many cores a process may use: what a container lets it, not what the machine has."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
"""Where the system tells the groups of this process."""


def usable_cores(cgroup: Path = CGROUP, own: Path = OWN) -> float:
    """The cores that this process may use: of the machine, of its affinity, and of the quotas of its container.

    A quota may be a part of a core. cgroup, own: where the system tells them (version 1 and 2).
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # a system without affinity
        allowed = os.cpu_count() or 1
    return min([float(allowed), *_quotas(cgroup, own)])


def _quotas(cgroup: Path, own: Path) -> list[float]:
    """The quota of every group around this process, in cores; none where there is no limit."""
    found = []
    for folder in _groups(cgroup, own):
        for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                quota, period = " ".join((folder / file).read_text() for file in files).split()
                if quota != "max" and int(quota) > 0 and int(period) > 0:
                    found.append(int(quota) / int(period))
            except (OSError, ValueError):
                continue
    return found


def _groups(cgroup: Path, own: Path) -> list[Path]:
    """The folders of the groups around this process. In a container the outermost is often the only one in sight."""
    found = [cgroup, cgroup / "cpu"]
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = (line + "::").split(":")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = cgroup / "cpu" if controllers else cgroup
        inner = base / path.strip("/")
        found += [one for one in (inner, *inner.parents) if one.is_relative_to(base)]
    return list(dict.fromkeys(found))
