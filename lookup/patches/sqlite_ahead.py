"""What is ahead in a log in SQLite: patches of a time that has not come yet, because a writer's clock was wrong.

The machine has no other clock to ask. So the log keeps the time of its newest receipt, in the table `clock`, and takes
nothing that is `IDLE` later than that. A receipt of a time that is refused does not move it. Where a log has been idle
for longer, a person says that the clock is right (`trust`).
"""

import json
import sqlite3
from collections.abc import Sequence

from lookup.errors import LogError
from lookup.patches.patch import AHEAD, EVENT, FORGET, ITEM, Patch, canonical, forget, latest_time
from lookup.patches.validation import iso

IDLE = 90 * 24 * 3600 * 1_000_000
"""How many microseconds may lie between two receipts."""
READERS_SECONDS = 0.1
"""How long erasing, and with it every writer, waits for those who read the journal. A later one does the rest."""
ERASING = "CREATE TABLE IF NOT EXISTS erasing (since INTEGER NOT NULL)"
"""Has a row while the journal may hold rows of forgotten users: whoever reads the log then erases them."""
CLOCK = "CREATE TABLE IF NOT EXISTS clock (received INTEGER NOT NULL)"


def check_clock(db: sqlite3.Connection, patches: Sequence[Patch]) -> int:
    """Note the time of a receipt. Raises LogError for patches of a time that this log cannot have come to.

    Returns the latest time that the receipt before vouches for, microseconds since 1970. A statement of a later time
    may be of a wrong clock: it takes the place of no other one until a later receipt vouches for it.
    """
    db.execute(CLOCK)
    newest, now = max(patch.at for patch in patches), latest_time() - AHEAD
    row = db.execute("SELECT max(received) FROM clock").fetchone()
    last = now if row[0] is None else int(row[0])
    if newest > last + IDLE:
        raise LogError(
            f"a patch is of {iso(newest)}, but the log received its last one at {iso(last)}: the clock of this machine "
            "seems to be wrong, and nothing was kept. Mend the clock; where it is right, because nobody wrote for so "
            "long, say so once: daybreak patches --trust-clock"
        )
    if row[0] is None or now <= last + IDLE:
        trust(db)
    return min(last, now) + AHEAD


def trust(db: sqlite3.Connection) -> None:
    """Take this machine's clock for right."""
    db.execute(CLOCK)
    db.execute("DELETE FROM clock")
    db.execute("INSERT INTO clock VALUES (?)", (latest_time() - AHEAD,))


def ahead(db: sqlite3.Connection) -> list[Patch]:
    """All that is ahead: statements, events and forgets, in the order of their positions."""
    latest = (latest_time(),)
    rows: list[tuple[int, Patch]] = []
    for item, field, at, source, until, value, position in db.execute(
        "SELECT item, field, at, source, until, value, position FROM statements WHERE at > ?", latest
    ):
        rows.append((position, Patch(ITEM, item, at, source, until, {field: json.loads(value)})))
    for user, item, kind, at, source, value, position in db.execute(
        "SELECT user, item, type, at, source, value, position FROM events WHERE at > ?", latest
    ):
        values = {"item": item, "type": kind, "value": json.loads(value)}
        rows.append((position, Patch(EVENT, user, at, source, None, values)))
    for user, at, position in db.execute("SELECT user, at, position FROM forgotten WHERE at > ?", latest):
        rows.append((position, Patch(FORGET, user, at, "shop", None, {})))
    return [patch for _, patch in sorted(rows, key=lambda row: (row[0], canonical(row[1].values)))]


def remove_ahead(db: sqlite3.Connection) -> list[Patch]:
    """Remove all that is ahead. Returns forgets to append instead: of now, or of before the user's later events."""
    latest = (latest_time(),)
    users = db.execute(
        "SELECT user, (SELECT min(at) - 1 FROM events WHERE events.user = forgotten.user AND at <= ?1) "
        "FROM forgotten WHERE at > ?1 ORDER BY user",
        latest,
    ).fetchall()
    for table in ("statements", "events", "forgotten"):
        db.execute(f"DELETE FROM {table} WHERE at > ?", latest)
    return [forget(user, at=at) for user, at in users]


def erasing(db: sqlite3.Connection) -> None:
    """Note, in a transaction, that the journal is to be erased after it."""
    db.execute(ERASING)
    db.execute("INSERT INTO erasing SELECT ? WHERE NOT EXISTS (SELECT 1 FROM erasing)", (latest_time() - AHEAD,))


def is_erasing(db: sqlite3.Connection) -> bool:
    """Whether the journal may hold rows of forgotten users."""
    there = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'erasing'").fetchone()
    return there is not None and db.execute("SELECT 1 FROM erasing").fetchone() is not None


def erased(db: sqlite3.Connection) -> None:
    """Note that the journal holds nothing of forgotten users."""
    db.execute("DELETE FROM erasing")


def erase(db: sqlite3.Connection, seconds: float = READERS_SECONDS) -> bool:
    """Write the file's journal back, so that nothing of what was removed stays in it. Returns whether all of it was.

    seconds: how long to wait for readers. Removed rows are overwritten in the file itself (`secure_delete`).
    """
    (before,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:  # locked: a later checkpoint does it
        busy = 1
    finally:
        db.execute(f"PRAGMA busy_timeout = {before}")
    return not busy


def compact(db: sqlite3.Connection) -> str | None:
    """Write the file anew without what it once held. Returns why not all of it was; None where it was."""
    try:
        db.execute("VACUUM")
    except sqlite3.OperationalError as error:  # locked, or no room for a copy of the file
        return f"{error}: the file was not written anew"
    return None if erase(db) else "another process was reading: the journal beside the file may still hold old rows"
