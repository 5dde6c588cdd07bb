"""The tables of a patch log in a SQLite file: how the file is made, opened, and given the tables that came later."""

import os
import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path

from lookup.errors import LogError
from lookup.file_modes import private_mode
from lookup.patches.stores import sqlite_sides
from lookup.release.pointer import sync_folder

VERSION = 1
"""Of the tables: `user_version` in the file."""
APPLICATION = 0x44425041
"""Marks the file as a patch log: `application_id` in the file."""

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
MARKS = (
    "CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL, created INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS marks "
    "(mark TEXT NOT NULL UNIQUE, position INTEGER NOT NULL, at INTEGER NOT NULL, night INTEGER NOT NULL)",
    "INSERT INTO identity SELECT ?1, iif(position, 0, ?2) FROM head WHERE NOT EXISTS (SELECT 1 FROM identity)",
)
"""What a log needs for `Place` and `Identity`. A log of an earlier Daybreak gets it with its next patch, and then does
not know when it began. Earlier Daybreaks read the file all the same.
"""


def create(path: Path) -> None:
    """Create the file under another name and then link it to its own, so that nobody sees half of it."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN; {TABLES} COMMIT;")
            add_marks(db)
        with new.open("rb") as file:
            os.fchmod(file.fileno(), private_mode(path.parent))  # SQLite gives -wal and -shm the same mode
            os.fsync(file.fileno())
        sqlite_sides.link(new, path)
    finally:
        for trash in new.parent.glob(f"{new.name}*"):
            trash.unlink(missing_ok=True)
    sync_folder(path.parent)


def add_marks(db: sqlite3.Connection) -> None:
    """Give a log the tables of `MARKS` where it lacks them."""
    for statement in MARKS[:2]:
        db.execute(statement)
    db.execute(MARKS[2], (uuid.uuid4().hex[:16], time.time_ns() // 1000))


def connect(path: Path, wait: float) -> sqlite3.Connection:
    """Open the file of a log. wait: seconds for locks. Raises LogError where it is none, or of another version."""
    db = sqlite3.connect(  # used by one thread, but closed by whichever ends it
        f"{path.resolve().as_uri()}?mode=rw", wait, uri=True, isolation_level=None, check_same_thread=False
    )
    try:
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
    except BaseException:
        db.close()
        raise
    return db
