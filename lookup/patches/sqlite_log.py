"""The patch log in one SQLite file, for all processes of one host."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, TypeVar

from lookup.errors import LogError
from lookup.item_fields import NOT_ABSORBED
from lookup.patches import sqlite_ahead
from lookup.patches.patch import (
    EVENT,
    FORGET,
    ITEM,
    Patch,
    Statement,
    add,
    canonical,
    check,
    front,
    greatest,
    latest_time,
    statements,
)
from lookup.patches.patch_log import FOREVER, MOST_EVENTS, Changes, Event, Forgotten, by_time
from lookup.patches.stores.sqlite_gate import GATE
from lookup.patches.stores.sqlite_marks import SqliteMarks, mark
from lookup.patches.stores.sqlite_tables import add_marks
from lookup.patches.stores.turns import Job

STATEMENT = "item, field, at, source, until, value, position"
EVENT_ROW = "user, item, type, at, source, value, position"
_SWITCHES = ", ".join(f"'{name}'" for name in NOT_ABSORBED)
ABSORBED = f"until IS NULL AND NOT (field IN ({_SWITCHES}) AND value = 'true')"
"""`Statement.absorbed` without the position."""

T = TypeVar("T")


class SqliteLog(SqliteMarks):
    """A `lookup.patches.patch_log.PatchLog`. Made by `open_log`; the first `append` creates the file.

    Every thread has its own connection, which closes with the thread. A commit is on disk before it returns (WAL,
    synchronous = FULL).
    """

    def append(self, patches: Iterable[Patch]) -> int:
        """See `PatchLog.append`."""
        checked = [check(patch) for patch in patches]
        if not checked:
            return self.position()
        position = self._together(Job(checked))
        if any(patch.kind == FORGET for patch in checked) and not self._erase(sqlite_ahead.READERS_SECONDS):
            with suppress(LogError):
                self._write(sqlite_ahead.erasing)  # another process may have erased its own meanwhile, and said so
        return position

    def _together(self, job: Job) -> int:
        """Keep a job, and those of threads that wait for their turn, in one commit. Returns the position after it."""
        with self._file.transaction(self._patience.write, job) as own:
            if own is not None:
                if not own.has_marks:
                    self._file.told(lambda: add_marks(own.db))
                for one in (job, *job.others):
                    self._keep_job(own.db, one)
        if own is not None:
            own.has_marks = True
        if job.error is not None:
            raise job.error
        return job.position

    def _keep_job(self, db: sqlite3.Connection, job: Job) -> None:
        """Keep a job, or nothing of it and why. Raises where the whole transaction has ended."""
        with GATE:
            db.execute("SAVEPOINT job")
            try:
                job.position = self._file.told(lambda: _keep(db, job.patches))
            except Exception as error:
                if not db.in_transaction:
                    raise
                job.error = error
                db.execute("ROLLBACK TO job")
            db.execute("RELEASE job")

    def position(self) -> int:
        """See `PatchLog.position`."""
        return self._read(lambda db: int(db.execute("SELECT position FROM head").fetchone()[0]), 0)

    def changes(self, after: int) -> Changes:
        """See `PatchLog.changes`."""
        last = self.position()
        if last <= after:
            return Changes(last, [], [], {})

        def read(db: sqlite3.Connection) -> Changes:
            db.execute("BEGIN")  # one state of the file for all that follows
            try:
                (position,) = db.execute("SELECT position FROM head").fetchone()
                said = db.execute(f"SELECT {STATEMENT} FROM statements WHERE position > ? ORDER BY position", (after,))
                gone = db.execute("SELECT user, at, position FROM forgotten WHERE position > ?", (after,))
                users = db.execute("SELECT user, max(position) FROM events WHERE position > ? GROUP BY user", (after,))
                return Changes(position, list(map(_statement, said)), list(map(Forgotten._make, gone)), dict(users))
            finally:
                db.execute("COMMIT")

        return self._read(read, Changes(0, [], [], {}))

    def standing(self, until: int) -> list[Statement]:
        """See `PatchLog.standing`."""
        query = f"SELECT {STATEMENT} FROM statements WHERE position <= ? AND NOT ({ABSORBED}) ORDER BY position"
        return self._read(lambda db: list(map(_statement, db.execute(query, (until,)))), [])

    def events(self, user: str, after: int, until: int = FOREVER, newest: int = MOST_EVENTS) -> list[Event]:
        """See `PatchLog.events`."""
        query = (
            f"SELECT {EVENT_ROW} FROM events WHERE user = ? AND position > ? AND at <= ? "
            "ORDER BY at DESC, item DESC, type DESC, source DESC LIMIT ?"
        )
        asked = (user, after, until, newest)
        try:
            read: list[Event] = self._read(
                lambda db: list(map(_event, db.execute(query, asked))), [], self._patience.request
            )
        except UnicodeEncodeError:  # a lone surrogate is in no id
            return []
        return sorted(read, key=by_time)

    def all_events(self, after: int, until: int) -> Iterator[Event]:
        """See `PatchLog.all_events`."""
        query = f"SELECT {EVENT_ROW} FROM events WHERE position > ? AND position <= ? AND at <= ? ORDER BY position"
        return self._each(_event, query, (after, until, latest_time()))

    def items(self, until: int) -> Iterator[Statement]:
        """See `PatchLog.items`."""
        query = f"SELECT {STATEMENT} FROM statements WHERE position <= ? AND {ABSORBED} ORDER BY item, field"
        return greatest(self._each(_statement, query, (until,)), latest_time())

    def forgotten(self) -> list[Forgotten]:
        """See `PatchLog.forgotten`."""
        query = "SELECT user, at, position FROM forgotten WHERE at <= ? ORDER BY user"
        return self._read(lambda db: list(map(Forgotten._make, db.execute(query, (latest_time(),)))), [])

    def reach(self, before: int) -> int:
        """See `PatchLog.reach`."""
        query = f"""
            SELECT coalesce(min(position) - 1, (SELECT position FROM head)) FROM (
                SELECT position FROM events WHERE at BETWEEN :before AND :latest
                UNION ALL SELECT position FROM statements WHERE at BETWEEN :before AND :latest AND {ABSORBED}
            )"""
        asked = {"before": before, "latest": latest_time()}
        return self._read(lambda db: int(db.execute(query, asked).fetchone()[0]), 0)

    def prune(self, absorbed: int, before: int) -> int:
        """See `PatchLog.prune`."""

        def remove(db: sqlite3.Connection) -> int:
            gone = db.execute("DELETE FROM events WHERE position <= ? AND at < ?", (absorbed, before)).rowcount
            gone += db.execute("DELETE FROM statements WHERE until <= ?", (before,)).rowcount
            db.execute("UPDATE head SET pruned = max(pruned, ?)", (before,))
            return gone

        return self._write(remove) if self._file.path.exists() else 0

    def ahead(self) -> list[Patch]:
        """See `PatchLog.ahead`."""
        return self._read(sqlite_ahead.ahead, [])

    def remove_ahead(self) -> int:
        """See `PatchLog.remove_ahead`."""
        found = self.ahead()
        if found:
            forgets: list[Patch] = []

            def remove(db: sqlite3.Connection) -> int:
                forgets[:] = sqlite_ahead.remove_ahead(db)
                return 0

            self._write(remove)
            self.append(forgets)
        return len(found)

    def trust_clock(self) -> None:
        """See `PatchLog.trust_clock`."""

        def trust(db: sqlite3.Connection) -> int:
            sqlite_ahead.trust(db)
            return 0

        if self._file.path.exists():
            self._write(trust)

    def tidy(self) -> None:
        """See `PatchLog.tidy`."""
        with suppress(LogError):  # whoever reads meets the same error
            if self._read(sqlite_ahead.is_erasing, False):
                self._erase(0.0)

    def _erase(self, seconds: float) -> bool:
        """Erase what is removed. Returns False where that is left to `tidy`: what `append` kept is kept."""
        try:
            done = self._read(lambda db: sqlite_ahead.erase(db, seconds), True)
            if done:
                self._write(sqlite_ahead.erased)
        except LogError:
            return False
        return done

    def compact(self) -> str | None:
        """See `PatchLog.compact`."""
        why = self._read(sqlite_ahead.compact, None)
        return None if why is None else f"{self.where}: {why}; forget again later"

    def close(self) -> None:
        """See `PatchLog.close`."""
        self._file.close()

    def _each(self, make: Callable[[tuple[Any, ...]], T], query: str, values: tuple[int, ...]) -> Iterator[T]:
        """Row by row, on a separate connection, so that this thread may make other calls in between."""
        if not self._file.path.exists():
            return
        with closing(self._file.alone(self._patience.follow)) as db:
            rows = self._file.told(lambda: db.execute(query, values))
            while block := self._file.told(lambda: list(map(make, rows.fetchmany(1000)))):
                yield from block


def _keep(db: sqlite3.Connection, patches: Sequence[Patch]) -> int:
    """Keep what is new in patches. Returns the position after them."""
    vouched = sqlite_ahead.check_clock(db, patches)
    before, pruned = db.execute("SELECT position, pruned FROM head").fetchone()
    position, latest = before, latest_time()
    for patch in patches:
        if patch.kind == ITEM:
            new = _keep_item(db, patch, position + 1, vouched)
        elif patch.kind == EVENT:
            new = patch.at >= pruned and _keep_event(db, patch, position + 1, latest)
        else:
            new = _keep_forget(db, patch, position + 1, latest)
        position += new
    if position > before:
        db.execute("UPDATE head SET position = ?", (position,))
        mark(db, position)
    return int(position)


def _keep_item(db: sqlite3.Connection, patch: Patch, position: int, latest: int) -> bool:
    changed = False
    for said in statements(patch, position):
        query = f"SELECT {STATEMENT}, rowid FROM statements WHERE item = ? AND field = ?"
        rows = [(_statement(row[:-1]), row[-1]) for row in db.execute(query, (said.item, said.field))]
        before = front((old for old, _ in rows), latest)
        after = add(before, said, latest)
        if after is before:
            continue
        changed = True
        gone = [(row,) for old, row in rows if old not in after]
        db.executemany("DELETE FROM statements WHERE rowid = ?", gone)
        db.execute(f"INSERT INTO statements ({STATEMENT}) VALUES (?, ?, ?, ?, ?, ?, ?)", _row(said))
    return changed


def _keep_event(db: sqlite3.Connection, patch: Patch, position: int, latest: int) -> bool:
    item, kind, value = (patch.values[name] for name in ("item", "type", "value"))
    found = db.execute(
        f"INSERT INTO events ({EVENT_ROW}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "
        "WHERE NOT EXISTS (SELECT 1 FROM forgotten WHERE user = ?1 AND at BETWEEN ?4 AND ?8) ON CONFLICT DO NOTHING",
        (patch.key, item, kind, patch.at, patch.source, canonical(value), position, latest),
    )
    return found.rowcount == 1


def _keep_forget(db: sqlite3.Connection, patch: Patch, position: int, latest: int) -> bool:
    sqlite_ahead.erasing(db)
    db.execute("DELETE FROM events WHERE user = ? AND at <= ?", (patch.key, patch.at))
    found = db.execute(
        "INSERT INTO forgotten VALUES (?1, ?2, ?3) ON CONFLICT (user) DO UPDATE "
        "SET at = excluded.at, position = excluded.position WHERE excluded.at > at OR at > ?4",
        (patch.key, patch.at, position, latest),
    )
    return found.rowcount == 1


def _statement(row: tuple[Any, ...]) -> Statement:
    return Statement._make((*row[:5], json.loads(row[5]), row[6]))


def _row(said: Statement) -> tuple[Any, ...]:
    return (*said[:5], canonical(said.value), said.position)


def _event(row: tuple[Any, ...]) -> Event:
    return Event._make((*row[:5], None if row[5] == "null" else float(row[5]), row[6]))
