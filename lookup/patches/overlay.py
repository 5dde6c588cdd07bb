"""The overlay: what a reader remembers of the patch log.

It holds the statements on items, who was forgotten, and who has new events. The events themselves stay in the log;
a call for a user reads them.
"""

import logging
import threading
from typing import NamedTuple

from lookup.background import hold_at_fork
from lookup.errors import LogError
from lookup.patches.item_fronts import Fields, ItemFronts, View
from lookup.patches.patch import latest_time
from lookup.patches.patch_log import Changes, PatchLog

LOG = logging.getLogger("lookup")
USER_BYTES = 140
"""About how much memory a user takes, as measured."""


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
    refused: int
    """Statements in the log that are more than a reader takes, such as a category path of thousands of names."""
    ahead: int
    """Statements of a time that has not come yet: the clock of their writer was wrong. They count for nothing."""
    oldest: int | None
    """The `at` of the oldest statement, microseconds since 1970; None without statements."""


class Overlay:
    """The memory of one reader. Thread-safe; reads the log without a lock, so that a slow log delays no call.

    log: of the patches. most_bytes: about how much memory statements and users may take. Above it, the oldest
    statements are dropped, which is logged and counted. Where users alone take half, the overlay forgets who has
    events, and every call asks the log: slower, but right. item_bytes: what an item with a text or a category takes
    besides, because a state makes vectors of it.
    """

    def __init__(self, log: PatchLog, most_bytes: int = 256 << 20, item_bytes: int = 0):
        self.log, self.most_bytes = log, most_bytes
        self.forgotten: dict[str, tuple[int, int]] = {}
        """User id → `at` and position of the newest forget."""
        self.users: dict[str, int] = {}
        """User id → position of the newest event."""
        self.all_users = False
        """Whether any user may have events, because `users` had grown too large."""
        self.position = self.evicted = 0
        self._items = ItemFronts(item_bytes)
        self._lock = threading.Lock()
        hold_at_fork(self, self._lock, depth=2)
        self._since: int | None = None

    @property
    def mark(self) -> int:
        """Counts the changes to items."""
        return self._items.mark

    @property
    def fields(self) -> dict[str, Fields]:
        """The fronts of each patched item."""
        return self._items.fields

    @property
    def problem(self) -> str | None:
        """Which statements of the log are refused, and why; None where none is."""
        with self._lock:
            (item, _), (_, why) = next(iter(self._items.refused.items()), (("", ""), (0, "")))
            count = len(self._items.refused)
        if not count:
            return None
        return (
            f"{self.log.where}: {count} patched values are refused; the first: item {item!r:.100}: {why}; patch the "
            "item anew"
        )

    def follow(self, watermark: int) -> None:
        """Load what a release with this watermark needs. Raises LogError when the log cannot be read."""
        for attempt in range(3):
            if self._since is not None and self._since <= watermark:
                return
            standing, changes = self.log.standing(watermark), self.log.changes(watermark)
            with self._lock:
                if self._since is not None and self.position > changes.position and attempt < 2:
                    continue  # another thread has read further meanwhile
                self.forgotten, self.users, self.all_users = {}, {}, False
                self._items.clear()
                self._items.add(standing)
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
            self._items.drop(watermark, now)
            self.users = {user: position for user, position in self.users.items() if position > watermark}
            self.forgotten = {user: one for user, one in self.forgotten.items() if one[1] > watermark}
            self._since = watermark

    def view(self, now: int | None) -> View:
        """All statements. now: statements that end by then, in microseconds, count as changes; None for replays."""
        with self._lock:
            self._expire(now)
            return self._items.view()

    def since(self, mark: int, now: int) -> View | None:
        """What changed since a mark; None where too much did. now: as in `view`."""
        with self._lock:
            self._expire(now)
            return self._items.since(mark)

    def stats(self) -> Stats:
        """What the overlay holds."""
        with self._lock:
            fields, refused, latest = dict(self.fields), len(self._items.refused), latest_time()
            counts = (
                self._items.statements, self._users, self._size, self.most_bytes, self.evicted, self.position, refused
            )  # fmt: skip
        times = [one.at for fronts in fields.values() for front in fronts.values() for one in front]
        return Stats(*counts, sum(at > latest for at in times), min(times, default=None))

    @property
    def _users(self) -> int:
        return len(self.users) + len(self.forgotten)

    @property
    def _size(self) -> int:
        return self._items.bytes + self._users * USER_BYTES

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
        self._items.add(changes.statements)
        for one in changes.forgotten:
            if one.position > self.forgotten.get(one.user, (0, 0))[1]:
                self.forgotten[one.user] = (one.at, one.position)
        if not self.all_users:
            for user, position in changes.users.items():
                self.users[user] = max(position, self.users.get(user, 0))
        if len(self.users) * USER_BYTES > self.most_bytes // 2:
            self.users, self.all_users = {}, True
            LOG.warning("patches: too many users have events since the release; every call asks the log")
        if self._size > self.most_bytes:
            dropped = self._items.evict(0.9 * self.most_bytes - self._users * USER_BYTES)
            self.evicted += dropped
            LOG.warning("patches: %d statements on items evicted, the limit is %d bytes", dropped, self.most_bytes)

    def _expire(self, now: int | None) -> None:
        if self._items.expire(now):
            self._since = None  # read again what was dropped
