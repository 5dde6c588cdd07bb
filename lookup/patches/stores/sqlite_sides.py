"""The files that SQLite keeps beside a database: its write-ahead log (-wal) and the index of that (-shm).

SQLite knows them by name. When another file takes the place of a database, or one is made where it was, SQLite would
take the old -wal for its own and mix the two. So who notices puts it aside first, under a lock on the folder.
"""

import fcntl
import logging
import os
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LOG = logging.getLogger("lookup")
LOCK_SECONDS = 0.05
"""How long to wait for another process that does the same, which takes microseconds."""

FileId = tuple[int, int]
"""Device and inode."""


class Side(NamedTuple):
    """A file beside a database."""

    path: Path
    id: FileId


def file_id(path: Path) -> FileId | None:
    """Which file is at a path; None where none is. Raises OSError for a pipe, a device or a folder."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would last for ever
        raise OSError(f"{path.name} is not a regular file")
    return found.st_dev, found.st_ino


def beside(path: Path) -> list[Side]:
    """What SQLite keeps beside a database now."""
    found = [(side, file_id(side)) for side in (Path(f"{path}-wal"), Path(f"{path}-shm"))]
    return [Side(side, one) for side, one in found if one is not None]


def put_aside(path: Path, sides: Iterable[Side]) -> None:
    """Put aside what was beside a database that another file has replaced.

    sides: as they were. A connection still holds them open, so no other file has their inode. Raises OSError.
    """
    with _folder_locked(path.parent):
        _put_aside(path, sides)


def link(new: Path, path: Path) -> None:
    """Give a new database its name, where no other process was quicker. Raises OSError."""
    with _folder_locked(path.parent):
        if not path.exists():
            _put_aside(path, beside(path))
            os.link(new, path)


def _put_aside(path: Path, sides: Iterable[Side]) -> None:
    for side in sides:
        if file_id(side.path) != side.id:
            continue  # somebody else was here
        if side.path.name.endswith("-shm") or not side.path.stat().st_size:
            side.path.unlink()
        else:
            aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}-wal")
            side.path.rename(aside)
            LOG.warning(
                "%s: was removed or replaced without its %s, which is %s now: patches may stand there that were in no "
                "copy of the log",
                path,
                side.path.name,
                aside,
            )


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        ends = time.monotonic() + LOCK_SECONDS
        while not _locked(handle):
            if time.monotonic() > ends:
                raise BlockingIOError(f"{folder} is locked by another process")
            time.sleep(0.001)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: this process hopes to be the only one
    return True
