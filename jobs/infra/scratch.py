"""Private folders for what Spark keeps on disk while it runs: rows of users, so nobody else may read them.

Each driver has a folder of its own, `daybreak-<host>-<pid>-<random>`, and locks it as long as it lives. The system ends
the lock with the process, even after kill -9, so a folder without a lock is what a dead driver left. On a file system
without locks nobody can tell, and such folders stay.
"""

import atexit
import fcntl
import os
import shutil
import socket
import tempfile
from pathlib import Path

PREFIX = "daybreak-"
TRIES = 10
"""How often `claim` makes another folder, because `remove_leftovers` of another process was quicker than its lock."""


def claim(parent: Path) -> Path:
    """Make a folder in `parent` that only this user can read; it is removed when this process ends.

    Raises OSError when it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for _ in range(TRIES):
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{socket.gethostname()}-{os.getpid()}-", dir=parent))
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if _locked(handle, fcntl.LOCK_SH) is not False and folder.exists():
            atexit.register(_release, folder, handle, os.getpid())
            return folder
        os.close(handle)
    raise OSError(f"{parent}: another process removes every folder that is made there")


def remove_leftovers(parent: Path) -> list[str]:
    """Remove the folders in `parent` that dead drivers left; returns their names."""
    return [folder.name for folder in sorted(parent.glob(f"{PREFIX}*-*-*")) if _remove_if_dead(folder)]


def _remove_if_dead(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        dead = _locked(handle, fcntl.LOCK_EX) is True
        if dead:
            shutil.rmtree(folder, ignore_errors=True)
        return dead
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool | None:
    """Whether this process now holds the lock of a folder; None where the file system has no locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _release(folder: Path, handle: int, owner: int) -> None:
    if os.getpid() == owner:  # a forked child has the same exit handlers
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
