"""Which log in SQLite it is, how far it goes, and how it is read and written."""

import os
import sqlite3
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lookup.patches.patch_log import MARKS, Absorbed, Identity, Patience, Place
from lookup.patches.stores.sqlite_file import DAMAGED, SqliteFile
from lookup.patches.stores.sqlite_sides import FileId, file_id
from lookup.patches.stores.sqlite_tables import add_marks

T = TypeVar("T")
CHECK_SECONDS = 0.2
"""How long the check of a file may compute: enough for some 20 MB."""
STEPS = 1000
"""How many steps of SQLite the check takes between two looks at the clock."""


class SqliteMarks:
    """The half of a log in SQLite that tells it from another one, as `lookup.patches.patch_log.PatchLog` says."""

    def __init__(self, path: Path, patience: Patience):
        self._file, self._patience = SqliteFile(path), patience
        self._checked: FileId | None = None
        self._damage: str | None = None

    @property
    def where(self) -> str:
        """The path."""
        return str(self._file.path)

    def place(self) -> Place:
        """See `PatchLog.place`."""
        query = """
            SELECT (SELECT id FROM identity), position,
                coalesce((SELECT mark FROM marks WHERE NOT night ORDER BY rowid DESC LIMIT 1), '') FROM head"""
        unmarked = "SELECT '', position, '' FROM head"
        return self._read(
            lambda db: Place._make(db.execute(query if _has_marks(db) else unmarked).fetchone()),
            Place(),
            self._patience.request,
        )

    def passed(self, place: Place) -> bool:
        """See `PatchLog.passed`."""

        def read(db: sqlite3.Connection) -> bool:
            marked = _has_marks(db)
            if marked and place.log and db.execute("SELECT id FROM identity").fetchone() != (place.log,):
                return False
            if place.mark and not marked:
                return False
            if place.mark and not db.execute("SELECT 1 FROM marks WHERE mark = ?", (place.mark,)).fetchone():
                newest = "SELECT position FROM marks WHERE NOT night ORDER BY rowid DESC LIMIT 1 OFFSET ?"
                oldest = db.execute(newest, (MARKS - 1,)).fetchone()
                return oldest is not None and bool(oldest[0] > place.position)
            return bool(db.execute("SELECT position FROM head").fetchone()[0] >= place.position)

        return not place.position or self._read(read, False)

    def identity(self) -> Identity:
        """See `PatchLog.identity`."""

        def read(db: sqlite3.Connection) -> Identity:
            if not _has_marks(db):
                return Identity()
            nights = db.execute("SELECT mark, position, at FROM marks WHERE night")
            absorbed = {mark: Absorbed(position, at) for mark, position, at in nights}
            log, created = db.execute("SELECT id, created FROM identity").fetchone()
            return Identity(log, created, absorbed)

        return self._read(read, Identity())

    def fault(self, *, must_write: bool = True) -> str | None:
        """See `PatchLog.fault`."""
        path = self._file.path
        there = path if self._file.told(lambda: file_id(path)) else path.parent
        if there != path and not must_write:
            return None
        if os.access(there, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK):
            return None
        what = "is not there" if not there.exists() else "is not writable, so no patch can be kept"
        return f"{self.where}: {there} {what}; name a log that is writable: `patches` of lookup.open and of [shop]"

    def damage(self) -> str | None:
        """See `PatchLog.damage`. Each file is checked once; one that takes longer than `CHECK_SECONDS` is not."""
        file = self._file.told(lambda: file_id(self._file.path))
        if file != self._checked:
            self._damage, self._checked = self._read(_damage, None), file
        return None if self._damage is None else f"{self.where}: damaged: {self._damage}; {DAMAGED}"

    def absorb(self, position: int) -> str:
        """See `PatchLog.absorb`."""
        mark = uuid.uuid4().hex

        def note(db: sqlite3.Connection) -> str:
            db.execute("INSERT INTO marks VALUES (?, ?, ?, 1)", (mark, position, time.time_ns() // 1000))
            return mark

        return self._write(note)

    def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        with self._file.transaction(self._patience.write) as own:
            assert own is not None  # that is where a job is given
            if not own.has_marks:
                self._file.told(lambda: add_marks(own.db))
            result = self._file.told(lambda: change(own.db))
        own.has_marks = True
        return result

    def _read(self, question: Callable[[sqlite3.Connection], T], empty: T, wait: float | None = None) -> T:
        """The answer to a question; `empty` where there is no file. wait: for locks; None: `Patience.follow`."""
        seconds = self._patience.follow if wait is None else wait
        own = self._file.connection(seconds)
        return empty if own is None else self._file.told(lambda: question(own.wait(seconds)))


def _damage(db: sqlite3.Connection) -> str | None:
    ends = time.thread_time() + CHECK_SECONDS
    db.set_progress_handler(lambda: time.thread_time() > ends, STEPS)
    try:
        (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return None
    finally:
        db.set_progress_handler(None, 0)
    return None if found == "ok" else str(found)


def mark(db: sqlite3.Connection, position: int) -> None:
    """Leave the mark of an append that came to a position."""
    db.execute("INSERT INTO marks VALUES (?, ?, ?, 0)", (uuid.uuid4().hex, position, time.time_ns() // 1000))
    newest = "SELECT rowid FROM marks WHERE NOT night ORDER BY rowid DESC LIMIT 1 OFFSET ?"
    db.execute(f"DELETE FROM marks WHERE NOT night AND rowid <= ({newest})", (MARKS,))


def _has_marks(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone() is not None
