"""The log of patches: durable, shared by every reader and writer, and the same behind SQLite and Redis.

A patch that says something new gets a *position*, which rises; one that the log has already, or that can never hold
(`lookup.patches.patch`), gets none. A release has absorbed the log up to its *watermark*, a position: what a reader
of that
release leaves out. What the log holds depends on which patches came, not on when, in which batches, or how often.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from lookup.errors import LogError
from lookup.patches.patch import Patch, Statement

FILE = "patches.sqlite"
"""The log's name in the folder of releases."""
MOST_EVENTS = 10_000
"""So many events of one user a call reads at most: some 5 MB. The rest is history that no vector takes in."""
FOREVER = 2**62
"""A time, microseconds since 1970, after all others."""
SCHEMES = ("redis://", "rediss://", "unix://")


class Event(NamedTuple):
    """Something a user did with an item."""

    user: str
    item: str
    type: str
    at: int
    """Microseconds since 1970, UTC."""
    source: str
    value: float | None
    position: int


class Forgotten(NamedTuple):
    """A user whose events up to a time are gone."""

    user: str
    at: int
    """Microseconds since 1970, UTC: the latest time of which it was said."""
    position: int
    """Where that was said."""


@dataclass(frozen=True)
class Changes:
    """What the log got after a position."""

    position: int
    """Everything up to here is in these changes, or came before them. Less than what was asked for where an older copy
    took the log's place: then begin anew."""
    statements: list[Statement]
    """In the order of their positions."""
    forgotten: list[Forgotten]
    users: dict[str, int]
    """Who had events, and the position of the last."""


class PatchLog(Protocol):
    """The log. Thread-safe, and usable after a fork. Every call may raise LogError, which names the log."""

    @property
    def where(self) -> str:
        """Path or URL, without a password."""

    def append(self, patches: Iterable[Patch]) -> int:
        """Keep patches: all of them or, where it raises, none; they are on disk before it returns. Returns the position
        after them. An event older than what `prune` removed counts as one that the log had.

        Raises PatchError for a patch that cannot be.
        """

    def position(self) -> int:
        """The position of the newest patch; 0 where there is none."""

    def changes(self, after: int) -> Changes:
        """What came after a position; takes microseconds where nothing did (SQLite), or one round trip (Redis)."""

    def standing(self, until: int) -> list[Statement]:
        """The statements up to a position that no release absorbs (`Statement.absorbed`): what a reader begins with,
        before it follows the changes after the watermark of its release.
        """

    def events(self, user: str, after: int, until: int = FOREVER, newest: int = MOST_EVENTS) -> list[Event]:
        """The events of a user after a position and up to a time, by time: the newest, so many at most."""

    def all_events(self, after: int, until: int) -> Iterator[Event]:
        """The events of all users after a position up to another, in any order."""

    def items(self, until: int) -> Iterator[Statement]:
        """The statements up to a position that a release absorbs, one a field at most; those of an item together."""

    def forgotten(self) -> list[Forgotten]:
        """Every user who was ever forgotten."""

    def reach(self, before: int) -> int:
        """The watermark of a release that knows what was so before a time (microseconds): the last position such that
        no event, and no statement that a release absorbs, up to it is of that time or later.
        """

    def prune(self, absorbed: int, before: int) -> int:
        """Remove events up to a position that are of before a time, and statements that had ended by then. Returns how
        many rows went.

        absorbed: the lowest watermark of the releases that are kept. Statements without an end stay, a few a field of
        an item, for an older one that comes late must find them; and so does who was forgotten.
        """

    def close(self) -> None:
        """Let go of files and connections. The next call opens them again."""


def by_time(event: Event) -> tuple[object, ...]:
    """The order of a user's events; the same whatever came first."""
    return event.at, event.item, event.type, event.source, event.value is not None, event.value


def open_log(where: str | os.PathLike[str]) -> PatchLog:
    """The log at a path (a file, or the folder that holds `patches.sqlite`) or at `redis://host:port/db`.

    A SQLite log that is not there is empty, and is made by the first `append`. Raises LogError where the Redis server
    cannot be reached, or its package is not installed.
    """
    if isinstance(where, str) and where.startswith(SCHEMES):
        try:
            from lookup.patches.redis_log import RedisLog
        except ModuleNotFoundError as error:
            if error.name != "redis":
                raise
            raise LogError("a log in Redis needs the package redis: pip install 'daybreak[redis]'") from None
        return RedisLog(where)
    from lookup.patches.sqlite_log import SqliteLog

    path = Path(where)
    return SqliteLog(path / FILE if path.is_dir() else path)
