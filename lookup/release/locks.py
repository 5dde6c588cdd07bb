"""Who reads a release: every reader holds a lock on a file of it, and `daybreak prune` removes none that is held.

The lock is a shared `flock` on a file that every release has and nobody ever replaces. The system keeps it: it is there
across processes, it ends with the process however that dies (also by kill -9), and no file has to be written, so that
a reader needs no more than the right to read. A forked child inherits it. Where a file system has no locks the reader
serves all the same, unannounced; nothing is pruned there either, for nobody could tell who reads. On a network file
system the locks of other machines count where `flock` works across them (NFS 4 does).
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
from lookup.release.reader import Release, open_from

LOG = logging.getLogger("lookup")
HELD_FILE = file_name("item_hash")
"""The file of a release that is locked."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system says that has no locks."""


def open_held(releases: Path, release_id: str, verify: bool = False) -> Release:
    """Open a release as `open_from` does, and hold it until the object is gone.

    Raises ReleaseError as `open_from` does, and when the release is just being removed.
    """
    handle = _hold(releases / release_id)
    try:
        release = open_from(releases, release_id, verify)
    except BaseException:
        _let_go(handle)
        raise
    # By closing, not by unlocking: a forked child has the same lock and may still need it.
    weakref.finalize(release, _let_go, handle).atexit = False
    return release


@contextmanager
def removing(release: Path) -> Iterator[str | None]:
    """Keep new readers from a release while the block runs. Yields why it must stay; None where nobody reads it.

    release: its folder. One in which the locked file is missing is damaged, and has no readers.
    """
    try:
        handle = os.open(release / HELD_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        yield f"{release / HELD_FILE}: not to be opened for writing: {error.strerror}"
        return
    try:
        yield _exclusive(handle)
    finally:
        os.close(handle)


def readers(handle: int) -> list[int]:
    """Process ids that hold the lock of an open file, as far as this system tells; those of other machines it does not.

    A lock that a forked child inherited is listed under the process that took it.
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


def _hold(release: Path) -> int | None:
    path = release / HELD_FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # opening says what is wrong with the release
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        # It may have been renamed in between, by `daybreak prune`.
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
        gone = True
    except (BlockingIOError, FileNotFoundError):
        gone = True
    except OSError as error:
        gone = error.errno not in NO_LOCKS
        LOG.warning("%s: this reader is not announced, the file system has no locks: %s", path, error.strerror)
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
            return "a reader holds it; which process that is, this system does not say"
        return f"{'processes' if pids[1:] else 'process'} {', '.join(map(str, pids))} read it"
    except OSError as error:
        return f"nobody can tell who reads it: the file system has no locks: {error.strerror}"
    return None


def _let_go(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
