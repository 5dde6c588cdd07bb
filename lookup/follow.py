"""How a reader follows CURRENT: it goes on with the release it has until another one is open."""

import logging
import os
import threading
import time
from pathlib import Path

from lookup import pointer
from lookup.errors import ReleaseError
from lookup.release import Release, open_from

LOG = logging.getLogger("lookup")
LOOK_SECONDS = 0.2
"""How often a call looks whether CURRENT changed."""
RETRY_SECONDS = 5.0
"""How long a release that could not be opened is left alone."""


class Follower:
    """The release that serves, of those in a folder. Thread-safe.

    folder: the one with CURRENT. pin: hold this release, whatever CURRENT says. verify: check every byte of the release
    opened now. Raises ReleaseError, naming the file, when there is no release, or when it is damaged.

    When CURRENT names another release, it is opened and one reference is swapped; where that release is missing or
    damaged, the old one goes on serving, `problem` says why, and a warning is logged.
    """

    def __init__(self, folder: Path, pin: str | None = None, verify: bool = False):
        self.folder, self.pinned = folder, pin is not None
        self._lock = threading.Lock()
        self._seen = None if self.pinned else _mark(folder)
        self._release = open_from(folder, pin if pin is not None else pointer.read(folder), verify)
        self._next_look = float("inf") if self.pinned else time.monotonic() + LOOK_SECONDS
        self.problem: str | None = None
        """Why the release that CURRENT names is not the one that serves; None when it is, or when pinned."""

    def current(self) -> Release:
        """The release to answer from: a call takes it once, and keeps it to its end."""
        if time.monotonic() >= self._next_look:
            self._look()
        return self._release

    def look(self) -> Release:
        """As `current`, but look at CURRENT first, however little time has passed."""
        if not self.pinned:
            self._next_look = 0.0
        return self.current()

    def _look(self) -> None:
        """Open the release that CURRENT names, if it is another one. One thread does; the others go on."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._next_look = time.monotonic() + LOOK_SECONDS
            mark = _mark(self.folder)
            if mark is not None and mark == self._seen:
                return
            current = pointer.read(self.folder)
            if current != self._release.id:
                self._release = open_from(self.folder, current)
                LOG.info("serving release %s", current)
            self._seen, self.problem = mark, None
        except (ReleaseError, OSError) as error:
            self._seen, self._next_look = None, time.monotonic() + RETRY_SECONDS
            if str(error) != self.problem:
                self.problem = str(error)
                LOG.warning("still serving release %s: %s", self._release.id, error)
        finally:
            self._lock.release()


def _mark(folder: Path) -> tuple[int, int] | None:
    """What changes whenever CURRENT is replaced; None where it is missing."""
    try:
        stat = os.stat(folder / pointer.CURRENT)
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino
