"""One writer at a time in a run on storage: drivers of several machines share no lock of a file system.

Who wants to write puts a claim beside the run, a small file of its own, and renews it every BEAT seconds. Where nobody
`holds` the run and nobody with a smaller name wants it, the claim says that it `holds`. If then there still is none
with a smaller name, it does: whoever comes after that finds it. Any storage that lists what was just written can do
this; object stores do. A claim that nobody renews, or whose process of this machine is gone, is removed.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from jobs.errors import RunLockedError
from jobs.infra.logging import log_line
from jobs.infra.storage.hadoop import Hadoop
from lookup.errors import DaybreakError

BEAT = 10.0
"""Seconds after which a holder renews its claim."""
DEAD = 3 * BEAT + 5
"""After so many seconds without a new beat its process is gone."""
WAIT = DEAD + 10
"""Seconds to wait for another holder."""
SETTLE = 0.2
"""Seconds before a claim looks at the others."""
LOOK = 2.0
"""Seconds until one that waits looks again."""


@contextmanager
def claimed(hadoop: Hadoop, folder: str, what: str, wait: float = WAIT) -> Iterator[None]:
    """Hold a run while the block runs. folder: its URL. what: the command, for the message of others.

    Raises RunLockedError, naming who holds it, when it is not free within `wait` seconds.
    """
    claim = _Claim(hadoop, folder, what)
    ended = threading.Event()
    beating = threading.Thread(target=claim.beat, args=(ended,), daemon=True, name="daybreak-claim")
    claim.write()
    beating.start()
    try:
        claim.take(time.monotonic() + wait)
        yield
    finally:
        ended.set()
        beating.join(BEAT)
        with suppress(DaybreakError):  # else it is removed when nobody renews it
            claim.drop()


class _Claim:
    """The claim of this process on a run."""

    def __init__(self, hadoop: Hadoop, folder: str, what: str):
        self.hadoop, self.folder = hadoop, folder
        self.name = f"claim-{uuid.uuid4().hex}"
        self.said: dict[str, Any] = {"what": what, "host": socket.gethostname(), "pid": os.getpid()}
        self.said |= {"since": datetime.now(UTC).isoformat(timespec="seconds"), "holds": False, "beat": 0}
        self._writing = threading.Lock()
        self._seen: dict[str, tuple[Any, float]] = {}

    def write(self) -> None:
        with self._writing:
            self.said["beat"] += 1
            self.hadoop.write(f"{self.folder}/{self.name}", json.dumps(self.said).encode(), replace=True)

    def drop(self) -> None:
        with self._writing:
            self.hadoop.delete(f"{self.folder}/{self.name}")

    def beat(self, ended: threading.Event) -> None:
        """Renew the claim until the block ends, whatever happens."""
        told = False
        while not ended.wait(BEAT):
            try:
                self.write()
            except DaybreakError as error:
                if not told:
                    log_line("storage", "warning", run=self.folder, text=f"the claim cannot be renewed: {error}")
                told = True

    def take(self, deadline: float) -> None:
        """Hold the run, or raise RunLockedError."""
        told = False
        while True:
            time.sleep(SETTLE)
            before = self._before_me()
            if before is None:
                if self.said["holds"]:
                    return
                self.said["holds"] = True
                self.write()
                continue
            if self.said["holds"]:
                self.said["holds"] = False
                self.write()
            if time.monotonic() >= deadline:
                raise RunLockedError(
                    f"{self.folder}: {_words(before)} writes into this run. Wait until it ends, or stop it; then run "
                    "this again"
                )
            if not told:
                log_line("run", "waiting", run=self.folder, holder=_words(before))
                told = True
            time.sleep(max(0.0, min(LOOK, deadline - time.monotonic())))

    def _before_me(self) -> dict[str, Any] | None:
        """A claim of a living process that goes before this one; None where there is none."""
        for one in self.hadoop.files(f"{self.folder}/claim-*"):
            if one.name == self.name:
                continue
            try:
                other = json.loads(self.hadoop.read(one.url))
            except ValueError:  # it is being written
                other = {"beat": one.modified, "holds": True}
            except DaybreakError:  # it was removed just now
                continue
            if self._is_dead(one.name, other):
                log_line("run", "took over", run=self.folder, why=f"{_words(other)} ended without giving it back")
                self.hadoop.delete(one.url)
            elif one.name < self.name or (other.get("holds") and not self.said["holds"]):
                return dict(other)
        return None

    def _is_dead(self, name: str, other: dict[str, Any]) -> bool:
        beat, since = self._seen.get(name, (None, 0.0))
        if beat != other.get("beat"):
            self._seen[name] = (other.get("beat"), time.monotonic())
            return other.get("host") == socket.gethostname() and not _runs(other.get("pid"))
        return time.monotonic() - since > DEAD


def _runs(pid: object) -> bool:
    """Whether a process of this machine runs."""
    if not isinstance(pid, int) or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _words(other: dict[str, Any]) -> str:
    if "what" not in other:
        return "another command"
    return "`daybreak {what}` (process {pid} on {host}, since {since})".format_map(
        {key: f"{other.get(key, '?')!s:.80}" for key in ("what", "pid", "host", "since")}
    )
