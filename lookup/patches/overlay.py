"""What a reader remembers of the log of patches: statements on items, who was forgotten, who had events since.

Users' events themselves stay in the log, and are read when a call asks for that user.
"""

import heapq
import logging
import threading
from collections.abc import Iterable
from typing import NamedTuple

from lookup.background import hold_at_fork
from lookup.errors import LogError
from lookup.patches.patch import Front, Statement, add
from lookup.patches.patch_log import FOREVER, Changes, PatchLog

LOG = logging.getLogger("lookup")
STATEMENT_BYTES = 700
"""About what a statement takes in memory, beside its texts."""
USER_BYTES = 180
"""About what a user takes."""
KEPT_MARKS = 100_000
"""So many changed items are remembered one by one; who is further behind looks at all."""

Fields = dict[str, Front]
"""The fronts of an item by field; never changed, but replaced."""


class View(NamedTuple):
    """What an overlay held at one moment."""

    items: dict[str, Fields]
    """By item id: of all items, or of those that changed since another view, where none means nothing any more."""
    mark: int
    """The moment, for `Overlay.since`."""
    until: int
    """When the next statement ends, microseconds since 1970."""


class Stats(NamedTuple):
    """What an overlay holds."""

    statements: int
    users: int
    """With events, or forgotten, since the release."""
    bytes: int
    """About."""
    most_bytes: int
    evicted: int
    """Statements on items that had to go, the oldest first, because they were too many: they do not hold here."""
    position: int
    """Of the log, up to which it was read."""
    oldest: int | None
    """Event time of the oldest statement, microseconds since 1970; None where there is none."""


class Overlay:
    """The memory of one reader. Thread-safe; the log is read without a lock, so that a slow one holds nobody up.

    log: where the patches are. most_bytes: what statements and users may take, about. When there are too many the
    oldest statements go, which is logged and counted; when users take more than half, all users' events are asked for
    at each call: slower, but never wrong.
    """

    def __init__(self, log: PatchLog, most_bytes: int = 256 << 20):
        self.log, self.most_bytes = log, most_bytes
        self.fields: dict[str, Fields] = {}
        self.forgotten: dict[str, tuple[int, int]] = {}
        """User id → event time and position of the newest forget."""
        self.users: dict[str, int] = {}
        """User id → position of the newest event."""
        self.all_users = False
        """Whether `users` is not complete, because there were too many."""
        self.position = self.evicted = 0
        self.mark = 0
        """Counts the changes of items."""
        self._lock = threading.Lock()
        hold_at_fork(self, self._lock, depth=2)
        self._since: int | None = None
        self._statements = self._bytes = 0
        self._ends: list[tuple[int, str]] = []
        self._changed: list[str] = []

    def follow(self, watermark: int) -> None:
        """Hold what a release with this watermark needs. Raises LogError when the log cannot be read."""
        for attempt in range(3):
            if self._since is not None and self._since <= watermark:
                return
            standing, changes = self.log.standing(watermark), self.log.changes(watermark)
            with self._lock:
                if self._since is not None and self.position > changes.position and attempt < 2:
                    continue  # another thread has read on meanwhile
                self.fields, self.forgotten, self.users, self.all_users = {}, {}, {}, False
                self._ends, self._statements, self._bytes = [], 0, 0
                self.mark += KEPT_MARKS + 1  # everything may be another now
                self._changed = []
                self._put_in(standing)
                self._take(changes)
                self._since, self.position = watermark, changes.position

    def look(self) -> None:
        """Read what is new in the log. Raises LogError when it cannot be read, or is gone; what is known stays."""
        after = self.position
        changes = self.log.changes(after)
        if changes.position == after:
            return
        if changes.position < after:
            changes = self._other(changes.position)
        with self._lock:
            self._take(changes)
            if changes.position > self.position or self.position == after:
                self.position = changes.position

    def absorb(self, watermark: int, now: int) -> None:
        """Let go of what every release in use has absorbed, and of what had ended. now: microseconds since 1970."""
        if self._since is None or watermark <= self._since:
            return
        if self.all_users:  # they may be few enough again
            self._since = None
            self.follow(watermark)
        with self._lock:
            for item, fields in list(self.fields.items()):
                for field, front in fields.items():
                    kept = tuple(
                        one for one in front if not one.absorbed(watermark) and (one.until is None or one.until > now)
                    )
                    if len(kept) < len(front):
                        self._put(item, field, kept)
            self.users = {user: position for user, position in self.users.items() if position > watermark}
            self.forgotten = {user: one for user, one in self.forgotten.items() if one[1] > watermark}
            self._since = watermark

    def view(self, now: int | None) -> View:
        """All statements. now: those that have ended by then (microseconds) count as changes; None: for replays."""
        with self._lock:
            self._expire(now)
            return View(dict(self.fields), self.mark, self._ends[0][0] if self._ends else FOREVER)

    def since(self, mark: int, now: int) -> View | None:
        """What changed since a mark; None where that is no longer known."""
        with self._lock:
            self._expire(now)
            behind = self.mark - mark
            if behind > len(self._changed):
                return None
            items = dict.fromkeys(self._changed[len(self._changed) - behind :])
            found = {item: self.fields.get(item, {}) for item in items}
            return View(found, self.mark, self._ends[0][0] if self._ends else FOREVER)

    def stats(self) -> Stats:
        """What it holds."""
        with self._lock:
            fields = dict(self.fields)
            counts = (self._statements, self._users, self._size, self.most_bytes, self.evicted, self.position)
        ages = (one.at for fronts in fields.values() for front in fronts.values() for one in front)
        return Stats(*counts, min(ages, default=None))

    @property
    def _users(self) -> int:
        return len(self.users) + len(self.forgotten)

    @property
    def _size(self) -> int:
        return self._bytes + self._users * USER_BYTES

    def _other(self, position: int) -> Changes:
        """What a log has that was begun anew, or LogError when there is none."""
        if position == 0:
            raise LogError(
                f"{self.log.where}: the log is gone or empty; it was read up to position {self.position}, and what was "
                "read goes on to hold: restore it from a copy"
            )
        LOG.warning(
            "%s: ends at position %d, was read up to %d: it was begun anew, and is read from its beginning",
            self.log.where,
            position,
            self.position,
        )
        return self.log.changes(0)

    def _take(self, changes: Changes) -> None:
        """Put in what the log has; the same again changes nothing."""
        self._put_in(changes.statements)
        for one in changes.forgotten:
            self.forgotten[one.user] = max((one.at, one.position), self.forgotten.get(one.user, (0, 0)))
        if not self.all_users:
            for user, position in changes.users.items():
                self.users[user] = max(position, self.users.get(user, 0))
        if len(self.users) * USER_BYTES > self.most_bytes // 2:
            self.users, self.all_users = {}, True
            LOG.warning("patches: too many users have events since the release; each call asks the log")
        if self._size > self.most_bytes:
            self._evict()
        if len(self._changed) > KEPT_MARKS:
            self._changed = self._changed[-KEPT_MARKS // 2 :]

    def _put_in(self, statements: Iterable[Statement]) -> None:
        for one in statements:
            before = self.fields.get(one.item, {}).get(one.field, ())
            after = add(before, one)
            if after is not before:
                self._put(one.item, one.field, after)
                self._count(one.item)
                if one.until is not None:
                    heapq.heappush(self._ends, (one.until, one.item))

    def _put(self, item: str, field: str, front: Front) -> None:
        fields = self.fields.get(item, {})
        before = fields.get(field, ())
        self._statements += len(front) - len(before)
        self._bytes += sum(map(_bytes, front)) - sum(map(_bytes, before))
        fields = {name: one for name, one in fields.items() if name != field}
        if front:
            fields[field] = front
        if fields:
            self.fields[item] = fields
        else:
            self.fields.pop(item, None)

    def _count(self, item: str) -> None:
        self._changed.append(item)
        self.mark += 1

    def _expire(self, now: int | None) -> None:
        while now is not None and self._ends and self._ends[0][0] <= now:
            self._count(heapq.heappop(self._ends)[1])

    def _evict(self) -> None:
        """Let the oldest statements go, by their place in the log, until nine tenths of the limit are kept."""
        every = sorted(
            (one.position, item, field)
            for item, fields in self.fields.items()
            for field, front in fields.items()
            for one in front
        )
        gone = 0
        for position, item, field in every:
            if self._size <= 0.9 * self.most_bytes:
                break
            self._put(item, field, tuple(one for one in self.fields[item][field] if one.position != position))
            self._count(item)
            gone += 1
        self.evicted += gone
        LOG.warning("patches: %d statements on items evicted, the limit is %d bytes", gone, self.most_bytes)


def _bytes(statement: Statement) -> int:
    value = statement.value
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return STATEMENT_BYTES + len(statement.item) + sum(map(len, texts))
