"""The SQLite file of a patch log: its tables, its connections, and what its errors mean."""

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from lookup.errors import LogError
from lookup.release.pointer import sync_folder

VERSION = 1
"""Of the tables: `user_version` in the file."""
APPLICATION = 0x44425041
"""Marks the file as a patch log: `application_id` in the file."""
WAIT_SECONDS = 30.0
"""How long a writer waits for another writer."""

TABLES = f"""
CREATE TABLE head (position INTEGER NOT NULL, pruned INTEGER NOT NULL);
INSERT INTO head VALUES (0, 0);
CREATE TABLE statements (
    item TEXT NOT NULL, field TEXT NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL, until INTEGER,
    value TEXT NOT NULL, position INTEGER NOT NULL
);
CREATE INDEX statements_field ON statements (item, field);
CREATE INDEX statements_position ON statements (position);
CREATE TABLE events (
    position INTEGER PRIMARY KEY, user TEXT NOT NULL, item TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
    source TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (user, at, item, type, source, value)
);
CREATE INDEX events_user ON events (user);
CREATE TABLE forgotten (user TEXT PRIMARY KEY, at INTEGER NOT NULL, position INTEGER NOT NULL);
CREATE INDEX forgotten_position ON forgotten (position);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""

T = TypeVar("T")


class ThreadConnection:
    """A thread's connection. It closes with this object, because it is in a reference cycle of its own.

    A user of `db` holds this object meanwhile, since another thread may call `SqliteFile.close`.
    """

    def __init__(self, db: sqlite3.Connection, file: tuple[int, int]):
        self.db, self.file, self._process = db, file, os.getpid()

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:  # the interpreter may have unloaded os at its end
        if self._process == getpid():
            self.db.close()


class SqliteFile:
    """A file with the tables of a log, which may not exist yet, and a connection for every thread that asks."""

    def __init__(self, path: Path):
        self.path = path
        self._inherited: list[threading.local] = []
        self.close()

    def close(self) -> None:
        """Drop every connection. Each closes when nobody uses it any more."""
        self._process = os.getpid()
        self._local = threading.local()
        self.writing = threading.Lock()
        """Held by the writing thread of this process. Other processes wait inside SQLite."""

    def connection(self) -> ThreadConnection | None:
        """This thread's connection; None while the file does not exist."""
        if self._process != os.getpid():
            # The child of a fork must neither use nor close the connections of its parent.
            self._inherited.append(self._local)
            self.close()
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            return None
        own: ThreadConnection | None = getattr(self._local, "own", None)
        if own is None or own.file != (stat.st_dev, stat.st_ino):  # another file took this one's place
            own = self._local.own = ThreadConnection(self.alone(), (stat.st_dev, stat.st_ino))
        return own

    def create(self) -> None:
        """Create the file where it does not exist. Raises LogError when it cannot be created."""
        if not self.path.exists():
            self.told(lambda: _create(self.path))

    def alone(self) -> sqlite3.Connection:
        """A separate connection, which the caller closes."""
        return self.told(lambda: _connect(self.path))

    def told(self, action: Callable[[], T]) -> T:
        """The result of an action. Raises LogError, with what to do, for errors of SQLite and of the file."""
        try:
            return action()
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"{self.path}: {error}; {_remedy(error)}") from error
        except json.JSONDecodeError as error:
            raise LogError(f"{self.path}: damaged, a value is no JSON: {error}; {_remedy(error)}") from error


def _create(path: Path) -> None:
    """Create the file under another name and then link it to its own, so that nobody sees half of it."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN; {TABLES} COMMIT;")
        with new.open("rb") as file:
            os.fsync(file.fileno())
        os.link(new, path)
    except FileExistsError:
        pass  # another process was quicker
    finally:
        for trash in new.parent.glob(f"{new.name}*"):
            trash.unlink(missing_ok=True)
    sync_folder(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(  # used by one thread, but closed by whichever ends it
        f"{path.resolve().as_uri()}?mode=rw", WAIT_SECONDS, uri=True, isolation_level=None, check_same_thread=False
    )
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")  # removed rows are overwritten, for the sake of forgotten users
    (application,), (version,) = (db.execute(f"PRAGMA {p}").fetchone() for p in ("application_id", "user_version"))
    if application != APPLICATION:
        raise LogError(f"{path}: not a log of patches, but another SQLite database; name the log's own file")
    if version != VERSION:
        raise LogError(
            f"{path}: a log of version {version} found; this Daybreak reads version {VERSION}: "
            "read it with the Daybreak that wrote it"
        )
    return db


def _remedy(error: Exception) -> str:
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return "nothing was kept of this; make room and try again"
    if "readonly" in text or "unable to open" in text or isinstance(error, OSError):
        return (
            "the file and its folder must be there and be writable, for readers too; where they cannot be, keep the "
            "log elsewhere: `patches` of lookup.open and of [shop] names another file, or redis://…"
        )
    if "locked" in text:
        return f"another process has been writing for {WAIT_SECONDS:.0f} seconds"
    return "restore it from a copy, or move it away to begin a new one"
