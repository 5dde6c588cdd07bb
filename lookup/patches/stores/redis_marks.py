"""Which log in Redis it is, how far it goes, and whether it is whole."""

import time
import uuid

from lookup.errors import LogError
from lookup.patches.patch_log import MARKS, Absorbed, Identity, Place
from lookup.patches.stores import redis_scripts
from lookup.patches.stores.redis_server import RedisServer

VERSION = "1"
"""Of the keys."""


class RedisMarks:
    """The half of a log in Redis that tells it from another one, as `lookup.patches.patch_log.PatchLog` says."""

    def __init__(self, server: RedisServer):
        self._server = server
        self._lacks: str | None = None
        """The last key that was missing, or that held what it must not."""
        self._place, self._passed = map(server.follow.register_script, (redis_scripts.PLACE, redis_scripts.PASSED))

    @property
    def where(self) -> str:
        """The URL, without user and password."""
        return self._server.where

    def place(self) -> Place:
        """See `PatchLog.place`."""
        with self._server.told():
            log, position, mark, version = self._place(client=self._server.request)
        self._check_version(version)
        return Place(log, int(position), mark)

    def passed(self, place: Place) -> bool:
        """See `PatchLog.passed`."""
        with self._server.told():
            return not place.position or bool(self._passed(args=[*place, MARKS]))

    def identity(self) -> Identity:
        """See `PatchLog.identity`."""
        with self._server.told():
            pipe = self._server.follow.pipeline(transaction=False)
            pipe.hgetall("daybreak:log")
            pipe.hgetall("daybreak:nights")
            log, nights = pipe.execute()
            absorbed = {mark: Absorbed(*map(int, said.split())) for mark, said in nights.items()}
            return Identity(log.get("id", ""), int(log.get("created", 0)), absorbed)

    def fault(self, *, must_write: bool = True) -> str | None:
        """See `PatchLog.fault`."""
        return self._server.fault()

    def damage(self) -> str | None:
        """See `PatchLog.damage`: the last key that was missing or unreadable when it was read."""
        if self._lacks is not None:
            return (
                f"{self.where}: {self._lacks} is missing or damaged: the server evicted it, or somebody changed it. "
                "Restore the log, or delete its keys (daybreak:*): then readers that run write back what they know"
            )
        return None

    def absorb(self, position: int) -> str:
        """See `PatchLog.absorb`."""
        mark = uuid.uuid4().hex
        with self._server.told():
            self._server.writer(1).hset("daybreak:nights", mark, f"{position} {time.time_ns() // 1000}")
        return mark

    def _check_version(self, version: str) -> None:
        if version not in ("", VERSION):
            raise LogError(f"{self.where}: a log of version {version!r} found; this Daybreak reads version {VERSION}")
