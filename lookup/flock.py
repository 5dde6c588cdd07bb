"""Locks on open files, by `flock`: the system keeps them, and they end with their process, also after kill -9."""

import errno
import fcntl
import os
from pathlib import Path

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP)
"""The errors of a file system without locks, or without locks on folders."""


def locked(handle: int, kind: int) -> bool:
    """Lock an open file without waiting. kind: `fcntl.LOCK_EX` or `fcntl.LOCK_SH`.

    Returns whether it got the lock; False where another one has it. Raises OSError with an errno of NO_LOCKS on a file
    system without locks.
    """
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def still_there(handle: int, path: Path) -> bool:
    """Whether an open file or folder still is the one at its path: somebody may have renamed it before it was locked.

    Whoever waits for a lock asks this once it has the lock.
    """
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def holders(handle: int) -> list[int]:
    """The ids of the processes that lock an open file, as far as this system tells; it does not know other machines.

    The system lists a lock that a forked child inherited under the process that took it.
    """
    stat = os.fstat(handle)
    file = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    # 7: FLOCK  ADVISORY  READ  1234 fe:00:2122202 0 EOF
    found = (line.split() for line in lines if " FLOCK " in line and "->" not in line)
    return sorted({int(words[4]) for words in found if words[5] == file and int(words[4]) > 0})
