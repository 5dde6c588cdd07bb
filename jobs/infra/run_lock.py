"""One writer at a time in the folder of a run: two commands, two DAGs or two machines must not mix their tables.

The lock is a `flock` on the file `.lock` of the run. The system drops it when its process ends, however it ends. Some
file systems that machines share keep `flock` to one machine. So the holder also writes into the file who it is, and
renews the time of the file every BEAT seconds. A holder of another machine is alive as long as that time moves, which
nobody's clock has to tell.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.errors import RunLockedError
from jobs.infra.logging import log_line

FILE = ".lock"
BEAT = 10.0
"""Seconds after which a holder renews the time of the file."""
MISSED = 3
"""So many beats without a new time, and the holder on another machine is dead."""
WAIT = 20.0
"""Seconds to wait for another holder: one that was told to stop may still be stopping."""
SETTLE = 0.05
"""Seconds after which a new holder looks whether another machine took the lock at the same moment."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""The errors of a file system without locks. There the file's own text and time are the lock."""

_held: set[tuple[Path, int]] = set()
"""The runs that a thread of this process holds, with the id of the thread."""


@contextmanager
def writing(root: Path, what: str, wait: float = WAIT) -> Iterator[None]:
    """Hold the lock of a run while the block runs; a block within such a block holds it already.

    root: the folder of the run. what: the command, for the message of others. wait: seconds to wait for another holder.
    Raises RunLockedError, naming who holds it, when it is not free by then.
    """
    key = root.resolve(), threading.get_ident()
    if key in _held:
        yield
        return
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(handle, root, what, time.monotonic() + wait)
        ended = threading.Event()
        beating = threading.Thread(target=_beat, args=(handle, root, ended), daemon=True, name="daybreak-run-lock")
        beating.start()
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)
            ended.set()
            beating.join(BEAT)
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _take(handle: int, root: Path, what: str, deadline: float) -> None:
    """Take the lock, or raise RunLockedError."""
    me = {"what": what, "host": socket.gethostname(), "pid": os.getpid(), "token": uuid.uuid4().hex}
    me["since"] = datetime.now(UTC).isoformat(timespec="seconds")
    told = False
    while True:
        free = _flock(handle)
        owner = _read(handle)
        if free and (not owner or not _alive_elsewhere(handle, owner, me)):
            if owner:
                log_line("run", "took over", run=root, why=f"{_words(owner)} ended without giving it back")
            _write(handle, me)
            time.sleep(SETTLE)
            if _read(handle).get("token") == me["token"]:
                return
        if free:
            fcntl.flock(handle, fcntl.LOCK_UN)
        if time.monotonic() >= deadline:
            raise RunLockedError(
                f"{root}: {_words(owner)} writes into this run. Wait until it ends, or stop it; then run this again"
            )
        if not told:
            log_line("run", "waiting", run=root, holder=_words(owner), seconds=round(deadline - time.monotonic()))
            told = True
        time.sleep(min(0.2, max(deadline - time.monotonic(), 0)))


def _flock(handle: int) -> bool:
    """Whether this process has the system's lock now; also where the file system has none."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True


def _alive_elsewhere(handle: int, owner: dict[str, Any], me: dict[str, Any]) -> bool:
    """Whether the holder that the file names is alive though the system's lock is free: only one elsewhere can be."""
    if owner.get("host") == me["host"]:
        return False
    first = os.fstat(handle).st_mtime_ns
    for _ in range(MISSED):
        time.sleep(BEAT)
        if os.fstat(handle).st_mtime_ns != first or not _read(handle):
            return bool(_read(handle))
    return False


def _beat(handle: int, root: Path, ended: threading.Event) -> None:
    """Renew the time of the file until the block ends, whatever happens."""
    told = False
    while not ended.wait(BEAT):
        try:
            os.utime(handle)
        except OSError as error:
            if not told:
                log_line("run", "warning", run=root, text=f"the lock cannot be renewed: {error.strerror}")
            told = True


def _read(handle: int) -> dict[str, Any]:
    """Who the file names; empty where it names nobody."""
    try:
        found = json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(handle: int, owner: dict[str, Any]) -> None:
    text = json.dumps(owner).encode()
    os.ftruncate(handle, 0)
    os.pwrite(handle, text, 0)
    os.fsync(handle)


def _words(owner: dict[str, Any]) -> str:
    if not owner:
        return "another command"
    return "`daybreak {what}` (process {pid} on {host}, since {since})".format_map(
        {key: owner.get(key, "?") for key in ("what", "pid", "host", "since")}
    )
