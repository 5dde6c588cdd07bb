"""What a reader remembers of the log of patches: statements on items, who was forgotten, who had events since.

Users' events themselves stay in the log, and are read when a call asks for that user.
"""

import heapq
import logging
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from lookup.log import Log
from lookup.patches import Front, Statement, add

LOG = logging.getLogger("lookup")
LOOK_SECONDS = 0.05
"""How often the log is asked what others wrote."""
STATEMENT_BYTES = 700
"""About what a statement takes in memory, beside its texts."""
USER_BYTES = 180
"""About what a user takes."""
KEPT_MARKS = 100_000
"""So many changed items are remembered one by one; who is further behind looks at all."""


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
    """The memory of one reader. Thread-safe.

    log: where the patches are. most_bytes: what statements and users may take, about. When statements are too many the
    oldest go, which is logged and counted; when users are, all users' events are asked for at each call: slower, but
    never wrong.
    """

    def __init__(self, log: Log, most_bytes: int = 256 << 20):
        self.log, self.most_bytes = log, most_bytes
        self.lock = threading.RLock()
        self.fields: dict[str, dict[str, Front]] = {}
        """Item id → field → its front."""
        self.forgotten: dict[str, tuple[int, int]] = {}
        """User id → event time and position of the newest forget."""
        self.users: dict[str, int] = {}
        """User id → position of the newest event."""
        self.all_users = False
        """Whether `users` is not complete, because there were too many."""
        self.position = 0
        self.evicted = 0
        self._since: int | None = None
        self._look_at = 0.0
        self._statements = 0
        self._bytes = 0
        self._ends: list[tuple[int, str]] = []
        self._changed: list[str] = []
        self._changed_before = 0

    def follow(self, watermark: int) -> None:
        """Hold what a release with this watermark needs; what it has absorbed may go.

        Raises LogError when the log cannot be read.
        """
        with self.lock:
            if self._since is not None and self._since <= watermark:
                return
            standing = self.log.standing(watermark)
            self.fields, self.forgotten, self.users, self.all_users = {}, {}, {}, False
            self._ends, self._statements, self._bytes = [], 0, 0
            self._changed_before += len(self._changed) + KEPT_MARKS + 1  # everything may be another now
            self._changed = []
            self._since = self.position = watermark
            self._take(standing)
            self._read()

    def absorb(self, watermark: int) -> None:
        """Let go of what every release in use has absorbed."""
        with self.lock:
            if self._since is None or watermark <= self._since:
                return
            for item, fields in list(self.fields.items()):
                for field, front in list(fields.items()):
                    kept = tuple(one for one in front if not one.absorbed(watermark))
                    if len(kept) < len(front):
                        self._put(item, field, kept)
            self.users = {user: position for user, position in self.users.items() if position > watermark}
            self.forgotten = {user: one for user, one in self.forgotten.items() if one[1] > watermark}
            self._since = watermark

    def look(self, now: bool = False) -> None:
        """Read what is new in the log, if it is time to, or `now`. Raises LogError when it cannot be read."""
        if now or time.monotonic() >= self._look_at:
            with self.lock:
                self._look_at = time.monotonic() + LOOK_SECONDS
                self._read()

    def expire(self, at: int) -> None:
        """Count items as changed of which a statement ended before or at a time (microseconds)."""
        if self._ends and self._ends[0][0] <= at:
            with self.lock:
                while self._ends and self._ends[0][0] <= at:
                    self._changed.append(heapq.heappop(self._ends)[1])

    @property
    def next_end(self) -> int | None:
        """When the next statement ends, microseconds; None where none does."""
        return self._ends[0][0] if self._ends else None

    @property
    def mark(self) -> int:
        """Where the list of changed items ends, for `changed`."""
        return self._changed_before + len(self._changed)

    def changed(self, mark: int) -> list[str] | None:
        """The items that changed since a mark; None where that is no longer known."""
        return None if mark < self._changed_before else self._changed[mark - self._changed_before :]

    def stats(self) -> Stats:
        """What it holds."""
        with self.lock:
            ages = [one.at for fields in self.fields.values() for front in fields.values() for one in front]
            users = len(self.users) + len(self.forgotten)
            size = self._bytes + users * USER_BYTES
            return Stats(
                self._statements,
                users,
                size,
                self.most_bytes,
                self.evicted,
                self.position,
                min(ages, default=None),
            )

    def _read(self) -> None:
        changes = self.log.changes(self.position)
        if changes.position == self.position:
            return
        self._take(changes.statements)
        for one in changes.forgotten:
            self.forgotten[one.user] = (one.at, one.position)
        self.users.update(changes.users)
        self.position = changes.position
        if self._bytes > self.most_bytes:
            self._evict()
        if len(self.users) * USER_BYTES > self.most_bytes:
            self.users, self.all_users = {}, True
            LOG.warning("patches: too many users have events since the release; each call asks the log")
        if len(self._changed) > KEPT_MARKS:
            self._changed_before += len(self._changed)
            self._changed = []

    def _take(self, statements: Iterable[Statement]) -> None:
        for one in statements:
            before = self.fields.get(one.item, {}).get(one.field, ())
            after = add(before, one)
            if after is not before:
                self._put(one.item, one.field, after)
                if one.until is not None:
                    heapq.heappush(self._ends, (one.until, one.item))

    def _put(self, item: str, field: str, front: Front) -> None:
        fields = self.fields.setdefault(item, {})
        before = fields.get(field, ())
        self._statements += len(front) - len(before)
        self._bytes += sum(map(_size, front)) - sum(map(_size, before))
        if front:
            fields[field] = front
        else:
            fields.pop(field, None)
            if not fields:
                del self.fields[item]
        self._changed.append(item)

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
            if self._bytes <= 0.9 * self.most_bytes:
                break
            front = self.fields[item][field]
            self._put(item, field, tuple(one for one in front if one.position != position))
            gone += 1
        self.evicted += gone
        LOG.warning("patches: %d statements on items evicted, the limit is %d bytes", gone, self.most_bytes)


def _size(statement: Statement) -> int:
    return STATEMENT_BYTES + len(statement.item) + (len(statement.value) if isinstance(statement.value, str) else 0)
