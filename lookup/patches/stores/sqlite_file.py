"""The SQLite file of a patch log: its connections, its replacement under way, and what its errors mean."""

import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lookup.background import hold_at_fork
from lookup.errors import LogError, PatchError
from lookup.patches.stores import sqlite_sides, sqlite_tables
from lookup.patches.stores.sqlite_gate import GATE
from lookup.patches.stores.sqlite_sides import FileId, Side, file_id
from lookup.patches.stores.turns import DONE_SECONDS, HungError, Job, Turns

LOOK_SECONDS = 0.002
"""How often a writer tries to get its turn. SQLite's own waiting looks ten times a second, and so comes too late."""
HUNG_SECONDS = 0.05
"""How long writers wait where another one has just waited in vain, until one of them succeeds."""

TURN_SECONDS, PAUSE_SECONDS = 0.05, 0.01
"""How long a process writes without a pause, and how long the pause is: other processes have their turn in it."""
IDLE_SECONDS = 0.005
"""A time without a write that counts as a pause."""

T = TypeVar("T")


class ThreadConnection:
    """A thread's connection. It closes with this object, because it is in a reference cycle of its own.

    A user of `db` holds this object meanwhile, since another thread may call `SqliteFile.close`.
    """

    def __init__(self, db: sqlite3.Connection, file: FileId, sides: list[Side]):
        self.db, self.file, self._process = db, file, os.getpid()
        self.sides = sides
        """What SQLite keeps beside the file."""
        self.has_marks = False
        """Whether the file has the tables of `sqlite_tables.MARKS`."""
        self._wait = -1.0

    def wait(self, seconds: float) -> sqlite3.Connection:
        """The connection, which waits so long for locks."""
        if seconds != self._wait:
            self.db.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
            self._wait = seconds
        return self.db

    # At its end the interpreter unloads modules, and closes what is open by itself.
    def __del__(self, getpid: Callable[[], int] = os.getpid, ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ends() and self._process == getpid():
            with GATE:
                self.db.close()


class SqliteFile:
    """A file with the tables of a log, which may not exist yet, and a connection for every thread that asks."""

    def __init__(self, path: Path):
        self.path = path
        self._inherited: list[threading.local] = []
        self._hung = False
        self._turn_began = self._wrote = self._kept = 0.0
        self._in_transaction = threading.Lock()
        # SQLite keeps the locks of a process in its memory. A child that inherits one could never write itself.
        hold_at_fork(self, self._in_transaction, depth=3)
        self.close()

    def close(self) -> None:
        """Drop every connection. Each closes when nobody uses it any more."""
        self._process = os.getpid()
        self._local = threading.local()
        self._all: weakref.WeakSet[ThreadConnection] = weakref.WeakSet()
        self._counting = threading.Lock()
        self.writing = Turns()
        """Held by the writing thread of this process. Other processes wait inside SQLite."""

    def connection(self, wait: float) -> ThreadConnection | None:
        """This thread's connection; None while the file does not exist. wait: seconds for locks.

        Raises LogError where the file is none of a log, or cannot be opened.
        """
        if self._process != os.getpid():
            # The child of a fork must neither use nor close the connections of its parent.
            self._inherited.append(self._local)
            self.close()
        return self.told(lambda: self._connection(wait))

    def _connection(self, wait: float) -> ThreadConnection | None:
        file = file_id(self.path)
        if file is None:
            return None
        own: ThreadConnection | None = getattr(self._local, "own", None)
        if own is None or own.file != file:  # another file took this one's place
            with self._counting:
                replaced = [side for one in self._all if one.file != file for side in one.sides]
            if replaced:
                sqlite_sides.put_aside(self.path, replaced)
            db = sqlite_tables.connect(self.path, wait)
            own = self._local.own = ThreadConnection(db, file, sqlite_sides.beside(self.path))
            with self._counting:
                self._all.add(own)
        return own

    def create(self) -> None:
        """Create the file where it does not exist. Raises LogError when it cannot be created."""
        if self.told(lambda: file_id(self.path)) is None:
            self.told(lambda: sqlite_tables.create(self.path))

    def alone(self, wait: float) -> sqlite3.Connection:
        """A separate connection, which the caller closes."""
        return self.told(lambda: sqlite_tables.connect(self.path, wait))

    @contextmanager
    def transaction(self, wait: float, job: Job | None = None) -> Iterator[ThreadConnection | None]:
        """A connection in a transaction that writes: all of it is on disk afterwards, or nothing.

        wait: how many seconds to wait for other writers, all together. job: what is to be written, and with it its
        `others`. None is given where another thread has done the job. Raises LogError where they take longer, where it
        cannot be written, and where the file was replaced meanwhile.
        """
        seconds = min(wait, HUNG_SECONDS) if self._hung else wait
        ends = time.monotonic() + seconds
        self.create()
        self.connection(seconds)  # gives the child of a fork its own lock: the parent may have held this one
        writing = self.writing
        try:
            turn = writing.acquire(seconds, job)
        except HungError:
            raise LogError(
                f"{self.path}: the disk does not answer: a commit with these patches goes on for {DONE_SECONDS:g} "
                "seconds, and nobody knows yet whether they are kept: look before you write them again"
            ) from None
        if not turn:
            raise self._waited(seconds, "other threads of this process have")
        if job is not None and job.done:
            yield None
            return
        try:
            own = self.connection(max(ends - time.monotonic(), 0))
            if own is None:
                raise LogError(f"{self.path}: the file was removed while it was written; try again")
            self._pause()
            self._begin(own.wait(0), ends, seconds)
            try:
                if job is not None:
                    writing.join(job)
                yield own
                self.told(lambda: own.db.execute("COMMIT"))
            finally:
                try:
                    if own.db.in_transaction:
                        self.told(lambda: own.db.execute("ROLLBACK"))
                finally:
                    self._in_transaction.release()
            self._hung, self._kept = False, time.monotonic()
            if self.told(lambda: file_id(self.path)) != own.file:
                raise LogError(
                    f"{self.path}: the file was replaced or removed while it was written, so nobody may ever read what "
                    "went into it; try again"
                )
        except BaseException as error:
            why = str(error) if isinstance(error, LogError) else f"{self.path}: the thread that wrote it was stopped"
            for one in () if job is None else job.others:
                one.error = LogError(why)
            raise
        finally:
            self._wrote = time.monotonic()
            writing.release()

    def _pause(self) -> None:
        """Let other processes write, where this one has been writing for a while. SQLite knows no queue."""
        now = time.monotonic()
        if now - self._wrote < IDLE_SECONDS and now - self._turn_began > TURN_SECONDS:
            time.sleep(PAUSE_SECONDS)
            now = time.monotonic()
        if now - self._wrote >= IDLE_SECONDS:
            self._turn_began = now

    def told(self, action: Callable[[], T]) -> T:
        """The result of an action. Raises LogError, with what to do, for errors of SQLite and of the file."""
        try:
            with GATE:
                return action()
        except (LogError, PatchError, UnicodeEncodeError):
            raise
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            raise LogError(f"{self.path}: damaged, a value is not what it must be: {error}; {DAMAGED}") from error

    def _error(self, error: Exception) -> LogError:
        return LogError(f"{self.path}: {error}; {_remedy(error)}")

    def _begin(self, db: sqlite3.Connection, ends: float, seconds: float) -> None:
        """Begin a transaction, and hold the lock of `_in_transaction` from then on."""
        while not self._begun(db):
            if time.monotonic() >= ends:
                raise self._waited(seconds, "another process has")
            time.sleep(LOOK_SECONDS)

    def _begun(self, db: sqlite3.Connection) -> bool:
        """Whether a transaction has begun, with the lock of `_in_transaction`; False where another process writes."""
        begun = False
        self._in_transaction.acquire()  # whoever is here holds `writing`, so that only a fork holds this, for a moment
        try:
            with GATE:
                db.execute("BEGIN IMMEDIATE")
            begun = True
        except sqlite3.Error as error:
            if "locked" not in str(error):
                raise self._error(error) from error
        finally:
            if not begun:
                self._in_transaction.release()
        return begun

    def _waited(self, seconds: float, who: str) -> LogError:
        self._hung = time.monotonic() - self._kept > seconds  # else writes go on, and there are many
        return LogError(
            f"{self.path}: database is locked: {who} been writing for {seconds:g} seconds; nothing was kept, try again"
        )


DAMAGED = "restore it from a copy by `mv`, never by `cp` onto it, or move it away to begin a new one"


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
        return "another process holds it"
    return DAMAGED
