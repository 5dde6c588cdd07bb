"""Who reads a release: every reader locks a file of it, and `daybreak prune` removes no release with a locked file.

The lock is a shared `flock` on a file that every release of every schema version has and that nobody ever replaces. The
system keeps it: it works across processes, it ends with its process even after kill -9, and it writes no file, so a
reader needs no more than the right to read. A forked child inherits it. On a file system without locks the reader
serves all the same; `daybreak prune` removes nothing there, because nobody can tell who reads. On a network file system
the locks of other machines count where `flock` works across them (NFS 4 does).
"""

import errno
import fcntl
import logging
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.release.arrays import file_name
from lookup.release.manifest import Checked, silent
from lookup.release.reader import Release, open_from

LOG = logging.getLogger("lookup")
LOCKED_FILE = file_name("item_hash")
"""The file of a release that readers lock. It is the same in every schema version: an older or newer Daybreak must find
the locks of this one."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""The errors of a file system without locks."""


def open_locked(releases: Path, release_id: str, verify: bool = False, checked: Checked = silent) -> Release:
    """Open a release as `open_from` does, and keep it locked until the object is gone.

    Raises ReleaseError as `open_from` does, and when `daybreak prune` is removing the release.
    """
    handle = _lock(releases / release_id)
    try:
        release = open_from(releases, release_id, verify, checked)
    except BaseException:
        _unlock(handle)
        raise
    # By closing, not by unlocking: a forked child has the same lock and may still need it.
    weakref.finalize(release, _unlock, handle).atexit = False
    return release


@contextmanager
def removing(release: Path) -> Iterator[str | None]:
    """Keep new readers from a release while the block runs. Yields why the release must stay; None if nobody reads it.

    release: its folder. A release without the locked file is damaged and has no readers.
    """
    try:
        handle = os.open(release / LOCKED_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        yield f"{release / LOCKED_FILE}: cannot be opened for writing: {error.strerror}"
        return
    try:
        yield _exclusive(handle)
    finally:
        os.close(handle)


def readers(handle: int) -> list[int]:
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


def _lock(release: Path) -> int | None:
    path = release / LOCKED_FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # opening says what is wrong with the release
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        # `daybreak prune` may have renamed it in between.
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
        gone = True
    except (BlockingIOError, FileNotFoundError):
        gone = True
    except OSError as error:
        gone = error.errno not in NO_LOCKS
        LOG.warning("%s: this reader has no lock, the file system has none: %s", path, error.strerror)
    os.close(handle)
    if gone:
        raise ReleaseError(f"{release}: it is being removed by `daybreak prune`")
    return None


def _exclusive(handle: int) -> str | None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pids = readers(handle)
        if not pids:
            return "a process reads it; this system does not say which"
        return f"{'processes' if pids[1:] else 'process'} {', '.join(map(str, pids))} read it"
    except OSError as error:
        return f"nobody can tell who reads it: the file system has no locks: {error.strerror}"
    return None


def _unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
