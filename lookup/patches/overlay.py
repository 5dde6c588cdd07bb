"""The overlay: what a reader remembers of the patch log.

It holds the statements on items, who was forgotten, and who has new events. The events themselves stay in the log;
a call for a user reads them.
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
"""About how much memory a statement takes, without its texts."""
USER_BYTES = 180
"""About how much memory a user takes."""
MOST_MARKS = 100_000
"""How many changed items are remembered one by one. A state that is further behind is made from all statements."""

Fields = dict[str, Front]
"""The fronts of an item by field. A change replaces the dictionary."""


class View(NamedTuple):
    """What an overlay holds at one moment."""

    items: dict[str, Fields]
    """By item id. Of all items, or of those that changed since another view; then no fields mean no statements."""
    mark: int
    """Names the moment, for `Overlay.since`."""
    until: int
    """When the next statement ends, microseconds since 1970."""


class Stats(NamedTuple):
    """What an overlay holds."""

    statements: int
    users: int
    """Users with events, or forgotten, since the release."""
    bytes: int
    """About how much memory they take."""
    most_bytes: int
    """The limit."""
    evicted: int
    """How many statements on items were dropped, the oldest first, because of the limit. They do not hold here."""
    position: int
    """The position up to which the log was read."""
    oldest: int | None
    """The `at` of the oldest statement, microseconds since 1970; None without statements."""


class Overlay:
    """The memory of one reader. Thread-safe; reads the log without a lock, so that a slow log delays no call.

    log: of the patches. most_bytes: about how much memory statements and users may take. Above it, the oldest
    statements are dropped, which is logged and counted. Where users alone take half, the overlay forgets who has
    events, and every call asks the log: slower, but right.
    """

    def __init__(self, log: PatchLog, most_bytes: int = 256 << 20):
        self.log, self.most_bytes = log, most_bytes
        self.fields: dict[str, Fields] = {}
        self.forgotten: dict[str, tuple[int, int]] = {}
        """User id → `at` and position of the newest forget."""
        self.users: dict[str, int] = {}
        """User id → position of the newest event."""
        self.all_users = False
        """Whether any user may have events, because `users` had grown too large."""
        self.position = self.evicted = 0
        self.mark = 0
        """Counts the changes to items."""
        self._lock = threading.Lock()
        hold_at_fork(self, self._lock, depth=2)
        self._since: int | None = None
        self._statements = self._bytes = 0
        self._ends: list[tuple[int, str]] = []
        self._changed: list[str] = []

    def follow(self, watermark: int) -> None:
        """Load what a release with this watermark needs. Raises LogError when the log cannot be read."""
        for attempt in range(3):
            if self._since is not None and self._since <= watermark:
                return
            standing, changes = self.log.standing(watermark), self.log.changes(watermark)
            with self._lock:
                if self._since is not None and self.position > changes.position and attempt < 2:
                    continue  # another thread has read further meanwhile
                self.fields, self.forgotten, self.users, self.all_users = {}, {}, {}, False
                self._ends, self._statements, self._bytes = [], 0, 0
                self.mark += MOST_MARKS + 1  # everything may differ now
                self._changed = []
                self._add_statements(standing)
                self._apply(changes)
                self._since, self.position = watermark, changes.position

    def look(self) -> None:
        """Read what is new in the log. Raises LogError when it is unreadable or gone; what is known stays."""
        after = self.position
        changes = self.log.changes(after)
        if changes.position == after:
            return
        if changes.position < after:
            changes = self._restarted(changes.position)
        with self._lock:
            self._apply(changes)
            if changes.position > self.position or self.position == after:
                self.position = changes.position

    def absorb(self, watermark: int, now: int) -> None:
        """Drop what every release in use has absorbed, and statements that have ended. now: microseconds since 1970."""
        if self._since is None or watermark <= self._since:
            return
        if self.all_users:  # few enough users may be left
            self._since = None
            self.follow(watermark)
        with self._lock:
            for item, fields in list(self.fields.items()):
                for field, front in fields.items():
                    left = tuple(
                        one for one in front if not one.absorbed(watermark) and (one.until is None or one.until > now)
                    )
                    if len(left) < len(front):
                        self._set_front(item, field, left)
            self.users = {user: position for user, position in self.users.items() if position > watermark}
            self.forgotten = {user: one for user, one in self.forgotten.items() if one[1] > watermark}
            self._since = watermark

    def view(self, now: int | None) -> View:
        """All statements. now: statements that end by then, in microseconds, count as changes; None for replays."""
        with self._lock:
            self._expire(now)
            return View(dict(self.fields), self.mark, self._ends[0][0] if self._ends else FOREVER)

    def since(self, mark: int, now: int) -> View | None:
        """What changed since a mark; None where too much did. now: as in `view`."""
        with self._lock:
            self._expire(now)
            behind = self.mark - mark
            if behind > len(self._changed):
                return None
            items = dict.fromkeys(self._changed[len(self._changed) - behind :])
            found = {item: self.fields.get(item, {}) for item in items}
            return View(found, self.mark, self._ends[0][0] if self._ends else FOREVER)

    def stats(self) -> Stats:
        """What the overlay holds."""
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

    def _restarted(self, position: int) -> Changes:
        """All changes of a log that was started again. Raises LogError for an empty one."""
        if position == 0:
            raise LogError(
                f"{self.log.where}: the log is gone or empty; it was read up to position {self.position}, and what was "
                "read still holds: restore the log from a copy"
            )
        LOG.warning(
            "%s: ends at position %d, was read up to %d: the log was started again, and is read from its beginning",
            self.log.where,
            position,
            self.position,
        )
        return self.log.changes(0)

    def _apply(self, changes: Changes) -> None:
        """Apply what the log has. Changes that were applied before change nothing."""
        self._add_statements(changes.statements)
        for one in changes.forgotten:
            self.forgotten[one.user] = max((one.at, one.position), self.forgotten.get(one.user, (0, 0)))
        if not self.all_users:
            for user, position in changes.users.items():
                self.users[user] = max(position, self.users.get(user, 0))
        if len(self.users) * USER_BYTES > self.most_bytes // 2:
            self.users, self.all_users = {}, True
            LOG.warning("patches: too many users have events since the release; every call asks the log")
        if self._size > self.most_bytes:
            self._evict()
        if len(self._changed) > MOST_MARKS:
            self._changed = self._changed[-MOST_MARKS // 2 :]

    def _add_statements(self, statements: Iterable[Statement]) -> None:
        for one in statements:
            before = self.fields.get(one.item, {}).get(one.field, ())
            after = add(before, one)
            if after is not before:
                self._set_front(one.item, one.field, after)
                self._mark_changed(one.item)
                if one.until is not None:
                    heapq.heappush(self._ends, (one.until, one.item))

    def _set_front(self, item: str, field: str, front: Front) -> None:
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

    def _mark_changed(self, item: str) -> None:
        self._changed.append(item)
        self.mark += 1

    def _expire(self, now: int | None) -> None:
        while now is not None and self._ends and self._ends[0][0] <= now:
            self._mark_changed(heapq.heappop(self._ends)[1])

    def _evict(self) -> None:
        """Drop the oldest statements, by position, until nine tenths of the limit remain in use."""
        every = sorted(
            (one.position, item, field)
            for item, fields in self.fields.items()
            for field, front in fields.items()
            for one in front
        )
        dropped = 0
        for position, item, field in every:
            if self._size <= 0.9 * self.most_bytes:
                break
            self._set_front(item, field, tuple(one for one in self.fields[item][field] if one.position != position))
            self._mark_changed(item)
            dropped += 1
        self.evicted += dropped
        LOG.warning("patches: %d statements on items evicted, the limit is %d bytes", dropped, self.most_bytes)


def _bytes(statement: Statement) -> int:
    value = statement.value
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return STATEMENT_BYTES + len(statement.item) + sum(map(len, texts))
