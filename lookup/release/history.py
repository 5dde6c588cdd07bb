"""HISTORY: the announcements of a folder of releases, one a line, and the lock under which processes announce.

A line is the time, the id, what was done, and a checksum over the line before and this one. So a changed, lost or moved
line is noticed. Lines of earlier versions have no checksum; they count as they are.
"""

import fcntl
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from lookup.errors import ReleaseError
from lookup.file_modes import readers_mode
from lookup.flock import NO_LOCKS, holders, locked, still_there

HISTORY = "HISTORY"
LINE = re.compile(rb"([0-9T:+-]{25}) ([0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}) (publish|rollback)(?: ([0-9a-f]{8}))?")
WAIT_SECONDS = 30.0
"""How long an announcement waits for others. Each takes milliseconds."""


class Announcement(NamedTuple):
    """A line of HISTORY."""

    time: str
    """UTC, ISO 8601."""
    id: str
    what: str
    """"publish" or "rollback"."""


class History(NamedTuple):
    """What HISTORY says."""

    lines: list[Announcement]
    """Every announcement that is readable, oldest first."""
    certain: list[Announcement]
    """Those after the last damage: all that is sure of the order of releases."""
    damage: str | None
    """Where the last damage is; None for a HISTORY that is whole."""


def read_history(releases: Path) -> History:
    """Read HISTORY; empty where there is none. A last line that a crash cut off does not count, and is no damage.

    Raises ReleaseError when the file cannot be read.
    """
    path = releases / HISTORY
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return History([], [], None)
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read: {error.strerror}") from None
    lines = raw.split(b"\n")
    if _is_cut(lines[-1]):
        lines.pop()
    found, before = History([], [], None), b""
    for number, line in enumerate(lines, 1):
        said = _announcement(line, before)
        if said is None:
            found = History(found.lines, [], f"{path}: line {number} is damaged, or the line before it is lost")
        else:
            found.lines.append(said)
            found.certain.append(said)
        before = line
    return found


@contextmanager
def announcing(releases: Path) -> Iterator[FileIO]:
    """Let one process announce at a time. Yields HISTORY, locked and open for `append`.

    Waits at most WAIT_SECONDS. On a file system without locks nobody waits. Raises ReleaseError when others announce
    for longer, or when HISTORY cannot be written.
    """
    path, until = releases / HISTORY, time.monotonic() + WAIT_SECONDS
    while True:
        try:
            file = FileIO(path, "a+")
        except OSError as error:
            raise ReleaseError(
                f"{path}: cannot be written: {error.strerror}; whoever publishes must have the right to write there"
            ) from None
        with file:
            if _is_mine(file, path):
                if not os.fstat(file.fileno()).st_size:
                    os.fchmod(file.fileno(), readers_mode(releases))
                yield file
                return
            pids = holders(file.fileno())
        if time.monotonic() > until:
            who = f" (process {', '.join(map(str, pids))})" if pids else ""
            raise ReleaseError(
                f"{path}: another process{who} has been announcing a release for {WAIT_SECONDS:.0f} s; try again, or "
                "end it where it hangs"
            )
        time.sleep(random.uniform(0.001, 0.005))


def append(file: FileIO, said: Announcement) -> None:
    """Add a line to HISTORY and make it durable. file: as `announcing` yields it. Raises OSError as writing does."""
    file.seek(0)
    *whole, rest = file.readall().split(b"\n")
    before, start = whole[-1] if whole else b"", b""
    if rest and _is_cut(rest):  # by a crash; it says nothing that CURRENT does not
        file.truncate(file.seek(-len(rest), os.SEEK_END))
    elif rest:
        start, before = b"\n", rest
    body = " ".join(said).encode("ascii")
    line = start + body + b" " + _check(before, body) + b"\n"
    while line:
        line = line[file.write(line) :]  # less than all on a disk that is nearly full
    os.fsync(file.fileno())


def _is_mine(file: FileIO, path: Path) -> bool:
    try:
        return locked(file.fileno(), fcntl.LOCK_EX) and still_there(file.fileno(), path)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise ReleaseError(f"{path}: cannot be locked: {error.strerror}") from None
        return True


def _announcement(line: bytes, before: bytes) -> Announcement | None:
    """What a line says; None for a damaged one."""
    found = LINE.fullmatch(line)
    if found is None or (found[4] is not None and found[4] != _check(before, line[: found.end(3)])):
        return None
    return Announcement(found[1].decode(), found[2].decode(), found[3].decode())


def _check(before: bytes, body: bytes) -> bytes:
    return sha256(before + b"\n" + body).hexdigest()[:8].encode()


def _is_cut(rest: bytes) -> bool:
    """Whether what follows the last line break is nothing, or the beginning of a line that a crash cut off."""
    whole = len("2026-11-22T03:15:00+00:00 20261122T031500Z-3f9a publish 12345678") + (b" rollback" in rest)
    return len(rest) < whole
