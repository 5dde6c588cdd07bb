"""How a reader follows CURRENT: it goes on with the release it has until another one is open.

A thread beside the calls looks at CURRENT, opens the release it names, reads the files that calls need once, so that
they are in memory, and swaps one reference. No call waits for any of it, nor pays for unmapping the old one.
"""

import logging
import time
from pathlib import Path

from lookup.background import Background
from lookup.errors import ReleaseError
from lookup.release import pointer
from lookup.release.arrays import file_name
from lookup.release.locks import open_held
from lookup.release.reader import Release
from lookup.release.schema import ARRAYS

LOG = logging.getLogger("lookup")
LOOK_SECONDS = 0.2
"""How often CURRENT is read."""
RETRY_SECONDS = 5.0
"""How long a release that could not be opened is left alone, unless CURRENT changes."""
WARM_BYTES = 1 << 28
"""Files up to this size are read when a release is opened that will be served; of larger ones, pages as needed."""
BLOCK = 1 << 20


class Follower:
    """The release that serves, of those in a folder. Thread-safe, and safe to fork.

    folder: the one with CURRENT. pin: hold this release, whatever CURRENT says. verify: check every byte of the release
    opened now. Raises ReleaseError, naming the file, when there is no release, or when it is damaged.

    Where the release that CURRENT names is missing or damaged, the old one goes on serving, `problem` says why, and a
    warning is logged. `lookup.release.locks` keeps what is read from being removed.
    """

    def __init__(self, folder: Path, pin: str | None = None, verify: bool = False):
        self.folder, self.pinned = folder, pin is not None
        self.problem: str | None = None
        """Why the release that CURRENT names is not the one that serves; None when it is, or when pinned."""
        self._release = open_held(folder, pin, verify) if pin is not None else _open_current(folder, verify)
        self._retired: Release | None = None
        self._failed, self._retry_at = "", 0.0
        self._background = None if self.pinned else Background(self._look, LOOK_SECONDS)

    def current(self) -> Release:
        """The release to answer from: a call takes it once, and keeps it to its end."""
        if self._background is not None:
            self._background.ensure()
        return self._release

    def look(self) -> Release:
        """As `current`, but read CURRENT now, and wait until what it names is open."""
        if self._background is not None:
            self._retry_at = 0.0
            self._background.now()
        return self._release

    def _look(self) -> None:
        """Open the release that CURRENT names, if it is another one."""
        self._retired = None  # the calls that it answered are over by now; here it is unmapped
        try:
            wanted = pointer.read(self.folder)
            if wanted == self._failed and time.monotonic() < self._retry_at:
                return
            if wanted != self._release.id:
                self._failed, self._retry_at = wanted, time.monotonic() + RETRY_SECONDS
                release = open_held(self.folder, wanted)
                _warm(release)
                self._retired, self._release = self._release, release
                LOG.info("serving release %s", wanted)
            self._failed, self.problem = "", None
        except (ReleaseError, OSError) as error:
            if str(error) != self.problem:
                self.problem = str(error)
                LOG.warning("still serving release %s: %s", self._release.id, error)


def _open_current(folder: Path, verify: bool) -> Release:
    """Open the release that CURRENT names; when it is moved on and the old one is removed meanwhile, the next one."""
    while True:
        wanted = pointer.read(folder)
        try:
            return open_held(folder, wanted, verify)
        except ReleaseError:
            if pointer.read(folder) == wanted:
                raise


def _warm(release: Release) -> None:
    """Have the files that calls need in memory. Reading lets other threads run; a page fault in a call would not."""
    buffer = bytearray(BLOCK)
    for name in (release.manifest.annoy.file, *(file_name(array.name) for array in ARRAYS)):
        if release.manifest.files[name].bytes <= WARM_BYTES:
            with (release.path / name).open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
