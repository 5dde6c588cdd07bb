"""The Redis server of a patch log. The only module that imports `redis` (the extra `daybreak-lookup[redis]`)."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lookup.errors import LogError, PatchError
from lookup.log_address import FORM, redacted
from lookup.patches.patch_log import Patience

LOG = logging.getLogger("lookup")
SYNC_SECONDS = 10.0
"""How long a writer waits until its patches are on disk, where the server can tell (WAITAOF), at most."""
CHECK_SECONDS = 10.0
"""How often a writer asks how the server keeps its data."""
MANY = 1000
"""How many patches of one call may take longer than `Patience.write`, namely `MANY_SECONDS`."""
MANY_SECONDS = 30.0
EVICTS = (
    "the server may drop patches when its memory is full (maxmemory-policy is {}): "
    "set maxmemory-policy noeviction, or one that begins with volatile-"
)
PARTS_OF_CODE = (ValueError, TypeError, LookupError, RecursionError)
"""What reading a value raises that is not what it must be."""


class RedisServer:
    """Connections to a server, by how long they wait for an answer. Thread-safe, and usable after a fork."""

    def __init__(self, url: str, patience: Patience):
        self.where = redacted(url)
        """The URL, without user and password."""
        self._patience = patience
        self._waits = False
        self._check_at = 0.0
        self._told_of_sync = False
        try:
            # A command that arrives twice counts once, so a lost connection is made anew; a late answer is an error.
            self.request = _client(url, patience.request, Retry(NoBackoff(), 0))
            self.follow, self._write, self._write_many = (
                _client(url, seconds, Retry(NoBackoff(), 1, (redis.ConnectionError,)))
                for seconds in (patience.follow, patience.write, max(patience.write, MANY_SECONDS))
            )
        except ValueError:  # whose text may hold a part of the password
            raise LogError(f"{self.where}: not the URL of a Redis server; expected {FORM}") from None

    def writer(self, patches: int) -> Any:
        """The connections that write so many patches."""
        return self._write if patches <= MANY else self._write_many

    def close(self) -> None:
        """Close all connections. The next call opens them again."""
        for client in (self.request, self.follow, self._write, self._write_many):
            client.connection_pool.disconnect()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise LogError for every error of the server, and for values that are not what they must be."""
        try:
            yield
        except (LogError, PatchError, UnicodeEncodeError):
            raise
        except AttributeError as error:  # what the package raises where another thread closes the connection
            raise LogError(f"{self.where}: the connection was closed") from error
        except redis.RedisError as error:
            if isinstance(error, redis.ReadOnlyError):  # it is no master any more; its name may lead to another one now
                self.close()
            raise LogError(f"{self.where}: {type(error).__name__}: {error}") from error
        except PARTS_OF_CODE as error:
            raise LogError(f"{self.where}: damaged, a value is not what it must be: {error}") from error

    def sync_milliseconds(self) -> int:
        """How long WAITAOF is to wait; 0 where the server does not have it.

        Raises LogError where the server keeps no append-only file, or may evict patches.
        """
        if time.monotonic() >= self._check_at:
            fault = self.fault()
            if fault is not None:
                raise LogError(fault)
            self._waits = self._can_wait()
            self._check_at = time.monotonic() + CHECK_SECONDS
        return int(1000 * min(SYNC_SECONDS, 0.9 * self._patience.write)) if self._waits else 0

    def fault(self) -> str | None:
        """Why a patch would not be safe on the server; None where it is."""
        with self.told():
            pipe = self.follow.pipeline(transaction=False)
            pipe.info("persistence")
            pipe.info("memory")
            persistence, memory = pipe.execute()
        if not persistence.get("aof_enabled"):
            return (
                f"{self.where}: this server keeps no append-only file, so a patch would not be on disk: "
                "set appendonly yes (and appendfsync always, before Redis 7.2)"
            )
        if persistence.get("aof_last_write_status", "ok") != "ok":
            return f"{self.where}: the server cannot write its append-only file: make room on its disk, and see its log"
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy == "noeviction" or policy.startswith("volatile-"):  # no key of a log ever expires
            return None
        return self.evicts(policy)

    def evicts(self, policy: str) -> str:
        """What is wrong with a server of an evicting policy."""
        return f"{self.where}: {EVICTS.format(policy)}"

    def _can_wait(self) -> bool:
        """Whether the server can tell when it has synced. Warns where nobody can."""
        version = self.follow.info("server")["redis_version"]
        if tuple(map(int, version.split(".")[:2])) >= (7, 2):
            return True
        try:
            sync = self.follow.config_get("appendfsync").get("appendfsync", "unknown")
        except redis.ResponseError:  # a hosted server may not tell
            sync = "unknown"
        if sync != "always" and not self._told_of_sync:
            self._told_of_sync = True
            LOG.warning(
                "%s: appendfsync is %s: patches of up to a second may be lost if the server dies; set it to always",
                self.where,
                sync,
            )
        return False


def _client(url: str, seconds: float, retry: Retry) -> Any:  # its types do not say that replies are decoded
    return redis.Redis.from_url(
        url, decode_responses=True, socket_connect_timeout=min(seconds, 5.0), socket_timeout=seconds, retry=retry
    )
