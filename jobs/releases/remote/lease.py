"""One process at a time uploads to a store or prunes it: so no block goes that an upload in progress relies on.

The object LOCK says who. It is made by a conditional put, renewed all the while, and removed at the end. One that
nobody renewed for LEASE_SECONDS, by the server's clock, or whose process of this machine has ended, is taken over.
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from lookup.errors import StoreError
from lookup.travel.store import Store, Version

LOCK = "LOCK"
LEASE_SECONDS = 600.0
RENEW_SECONDS = 60.0
MOST_BYTES = 4096


class Lease:
    """The lease of this process on a store. Threads may call it."""

    def __init__(self, store: Store, version: Version, holder: dict[str, Any]):
        self._store, self._version, self._holder = store, version, holder
        self._renew_at = time.monotonic() + RENEW_SECONDS

    def renew(self, now: bool = False) -> None:
        """Renew the lease, if it is time to. now: in any case; whoever writes what others trust asks so before.

        Raises StoreError where another process has taken it over.
        """
        if not now and time.monotonic() < self._renew_at:
            return
        made = self._store.write_if(LOCK, _text(self._holder), self._version)
        if made is None:
            raise StoreError(
                f"{self._store.url}: another process has taken over: this one stood still for more than "
                f"{LEASE_SECONDS:.0f} s; run the command again"
            )
        self._version, self._renew_at = made, time.monotonic() + RENEW_SECONDS


@contextmanager
def writing(store: Store, what: str) -> Iterator[Lease]:
    """Let this process alone write to a store while the block runs. what: it does, for the messages of others.

    Raises StoreError, with the other one's name, where another process writes there.
    """
    holder = {"what": what, "host": socket.gethostname(), "pid": os.getpid(), "token": secrets.token_hex(8)}
    version = store.write_if(LOCK, _text(holder), None)
    if version is None:
        version = _take_over(store, holder)
    lease = Lease(store, version, holder)
    try:
        yield lease
    finally:
        with suppress(StoreError):  # else it ends by itself
            found = store.read(LOCK, MOST_BYTES)
            if found is not None and _holder(found).get("token") == holder["token"]:
                store.delete([LOCK])


def _take_over(store: Store, holder: dict[str, Any]) -> Version:
    found = store.read_version(LOCK, MOST_BYTES)
    if found is None:  # it ended in this moment
        version = store.write_if(LOCK, _text(holder), None)
    else:
        other = _holder(found[0])
        if not _is_dead(other) and _age(store) < LEASE_SECONDS:
            raise StoreError(_busy(store, other))
        version = store.write_if(LOCK, _text(holder), found[1])
    if version is None:
        raise StoreError(_busy(store, {}))
    return version


def _busy(store: Store, other: dict[str, Any]) -> str:
    who = f"process {other.get('pid')!s:.20} of {other.get('host')!s:.80}" if other else "another process"
    return (
        f"{store.url}: {who} writes there ({other.get('what', 'at work')!s:.40}); try again when it has ended, or "
        f"{LEASE_SECONDS / 60:.0f} minutes after it died"
    )


def _age(store: Store) -> float:
    """Seconds since the lease was renewed, by the server's clock: that of this machine may be wrong."""
    probe = f"{LOCK}-{secrets.token_hex(8)}"
    store.write(probe, b"?")
    try:
        now, then = store.modified(probe), store.modified(LOCK)
    finally:
        store.delete([probe])
    return (now - then).total_seconds() if now is not None and then is not None else 0.0


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder is a process of this machine that has ended."""
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _text(holder: dict[str, Any]) -> bytes:
    # The time makes each renewal another content: the version of an object in S3 is a digest of it.
    return json.dumps(holder | {"renewed": datetime.now(UTC).isoformat()}).encode()


def _holder(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
