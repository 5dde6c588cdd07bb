"""What a night needs of its machine: `daybreak doctor` lists it, and every night checks it before it computes."""

import os
import platform
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

OLDEST_JAVA = 17
"""Spark 4 starts on no older one."""
JAVA_SECONDS = 20.0
"""How long Java may take to tell its version."""
LEAST_FREE = 256 * 2**20
"""Bytes that must be free on each disk that the night writes to, whatever it needed before."""
CGROUP = Path("/sys/fs/cgroup")
"""Where the system tells the memory of a container."""
MIB = 2**20
UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
"""Bytes of a unit of memory, as Spark's settings name them."""


class Need(NamedTuple):
    """One thing that a night needs."""

    name: str
    found: str
    """What is there, for a person."""
    problem: str = ""
    """What is wrong and what to do; empty where all is well."""
    fatal: bool = True
    """Whether a problem ends the night before it begins."""

    @property
    def missing(self) -> bool:
        """Whether a night cannot run."""
        return bool(self.problem) and self.fatal


def machine(driver_memory: str) -> Iterator[Need]:
    """What Spark needs to start: packages, Java, bash, a user, a host name, memory. driver_memory: such as "2g"."""
    yield _packages()
    yield _java()
    bash = shutil.which("bash")
    yield Need("bash", bash or "none", "" if bash else "Spark's start scripts need bash: install it")
    yield _user()
    yield _host()
    yield _memory(driver_memory)


def folders(paths: Mapping[str, Path], need: int) -> Iterator[Need]:
    """Whether each folder may be written to, and has room. paths: by what they hold. need: bytes that must be free."""
    for name, path in paths.items():
        yield folder(name, path, max(need, LEAST_FREE))
    try:
        yield folder("temporary files", Path(tempfile.gettempdir()), LEAST_FREE)
    except FileNotFoundError:
        yield Need("temporary files", "no folder", "set TMPDIR to a folder that this user may write to")


def folder(name: str, path: Path, need: int) -> Need:
    """Whether files can be made in a folder, or the folder in the nearest one that exists, and whether it has room."""
    there = next(one for one in (path, *path.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Need(name, str(path), f"{there}: {error.strerror}: give this user the right to write, or name another")
    found = f"{path}, {free / 2**30:,.1f} GiB free"
    if free < need:
        return Need(name, found, f"{need / MIB:,.0f} MiB are needed: `daybreak prune`, or a larger disk")
    return Need(name, found)


def _packages() -> Need:
    """Whether the packages of the extra `night` are there in the versions that Daybreak asks for."""
    try:
        wanted = requires("daybreak") or []
    except PackageNotFoundError:  # a checkout that is not installed
        return Need("packages", "a checkout that is not installed; versions are not checked")
    from packaging.requirements import Requirement

    found, wrong = [f"Python {platform.python_version()}"], []
    for one in map(Requirement, wanted):
        if one.marker is not None and not one.marker.evaluate({"extra": "night"}):
            continue
        try:
            there = version(one.name)
        except PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        if one.marker is not None:
            found.append(f"{one.name} {there}")
        if not one.specifier.contains(there, prereleases=True):
            wrong.append(f"{one.name} is {there}, not {one.specifier}")
    problem = f"{'; '.join(wrong)}: pip install 'daybreak[night]'" if wrong else ""
    return Need("packages", ", ".join(found), problem)


def _java() -> Need:
    """Whether there is a Java that Spark starts on: that of JAVA_HOME, or the first on PATH."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    ask = f"install Java {OLDEST_JAVA} or later (openjdk-{OLDEST_JAVA}-jre-headless), or set JAVA_HOME"
    if program is None:
        return Need("Java", "none", ask)
    try:
        done = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=JAVA_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Need("Java", program, f"it does not start: {error}: {ask}")
    told = re.search(r'version "(?:1\.)?(\d+)[^"]*"', done.stderr + done.stdout)
    if done.returncode != 0 or told is None:
        said = (done.stderr.strip().splitlines() or ["no word"])[0]
        return Need("Java", program, f"it does not start: {said:.200}: {ask}")
    return Need("Java", f"{told[0]}, {program}", "" if int(told[1]) >= OLDEST_JAVA else ask)


def _user() -> Need:
    number = os.getuid()
    try:
        return Need("user", f"{pwd.getpwuid(number).pw_name} ({number})")
    except KeyError:
        help_ = "Hadoop in Spark asks for its name: add a line for it to /etc/passwd, or run as a user that has one"
        return Need("user", f"{number}, without an entry in passwd", help_)


def _host() -> Need:
    name = socket.gethostname()
    try:
        return Need("host name", f"{name} is {socket.gethostbyname(name)}")
    except OSError:
        if os.environ.get("SPARK_LOCAL_IP"):
            return Need("host name", f"{name}; SPARK_LOCAL_IP is {os.environ['SPARK_LOCAL_IP']}")
        help_ = "Java asks for its address: add it to /etc/hosts, or set SPARK_LOCAL_IP=127.0.0.1 on a single machine"
        return Need("host name", f"{name} has no address", help_)


def _memory(wanted: str) -> Need:
    """Whether the driver's memory is free; told only, for the system may make room."""
    free, need = free_memory(), memory(wanted)
    found = f"{free / 2**30:,.1f} GiB free, the driver may take {wanted}"
    short = f'the night may be killed: free some, or set "spark.driver.memory" in [spark] below {wanted}'
    return Need("memory", found, short if free < need else "", fatal=False)


def free_memory(cgroup: Path = CGROUP) -> int:
    """Bytes that a process may still take: what the machine has, within the limit of the container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        cache = re.search(r"^inactive_file (\d+)$", (cgroup / "memory.stat").read_text(), re.M)
    except (OSError, ValueError):  # no container, or "max": no limit
        return free
    return max(0, min(free, limit - used + (int(cache[1]) if cache else 0)))


def memory(text: str) -> int:
    """Bytes of a memory setting of Spark, such as "2g"; a bare number is MiB, as Spark reads it; 0 for what is none."""
    found = re.fullmatch(r"(\d+)([bkmgt]?)b?", text.strip().lower())
    if found is None:
        return 0
    return int(found[1]) * (UNITS[found[2]] if found[2] else MIB)
