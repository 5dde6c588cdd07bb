"""The patch log: durable, shared by all readers and writers, and the same in SQLite and in Redis.

A patch that states something new gets a *position*; positions rise. A patch that the log has already, or that can never
hold (`lookup.patches.patch`), gets none. A release has absorbed the log up to its *watermark*, a position; its readers
leave those patches out. The content of the log depends on which patches arrived, not on when, in which batches, or how
often.

A log has an id, made with its first patch, and every `append` leaves a mark at the position it came to. A reader
remembers the place that it has come to (`Place`): a log that lacks its mark is another log, or an older copy. A night
leaves a mark of its own at its watermark, and the release names the log and that mark (`lookup.patches.lineage`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lookup.errors import LogError
from lookup.log_address import FORM, clean_url, is_url, redacted
from lookup.patches.patch import Patch, Statement

FILE = "patches.sqlite"
"""The file of the log in the folder of releases, by default."""
MOST_EVENTS = 10_000
"""How many events of one user a call reads at most: some 5 MB. Older ones would not count in any vector."""
FOREVER = 2**62
"""A time, microseconds since 1970, after all others."""
MARKS = 1000
"""Of how many appends, the newest, a log keeps the marks."""


class Patience(NamedTuple):
    """How many seconds a log may take before a call of it raises LogError."""

    request: float
    """`events` and `place`, for which requests wait."""
    follow: float
    """Any other reading: each answer of a server, or each wait for a lock."""
    write: float
    """`append`: the wait for its turn, and each answer of a server. `prune` and `absorb` as well."""


OF_JOBS = Patience(30.0, 30.0, 30.0)
"""Jobs and commands would rather wait than fail."""


class Place(NamedTuple):
    """How far a reader has come in a log."""

    log: str = ""
    """The id of the log; empty where it has none: it holds nothing yet, or is of an earlier Daybreak."""
    position: int = 0
    mark: str = ""
    """Of the append that came to this position."""


class Absorbed(NamedTuple):
    """A night's mark in a log."""

    position: int
    """The watermark."""
    at: int
    """When the night read the log, microseconds since 1970."""


class Identity(NamedTuple):
    """Which log it is."""

    id: str = ""
    """As in `Place`."""
    created: int = 0
    """When it began, microseconds since 1970; 0 where nobody knows."""
    absorbed: Mapping[str, Absorbed] = MappingProxyType({})
    """The marks that nights left in it."""


class Event(NamedTuple):
    """An event of a user with an item."""

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
    """Microseconds since 1970, UTC: the latest time of all forgets of this user."""
    position: int
    """Of that forget."""


class Changes(NamedTuple):
    """What the log received after a position."""

    position: int
    """The changes reach up to here. Where it is less than the position that was asked for, an older copy replaced the
    log: the reader then starts again from the beginning."""
    statements: list[Statement]
    """In the order of their positions."""
    forgotten: list[Forgotten]
    users: dict[str, int]
    """Users with new events, and the position of each user's last event."""


class PatchLog(Protocol):
    """What every store of the log offers. Thread-safe, and usable after a fork.

    Every call may raise LogError, which names the log.
    """

    @property
    def where(self) -> str:
        """Path or URL, without a password."""

    def append(self, patches: Iterable[Patch]) -> int:
        """Keep patches: all of them, or none where it raises. They are on disk before it returns.

        An event older than those that `prune` removed counts as one that the log has. Returns the position after the
        patches. Raises PatchError for a patch that makes no sense.
        """

    def position(self) -> int:
        """The position of the newest patch; 0 for an empty log."""

    def place(self) -> Place:
        """Where the log ends. Takes microseconds (SQLite) or one round trip (Redis)."""

    def passed(self, place: Place) -> bool:
        """Whether the log has come through a place: False for another log, and for a copy from before that place.

        True also where the log does not know any more, because `MARKS` appends came after that place.
        """

    def identity(self) -> Identity:
        """Which log it is, and what nights absorbed of it."""

    def fault(self, *, must_write: bool = True) -> str | None:
        """What is wrong with a log that can be read: it is not writable, or its server may drop patches. Else None.

        must_write: whether a log that does not exist yet must be writable, too.
        """

    def damage(self) -> str | None:
        """What is damaged in a log that can be read, as far as that is found in a fraction of a second. Else None."""

    def changes(self, after: int) -> Changes:
        """What arrived after a position."""

    def standing(self, until: int) -> list[Statement]:
        """The statements up to a position that no release absorbs (`Statement.absorbed`).

        A reader starts with them, and then follows the changes after the watermark of its release.
        """

    def events(self, user: str, after: int, until: int = FOREVER, newest: int = MOST_EVENTS) -> list[Event]:
        """The `newest` events of a user after a position and up to a time (microseconds since 1970), by time.

        Of a user with so many events that reading them takes longer than `Patience.request`, those read by then.
        """

    def all_events(self, after: int, until: int) -> Iterator[Event]:
        """The events of all users after a position up to another, in any order, without those ahead."""

    def items(self, until: int) -> Iterator[Statement]:
        """The statements up to a position that a release absorbs, at most one for each field; an item's together.

        None is ahead (`lookup.patches.patch`).
        """

    def forgotten(self) -> list[Forgotten]:
        """Every user who was ever forgotten, without forgets that are ahead."""

    def reach(self, before: int) -> int:
        """The watermark of a release that knows everything before a time, in microseconds since 1970.

        It is the last position such that no event and no absorbed statement up to it is of that time or later. What is
        ahead does not count.
        """

    def absorb(self, position: int) -> str:
        """Note that a night absorbs the log up to a position. Returns the mark that its release is to name."""

    def prune(self, absorbed: int, before: int) -> int:
        """Remove old events and ended statements. Returns how many rows it removed.

        absorbed: the lowest watermark of the releases that are kept; later events stay. before: microseconds since
        1970; events of this time or later stay, and statements that end later. Statements without an end always stay, a
        few for each field of an item, because an older statement that arrives late must meet them. Forgets stay, too.
        """

    def ahead(self) -> list[Patch]:
        """What is ahead: patches of a time that has not come yet, because the clock of their writer was wrong."""

    def remove_ahead(self) -> int:
        """Remove what is ahead; returns how many rows.

        Users whose forgetting was ahead are forgotten as of now, or as of before the events that they have since.
        """

    def trust_clock(self) -> None:
        """Take this machine's clock for right, where `append` does not because the log was idle for long."""

    def tidy(self) -> None:
        """Erase what a reader kept `append` from erasing of forgotten users. Readers call it now and then; no wait."""

    def compact(self) -> str | None:
        """Write the log's files anew, without what was removed. Returns why that could not be done; None where it was.

        Of a forgotten user, nothing but the id and the time of forgetting stays in them.
        """

    def close(self) -> None:
        """Close files and connections. The next call opens them again."""


def by_time(event: Event) -> tuple[object, ...]:
    """The sort key of a user's events: the same order whichever event arrived first."""
    return event.at, event.item, event.type, event.source, event.value is not None, event.value


def open_log(where: str | os.PathLike[str]) -> PatchLog:
    """Open the log at a path (a file, or the folder of `patches.sqlite`) or at `redis://host:port/db`.

    A SQLite log without a file is empty; the first `append` creates the file. Raises LogError for a URL of another
    kind, when the Redis server is unreachable, and when the package redis is not installed.
    """
    log = log_at(where, OF_JOBS)
    if is_url(where):
        log.position()
    return log


def log_at(where: str | os.PathLike[str], patience: Patience) -> PatchLog:
    """The log at a path or URL, as `open_log` takes it, whether it can be read or not.

    Raises LogError for a URL of another kind and when the package redis is not installed; ValueError for no path.
    """
    if not os.fspath(where) or "\0" in os.fspath(where):
        raise ValueError(f"the patch log is a path or a URL, not {redacted(where)!r:.100}")
    if is_url(where):
        url = clean_url(os.fspath(where))
        if url is None:
            raise LogError(f"{redacted(where)}: a path or a URL expected, such as {FORM}")
        try:
            from lookup.patches.redis_log import RedisLog
        except ModuleNotFoundError as error:
            if error.name != "redis":
                raise
            raise LogError("a log in Redis needs the package redis: pip install 'daybreak[redis]'") from None
        return RedisLog(url, patience)
    from lookup.patches.sqlite_log import SqliteLog

    path = Path(where).absolute()  # once: the process may change its folder later
    return SqliteLog(path / FILE if os.path.isdir(path) else path, patience)
