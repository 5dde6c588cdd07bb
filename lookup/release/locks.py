"""Who reads a release: every reader locks a file of it, and `daybreak prune` removes no release with a locked file.

The lock is a shared `flock` on a file that every release of every schema version has and that nobody ever replaces. The
system keeps it: it works across processes, it ends with its process even after kill -9, and it writes no file, so a
reader needs no more than the right to read. A forked child inherits it. On a file system without locks the reader
serves all the same; `daybreak prune` removes nothing there, because nobody can tell who reads. On a network file system
the locks of other machines count where `flock` works across them (NFS 4 does).
"""

import fcntl
import logging
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.flock import NO_LOCKS, holders, locked, still_there
from lookup.release.arrays import file_name
from lookup.release.manifest import Checked, silent
from lookup.release.pointer import checked_id
from lookup.release.reader import Release, open_from
from lookup.release.shards.routing import ALL, Served

LOG = logging.getLogger("lookup")
LOCKED_FILE = file_name("item_hash")
"""The file of a release that readers lock. It is the same in every schema version: an older or newer Daybreak must find
the locks of this one."""


def open_locked(
    releases: Path, release_id: str, verify: bool = False, checked: Checked = silent, served: Served = ALL
) -> Release:
    """Open a release as `open_from` does, and keep it locked until the object is gone.

    Raises as `open_from` does, and ReleaseError when `daybreak prune` is removing the release.
    """
    handle = _lock(releases / checked_id(release_id))
    try:
        release = open_from(releases, release_id, verify, checked, served)
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
    path = release / LOCKED_FILE
    try:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # what a network file system asks for
        except PermissionError:  # a release is read-only
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        yield f"{path}: cannot be opened: {error.strerror}"
        return
    try:
        yield _exclusive(handle)
    finally:
        os.close(handle)


def _lock(release: Path) -> int | None:
    path = release / LOCKED_FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # opening says what is wrong with the release
    try:
        # `daybreak prune` may have renamed it in between.
        if locked(handle, fcntl.LOCK_SH) and still_there(handle, path):
            return handle
    except OSError as error:
        os.close(handle)
        if error.errno in NO_LOCKS:
            LOG.warning("%s: this reader has no lock, the file system has none: %s", path, error.strerror)
            return None
        raise ReleaseError(f"{path}: cannot be locked: {error.strerror}") from None
    os.close(handle)
    raise ReleaseError(f"{release}: it is being removed by `daybreak prune`")


def _exclusive(handle: int) -> str | None:
    try:
        if locked(handle, fcntl.LOCK_EX):
            return None
    except OSError as error:
        return f"nobody can tell who reads it: the file system has no locks: {error.strerror}"
    pids = holders(handle)
    if not pids:
        return "a process reads it; this system does not say which"
    return f"{'processes' if pids[1:] else 'process'} {', '.join(map(str, pids))} read it"


def _unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
