"""The patch log in Redis, for many hosts. The only module that imports `redis` (the extra `daybreak-lookup[redis]`).

    daybreak:changed        sorted set: what changed, by the position of its last change; "i:" + item, "u:" + user with
                            events, "f:" + forgotten user. One entry each, so it does not grow as a stream would
    daybreak:item:<id>      hash: statement, as JSON → position; "" → that of the last change
    daybreak:events:<user>  hash: event, as JSON → position
    daybreak:forgotten      hash: user → time and position
    daybreak:standing       set: the items with statements that no release absorbs
    daybreak:position, daybreak:pruned, daybreak:version

One script writes all patches of a call or none. The fronts of items are computed here; the script checks that no other
writer has changed an item since it was read. Otherwise everything is read and computed again.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lookup.errors import LogError
from lookup.item_fields import NOT_ABSORBED
from lookup.patches import redis_scripts
from lookup.patches.patch import (
    AHEAD,
    FORGET,
    ITEM,
    Patch,
    Statement,
    canonical,
    check,
    forget,
    greatest,
    latest_time,
)
from lookup.patches.patch_log import FOREVER, MOST_EVENTS, Changes, Event, Forgotten, by_time
from lookup.patches.redis_ahead import HASHES, Ahead, ahead_in, ahead_of_server, forgets_ahead
from lookup.patches.redis_rows import events_in, forgotten_in, position_of, script_input, statements_in

LOG = logging.getLogger("lookup")
VERSION = "1"
"""Of the keys."""
PAGE = 1000
"""How many items or users one call of the reading script returns, so that it never blocks Redis for long."""
TRIES = 100
"""How often a writer tries again because another one changed the same items."""
AHEAD_OF_SERVER = -2
"""What the appending script returns for a patch of a time that has not come yet."""
SYNC_MILLISECONDS = 10_000
"""How long a writer waits until its patches are on disk, where the server can tell (WAITAOF)."""


SETTINGS: dict[str, Any] = {
    "decode_responses": True,
    "socket_connect_timeout": 5.0,
    "socket_timeout": 30.0,
    "retry": Retry(NoBackoff(), 1),  # a command that arrives twice counts once
}


class RedisLog:
    """A `lookup.patches.patch_log.PatchLog`. Made by `open_log`.

    The server must keep an append-only file. When `append` returns, the patches are on disk where the server has
    WAITAOF (7.2 and later) or syncs always (`appendfsync always`); elsewhere a warning says what may be lost.
    """

    def __init__(self, url: str):
        parts = urlsplit(url)
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        try:
            self._server: Any = redis.Redis.from_url(url, **SETTINGS)  # its types do not say that replies are decoded
        except ValueError as error:
            raise LogError(f"{self._where}: not the URL of a Redis server: {error}") from None
        self._append, self._page, self._prune_user, self._prune_item = map(
            self._server.register_script,
            (redis_scripts.APPEND, redis_scripts.PAGE, redis_scripts.PRUNE_USER, redis_scripts.PRUNE_ITEM),
        )
        self._waits: bool | None = None
        with self._told():
            version = self._server.get("daybreak:version")
        if version not in (None, VERSION):
            raise LogError(f"{self._where}: a log of version {version!r} found; this Daybreak reads version {VERSION}")

    @property
    def where(self) -> str:
        """The URL, without user and password."""
        return self._where

    def append(self, patches: Iterable[Patch]) -> int:
        """See `PatchLog.append`."""
        checked = [check(patch) for patch in patches]
        if not checked:
            return self.position()
        with self._told():
            if self._waits is None:
                self._waits = self._can_wait()
            for _ in range(TRIES):
                position = self._try(checked)
                if position >= 0:
                    return position
                if position == AHEAD_OF_SERVER:
                    raise ahead_of_server(self._where, checked, self._server.time())
        raise LogError(f"{self._where}: others keep changing the same items; nothing was kept, try again")

    def position(self) -> int:
        """See `PatchLog.position`."""
        with self._told():
            return int(self._server.get("daybreak:position") or 0)

    def changes(self, after: int) -> Changes:
        """See `PatchLog.changes`."""
        said: dict[str, list[Statement]] = {}
        gone: dict[str, Forgotten] = {}
        users: dict[str, int] = {}
        position = after
        for position, entries in self._pages(after, "i"):  # noqa: B007 - that of the last page is the answer's
            for kind, key, last, content in entries:
                # What changes between two pages comes again on a later page, which counts.
                if kind == "i":
                    said[key] = [one for one in statements_in(key, content) if one.position > after]
                elif kind == "u":
                    users[key] = last
                else:
                    gone[key] = forgotten_in(key, content[""])
        found = sorted((one for rows in said.values() for one in rows), key=position_of)
        return Changes(position, found, sorted(gone.values(), key=position_of), users)

    def standing(self, until: int) -> list[Statement]:
        """See `PatchLog.standing`."""
        with self._told():
            names = list(self._server.smembers("daybreak:standing"))
            contents = self._contents(names)
        found = (one for name, content in zip(names, contents, strict=True) for one in statements_in(name, content))
        kept = (one for one in found if one.position <= until and not one.absorbed(until))
        return sorted(kept, key=position_of)

    def events(self, user: str, after: int, until: int = FOREVER, newest: int = MOST_EVENTS) -> list[Event]:
        """See `PatchLog.events`."""
        found: dict[Event, None] = {}  # a scan may return one twice
        try:
            with self._told():
                for event in events_in(user, self._server.hscan_iter(f"daybreak:events:{user}", count=PAGE)):
                    if event.position > after and event.at <= until:
                        found[event] = None
                    if len(found) > 2 * newest:
                        found = dict.fromkeys(sorted(found, key=by_time)[-newest:])
        except UnicodeEncodeError:  # a lone surrogate is in no id
            return []
        return sorted(found, key=by_time)[-newest:]

    def all_events(self, after: int, until: int) -> Iterator[Event]:
        """See `PatchLog.all_events`."""
        latest = latest_time()
        for user, content in self._once("u", after):
            for event in events_in(user, content.items()):
                if after < event.position <= until and event.at <= latest:
                    yield event

    def items(self, until: int) -> Iterator[Statement]:
        """See `PatchLog.items`."""
        latest = latest_time()
        for item, content in self._once("i", 0):
            absorbed = (said for said in statements_in(item, content) if said.absorbed(until))
            yield from greatest(sorted(absorbed, key=lambda said: said.field), latest)

    def forgotten(self) -> list[Forgotten]:
        """See `PatchLog.forgotten`."""
        with self._told():
            found = self._server.hgetall("daybreak:forgotten")
        every = (forgotten_in(user, content) for user, content in sorted(found.items()))
        latest = latest_time()
        return [one for one in every if one.at <= latest]

    def reach(self, before: int) -> int:
        """See `PatchLog.reach`."""
        position = self.position()
        late = (event.position for event in self.all_events(0, position) if event.at >= before)
        said = (one.position for one in self.items(position) if one.at >= before)
        return min([*late, *said], default=position + 1) - 1

    def prune(self, absorbed: int, before: int) -> int:
        """See `PatchLog.prune`."""
        with self._told():
            # First of all, so that no removed event comes back meanwhile.
            if before > int(self._server.get("daybreak:pruned") or 0):
                self._server.set("daybreak:pruned", before)
            lasting = canonical(NOT_ABSORBED)
            names = self._server.smembers("daybreak:standing")
            gone = sum(int(self._prune_item(args=[item, before, lasting])) for item in names)
        for _, entries in self._pages(0, ""):
            for kind, user, _, _ in entries:
                if kind == "u":
                    with self._told():
                        gone += int(self._prune_user(args=[user, absorbed, before]))
        return gone

    def ahead(self) -> list[Patch]:
        """See `PatchLog.ahead`."""
        return [one.patch for one in self._ahead()]

    def remove_ahead(self) -> int:
        """See `PatchLog.remove_ahead`."""
        found = self._ahead()
        with self._told():
            for one in found:
                self._server.hdel(one.hash, one.entry)
        for user in (one.patch.key for one in found if one.patch.kind == FORGET):
            since = self.events(user, 0, latest_time())
            self.append([forget(user, at=since[0].at - 1 if since else None)])
        return len(found)

    def trust_clock(self) -> None:
        """Nothing to do: the clock of the server counts."""

    def compact(self) -> str | None:
        """See `PatchLog.compact`. The server writes its file anew in the background."""
        try:
            with self._told():
                self._server.bgrewriteaof()
        except LogError as error:
            return f"{error}: let the server rewrite its append-only file (BGREWRITEAOF)"
        return None

    def close(self) -> None:
        """See `PatchLog.close`."""
        self._server.close()

    def _ahead(self) -> list[Ahead]:
        latest = latest_time()
        found = [
            one
            for kind in HASHES
            for key, content in self._once(kind, 0)
            for one in ahead_in(kind, key, content, latest)
        ]
        with self._told():
            forgotten = self._server.hgetall("daybreak:forgotten")
        return [*found, *forgets_ahead(forgotten, latest)]

    def _try(self, patches: list[Patch]) -> int:
        """Append once; -1 where another writer changed one of the items meanwhile, else as the script says."""
        items = list(dict.fromkeys(patch.key for patch in patches if patch.kind == ITEM))
        contents = dict(zip(items, self._contents(items), strict=True))
        seen = [[item, content.get("", "")] for item, content in contents.items()]
        newest = max(patch.at for patch in patches)
        asked = canonical({"seen": seen, "patches": list(script_input(patches, contents)), "newest": newest})
        pipe = self._server.pipeline(transaction=False)  # one connection: WAITAOF is about its own writes
        self._append(args=[asked, VERSION, AHEAD], client=pipe)
        if self._waits:
            pipe.waitaof(1, 0, SYNC_MILLISECONDS)
        position, *synced = pipe.execute()
        if synced and synced[0][0] < 1:
            raise LogError(
                f"{self._where}: the patches are in the server's memory, but were not on its disk after "
                f"{SYNC_MILLISECONDS / 1000:.0f} seconds; append them again, which counts them once"
            )
        return int(position)

    def _can_wait(self) -> bool:
        """Whether the server can tell when it has synced. Raises LogError where it keeps no append-only file."""
        if not self._server.info("persistence").get("aof_enabled"):
            raise LogError(
                f"{self._where}: this server keeps no append-only file, so a patch would not be on disk: "
                "set appendonly yes (and appendfsync always, before Redis 7.2)"
            )
        version = self._server.info("server")["redis_version"]
        if tuple(map(int, version.split(".")[:2])) >= (7, 2):
            return True
        try:
            sync = self._server.config_get("appendfsync").get("appendfsync", "unknown")
        except redis.ResponseError:  # a hosted server may not tell
            sync = "unknown"
        if sync != "always":
            LOG.warning(
                "%s: appendfsync is %s: patches of up to a second may be lost if the server dies; set it to always",
                self._where,
                sync,
            )
        return False

    def _contents(self, items: list[str]) -> list[dict[str, str]]:
        pipe = self._server.pipeline(transaction=False)
        for item in items:
            pipe.hgetall(f"daybreak:item:{item}")
        found: list[dict[str, str]] = pipe.execute()
        return found

    def _pages(self, after: int, wanted: str) -> Iterator[tuple[int, list[tuple[str, str, int, dict[str, str]]]]]:
        """The log's position and what changed after a position, page by page, up to a page that is not full."""
        while True:
            with self._told():
                position, found = self._page(args=[after, PAGE, wanted])
            entries = [
                (kind, key, int(last), dict(zip(flat[::2], flat[1::2], strict=True))) for kind, key, last, flat in found
            ]
            yield int(position), entries
            if len(entries) < PAGE:
                return
            after = entries[-1][2]

    def _once(self, wanted: str, after: int) -> Iterator[tuple[str, dict[str, str]]]:
        """The id and content of each item ("i") or user ("u") that changed after a position."""
        seen: set[str] = set()
        for _, entries in self._pages(after, wanted):
            for kind, key, _, content in entries:
                if kind == wanted and key not in seen:
                    seen.add(key)
                    yield key, content

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise LogError(f"{self._where}: {type(error).__name__}: {error}") from error
