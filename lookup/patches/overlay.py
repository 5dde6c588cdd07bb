"""The overlay: what a reader remembers of the patch log.

It holds the statements on items, who was forgotten, and who has new events. The events themselves stay in the log;
a call for a user reads them.
"""

import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from lookup.background import hold_at_fork
from lookup.patches.item_fronts import Fields, ItemFronts, View
from lookup.patches.patch import EVENT, FORGET, ITEM, Patch, add, latest_time, statements
from lookup.patches.patch_log import Changes, Forgotten, PatchLog, Place

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
        self.place: Place | None = None
        """How far the log was read; None before it was read at all."""
        self.evicted = 0
        self._own = 0
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

    @property
    def position(self) -> int:
        """The position up to which the log was read."""
        return 0 if self.place is None else self.place.position

    def follow(self, watermark: int, *, anew: bool = False) -> None:
        """Load what a release with this watermark needs. Raises LogError when the log cannot be read.

        anew: though it was loaded, because another log has taken the place of the one that was read.
        """
        for attempt in range(3):
            if not anew and self._since is not None and self._since <= watermark:
                return
            own, here = self._own, self.log.place()
            standing, changes = self.log.standing(watermark), self.log.changes(watermark)
            with self._lock:
                further = not anew and self.place is not None and self.place.position > here.position
                if (further or own != self._own) and attempt < 2:
                    continue  # another thread has read further meanwhile, or has written
                self.forgotten, self.users, self.all_users = {}, {}, False
                self._items.clear()
                self._items.add(standing)
                self._apply(changes)
                self._since, self.place = watermark, here
                return

    def look(self) -> bool:
        """Read what is new in the log. Raises LogError when it is unreadable; what is known stays.

        Returns False, and reads nothing, where the log is not the one that was read, or an older copy of it, or where
        none was read.
        """
        place, here = self.place, self.log.place()
        if here == place:
            return True
        if place is None or not self.log.passed(place):
            return False
        changes = self.log.changes(place.position)
        with self._lock:
            if self.place is None or self.place.log not in (place.log, here.log):
                return False  # another thread has loaded another log meanwhile
            if self.place is place or self.place.position < here.position:  # else another thread has read all of it
                self._apply(changes)
                self.place = here
        return True

    def wrote(self, patches: Sequence[Patch], position: int) -> None:
        """Know what this process has just written, though the log cannot be read: it came to a position."""
        said = [one for patch in patches if patch.kind == ITEM for one in statements(patch, position)]
        gone = [Forgotten(patch.key, patch.at, position) for patch in patches if patch.kind == FORGET]
        users = {patch.key: position for patch in patches if patch.kind == EVENT}
        with self._lock:
            self._own += 1
            self._apply(Changes(position, said, gone, users))

    def known(self, now: int) -> list[Patch]:
        """All that holds, as patches. now: microseconds since 1970; what has ended by then is left out."""
        with self._lock:
            fields, forgotten = dict(self.fields), dict(self.forgotten)
        every = (one for fronts in fields.values() for front in fronts.values() for one in front)
        return [
            *(Patch(FORGET, user, at, "shop", None, {}) for user, (at, _) in forgotten.items()),
            *(
                Patch(ITEM, one.item, one.at, one.source, one.until, {one.field: one.value})
                for one in every
                if one.until is None or one.until > now
            ),
        ]

    def lacks(self, patch: Patch) -> bool:
        """Whether a patch of `known` would change what the overlay holds."""
        if patch.kind == FORGET:
            return self.forgotten.get(patch.key, (0, 0))[0] < patch.at
        fields, latest = self.fields.get(patch.key, {}), latest_time()
        fronts = ((fields.get(one.field, ()), one) for one in statements(patch))
        return any(add(front, one, latest) is not front for front, one in fronts)

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
