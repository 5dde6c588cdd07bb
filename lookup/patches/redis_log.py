"""The patch log in Redis, for many hosts.

    daybreak:changed        sorted set: what changed, by the position of its last change; "i:" + item, "u:" + user with
                            events, "f:" + forgotten user. One entry each, so it does not grow as a stream would
    daybreak:item:<id>      hash: statement, as JSON → position; "" → that of the last change
    daybreak:events:<user>  hash: event, as JSON → position
    daybreak:forgotten      hash: user → time and position
    daybreak:standing       set: the items with statements that no release absorbs
    daybreak:position, daybreak:pruned, daybreak:version
    daybreak:log            hash: the log's id, and when it was created
    daybreak:marks          sorted set: the marks of the newest appends, by position
    daybreak:nights         hash: the mark of a night → its watermark, and when it read the log

One script writes all patches of a call or none. The fronts of items are computed here; the script checks that no other
writer has changed an item since it was read. Otherwise everything is read and computed again.
"""

import time
import uuid
from collections.abc import Iterable, Iterator

from lookup.errors import LogError
from lookup.item_fields import NOT_ABSORBED
from lookup.patches.patch import (
    AHEAD,
    EVENT,
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
from lookup.patches.patch_log import FOREVER, MARKS, MOST_EVENTS, Changes, Event, Forgotten, Patience, by_time
from lookup.patches.redis_ahead import HASHES, Ahead, ahead_in, ahead_of_server, forgets_ahead
from lookup.patches.stores import redis_scripts
from lookup.patches.stores.redis_marks import VERSION, RedisMarks
from lookup.patches.stores.redis_rows import events_in, forgotten_in, position_of, script_input, statements_in
from lookup.patches.stores.redis_server import PARTS_OF_CODE, RedisServer

PAGE = 1000
"""How many items or users one call of the reading script returns, so that it never blocks Redis for long."""
TRIES = 100
"""How often a writer tries again because another one changed the same items."""


class RedisLog(RedisMarks):
    """A `lookup.patches.patch_log.PatchLog`. Made by `log_at`.

    The server must keep an append-only file, and must not evict patches. When `append` returns, the patches are on disk
    where the server has WAITAOF (7.2 and later) or syncs always (`appendfsync always`); elsewhere a warning says what
    may be lost.
    """

    def __init__(self, url: str, patience: Patience):
        super().__init__(RedisServer(url, patience))
        self._patience = patience
        self._append, self._page, self._prune_user, self._prune_item = map(
            self._server.follow.register_script,
            (redis_scripts.APPEND, redis_scripts.PAGE, redis_scripts.PRUNE_USER, redis_scripts.PRUNE_ITEM),
        )

    def append(self, patches: Iterable[Patch]) -> int:
        """See `PatchLog.append`."""
        checked = [check(patch) for patch in patches]
        if not checked:
            return self.position()
        ends = time.monotonic() + self._patience.write
        with self._server.told():
            sync = self._server.sync_milliseconds()
            for _ in range(TRIES):
                position = self._try(checked, sync)
                if position >= 0:
                    return position
                if position == redis_scripts.AHEAD_OF_SERVER:
                    raise ahead_of_server(self.where, checked, self._server.follow.time())
                if time.monotonic() > ends:
                    break
        raise LogError(f"{self.where}: others keep changing the same items; nothing was kept, try again")

    def position(self) -> int:
        """See `PatchLog.position`."""
        return self.place().position

    def changes(self, after: int) -> Changes:
        """See `PatchLog.changes`."""
        said: dict[str, list[Statement]] = {}
        gone: dict[str, Forgotten] = {}
        users: dict[str, int] = {}
        position = after
        if not after:
            self._lacks = None
        for position, entries in self._pages(after, "i"):  # noqa: B007 - that of the last page is the answer's
            for kind, key, last, content in entries:
                # What changes between two pages comes again on a later page, which counts.
                name = f"{'item' if kind == 'i' else 'the forgotten user'} {key!r:.100}"
                try:
                    if kind == "i":
                        said[key] = [one for one in statements_in(key, _there(content)) if one.position > after]
                    elif kind == "u":
                        users[key] = last
                    else:
                        gone[key] = forgotten_in(key, content[""])
                except PARTS_OF_CODE:  # the others hold all the same
                    self._lacks = name
                else:
                    self._lacks = None if self._lacks == name else self._lacks
        found = sorted((one for rows in said.values() for one in rows), key=position_of)
        return Changes(position, found, sorted(gone.values(), key=position_of), users)

    def standing(self, until: int) -> list[Statement]:
        """See `PatchLog.standing`."""
        with self._server.told():
            names = list(self._server.follow.smembers("daybreak:standing"))
            contents = self._contents(names)
        found = (one for name, content in zip(names, contents, strict=True) for one in statements_in(name, content))
        kept = (one for one in found if one.position <= until and not one.absorbed(until))
        return sorted(kept, key=position_of)

    def events(self, user: str, after: int, until: int = FOREVER, newest: int = MOST_EVENTS) -> list[Event]:
        """See `PatchLog.events`."""
        found: dict[Event, None] = {}  # a scan may return one twice
        ends = time.monotonic() + self._patience.request
        cursor: int | None = None
        try:
            with self._server.told():
                while cursor != 0 and (cursor is None or time.monotonic() < ends):
                    cursor, page = self._server.request.hscan(f"daybreak:events:{user}", cursor or 0, count=PAGE)
                    for event in events_in(user, page.items()):
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
        with self._server.told():
            found = self._server.follow.hgetall("daybreak:forgotten")
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
        with self._server.told():
            # First of all, so that no removed event comes back meanwhile.
            if before > int(self._server.follow.get("daybreak:pruned") or 0):
                self._server.follow.set("daybreak:pruned", before)
            lasting = canonical(NOT_ABSORBED)
            names = self._server.follow.smembers("daybreak:standing")
            gone = sum(int(self._prune_item(args=[item, before, lasting])) for item in names)
        for _, entries in self._pages(0, ""):
            for kind, user, _, _ in entries:
                if kind == "u":
                    with self._server.told():
                        gone += int(self._prune_user(args=[user, absorbed, before]))
        return gone

    def ahead(self) -> list[Patch]:
        """See `PatchLog.ahead`."""
        return [one.patch for one in self._ahead()]

    def remove_ahead(self) -> int:
        """See `PatchLog.remove_ahead`."""
        found = self._ahead()
        with self._server.told():
            for one in found:
                self._server.writer(1).hdel(one.hash, one.entry)
                if one.patch.kind == EVENT and not self._server.follow.exists(one.hash):
                    self._server.writer(1).zrem("daybreak:changed", f"u:{one.patch.key}")
        for user in (one.patch.key for one in found if one.patch.kind == FORGET):
            since = self.events(user, 0, latest_time())
            self.append([forget(user, at=since[0].at - 1 if since else None)])
        return len(found)

    def trust_clock(self) -> None:
        """Nothing to do: the clock of the server counts."""

    def tidy(self) -> None:
        """Nothing to do: the server lets no reader keep old rows."""

    def compact(self) -> str | None:
        """See `PatchLog.compact`. The server writes its file anew in the background."""
        try:
            with self._server.told():
                self._server.follow.bgrewriteaof()
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
        with self._server.told():
            forgotten = self._server.follow.hgetall("daybreak:forgotten")
        return [*found, *forgets_ahead(forgotten, latest)]

    def _try(self, patches: list[Patch], sync: int) -> int:
        """Append once. Returns as the script does. sync: how many milliseconds WAITAOF waits; 0: not at all."""
        items = list(dict.fromkeys(patch.key for patch in patches if patch.kind == ITEM))
        contents = dict(zip(items, self._contents(items), strict=True))
        seen = [[item, content.get("", "")] for item, content in contents.items()]
        newest = max(patch.at for patch in patches)
        asked = canonical({"seen": seen, "patches": list(script_input(patches, contents)), "newest": newest})
        now = time.time_ns() // 1000
        pipe = self._server.writer(len(patches)).pipeline(transaction=False)  # WAITAOF is about its connection's writes
        self._append(args=[asked, VERSION, AHEAD, uuid.uuid4().hex, uuid.uuid4().hex[:16], now, MARKS], client=pipe)
        if sync:
            pipe.waitaof(1, 0, sync)
        (position, refused), *synced = pipe.execute()
        if position == redis_scripts.EVICTS:
            raise LogError(self._server.evicts(refused))
        if position == redis_scripts.OTHER_VERSION:
            self._check_version(refused)
        if synced and synced[0][0] < 1:
            raise LogError(
                f"{self.where}: the patches are in the server's memory, but were not on its disk after "
                f"{sync / 1000:g} seconds; append them again, which counts them once"
            )
        return int(position)

    def _contents(self, items: list[str]) -> list[dict[str, str]]:
        pipe = self._server.follow.pipeline(transaction=False)
        for item in items:
            pipe.hgetall(f"daybreak:item:{item}")
        found: list[dict[str, str]] = pipe.execute()
        return found

    def _pages(self, after: int, wanted: str) -> Iterator[tuple[int, list[tuple[str, str, int, dict[str, str]]]]]:
        """The log's position and what changed after a position, page by page, up to a page that is not full."""
        while True:
            with self._server.told():
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
                    if not content:
                        raise LogError(
                            f"{self.where}: {key!r:.100} is missing: the server evicted it, or it was deleted"
                        )
                    seen.add(key)
                    yield key, content


def _there(content: dict[str, str]) -> dict[str, str]:
    """The hash of an item, which is never empty. Raises KeyError where it is."""
    content[""]
    return content
