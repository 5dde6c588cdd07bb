"""How a reader follows CURRENT: it keeps answering from the release it has until another one is open.

A thread beside the calls looks at CURRENT, opens the release it names, reads the files that calls need once to bring
them into memory, and swaps one reference. No call waits for any of it, or pays for unmapping the old release.
"""

import logging
import time
from pathlib import Path

from lookup.background import Background
from lookup.errors import ReleaseError
from lookup.release import pointer
from lookup.release.locks import open_locked
from lookup.release.reader import CATALOG_FILE, Release, files_of

LOG = logging.getLogger("lookup")
LOOK_SECONDS = 0.2
"""How often CURRENT is read."""
RETRY_SECONDS = 5.0
"""How long the thread waits before it tries a release again that it could not open, unless CURRENT changes."""
WARM_BYTES = 1 << 28
"""Files up to this size are read once before a release serves; the pages of larger ones are read as calls need them."""
BLOCK = 1 << 20


class Follower:
    """The release in a folder that serves. Thread-safe, and safe to fork.

    folder: the one with CURRENT. pin: keep this release, whatever CURRENT says. verify: check every byte of the release
    that is opened now. Raises ReleaseError, naming the file, when there is no release, or when it cannot be read.

    When the release that CURRENT names is missing, damaged or of a schema version that cannot be read, the old one
    keeps serving, `problem` says why, and a warning is logged. A lock (`lookup.release.locks`) keeps `daybreak prune`
    from removing the release that serves.
    """

    def __init__(self, folder: Path, pin: str | None = None, verify: bool = False):
        self.folder, self.pinned = folder, pin is not None
        self.problem: str | None = None
        """Why the release that CURRENT names does not serve; None when it does, or when the reader is pinned."""
        self._release = open_locked(folder, pin, verify) if pin is not None else _open_current(folder, verify)
        self._retired: Release | None = None
        self._failed, self._retry_at = "", 0.0
        self._background = None if self.pinned else Background(self._look, LOOK_SECONDS)

    @property
    def failing(self) -> str | None:
        """What the thread met that nobody foresaw, and tries again; None if all is well."""
        return None if self._background is None else self._background.problem

    def current(self) -> Release:
        """The release to answer from: a call takes it once and keeps it to its end."""
        if self._background is not None:
            self._background.ensure()
        return self._release

    def look(self) -> Release:
        """As `current`, but read CURRENT now, and wait until the release it names is open."""
        if self._background is not None:
            self._retry_at = 0.0
            self._background.now()
        return self._release

    def _look(self) -> None:
        """Open the release that CURRENT names, if it is another one."""
        self._retired = None  # the calls that it answered have ended; this thread pays for unmapping it
        try:
            wanted = pointer.read(self.folder)
            if wanted == self._failed and time.monotonic() < self._retry_at:
                return
            if wanted != self._release.id:
                self._failed, self._retry_at = wanted, time.monotonic() + RETRY_SECONDS
                release = open_locked(self.folder, wanted)
                _warm(release)
                self._retired, self._release = self._release, release
                LOG.info("serving release %s", wanted)
            self._failed, self.problem = "", None
        except (ReleaseError, OSError) as error:
            if str(error) != self.problem:
                self.problem = str(error)
                LOG.warning("still serving release %s: %s", self._release.id, error)


def _open_current(folder: Path, verify: bool) -> Release:
    """Open the release that CURRENT names; the next one when CURRENT moves on while this one is opened."""
    while True:
        wanted = pointer.read(folder)
        try:
            return open_locked(folder, wanted, verify)
        except ReleaseError:
            if pointer.read(folder) == wanted:
                raise


def _warm(release: Release) -> None:
    """Read the files that calls need, so that they are in memory. Other threads run during a read, but not during the
    page fault of a call.
    """
    buffer = bytearray(BLOCK)
    for name in files_of(release.manifest):
        if name != CATALOG_FILE and release.manifest.files[name].bytes <= WARM_BYTES:
            with (release.path / name).open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
