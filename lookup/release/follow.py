"""How a reader follows CURRENT: it keeps answering from the release it has until another one is open.

A thread beside the calls looks at CURRENT, opens the release it names, reads the files that calls need once to bring
them into memory, and swaps one reference. No call waits for any of it, or pays for unmapping the old release. The same
thread checks the bytes of what serves (`lookup.release.check`), and goes back to an earlier release from a damaged one.
"""

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lookup.background import Background
from lookup.errors import ReleaseError
from lookup.release import pointer
from lookup.release.catalog_schema import CATALOG_FILE
from lookup.release.check import ANSWERS, Check, DamagedError, harm
from lookup.release.locks import open_locked
from lookup.release.reader import Release
from lookup.release.shards.files import files_of
from lookup.release.shards.routing import ALL, Served, needed

LOG = logging.getLogger("lookup")
LOOK_SECONDS = 0.2
"""How often CURRENT is read."""
RETRY_SECONDS = 5.0
"""How long the thread waits before it tries a release again that it could not open, unless CURRENT changes."""
CHECK_SECONDS = 0.02
"""How long the check reads at each look: a tenth of the time."""
WARM_BYTES = 1 << 28
"""Files up to this size are read once before a release serves; the pages of larger ones are read as calls need them."""
BLOCK = 1 << 20


class Follower:
    """The release in a folder that serves. Thread-safe, and safe to fork.

    folder: the one with CURRENT. pin: keep this release, whatever CURRENT says. verify: check every byte of the release
    that is opened now. served: the shards of users that this host serves. Raises ValueError for shards that the release
    does not have, and ReleaseError, naming the file, when there is no release, or when it cannot be read.

    When the release that CURRENT names is missing, damaged or of a schema version that cannot be read, the old one
    keeps serving, `problem` says why, and a warning is logged. When the check finds damage in the release that serves,
    the newest earlier release that is whole serves in its place; without one, calls raise. A lock
    (`lookup.release.locks`) keeps `daybreak prune` from removing the release that serves.
    """

    def __init__(self, folder: Path, pin: str | None = None, verify: bool = False, served: Served = ALL):
        self.folder, self.pinned = folder, pin is not None
        self._pin = pin
        self.served = served
        """Numbers of as many shards as the first release had, whatever a later one has."""
        self._following: str | None = None
        """Why the release that CURRENT names does not serve."""
        self._damaged: str | None = None
        """What is wrong with a release in use, though it serves."""
        self._retired: Release | None = None
        self._failed, self._retry_at = "", 0.0
        self._unread = 0
        self._distrusted: set[str] = set()
        self._checks: dict[Release, Check] = {}
        self._heeded: set[Release] = set()
        """The releases that answer as their ended check says."""
        self._release: Release | None = None
        try:
            found = self._open(pin, verify) if pin is not None else self._open_current(verify)
            self._serve(found)
        except DamagedError as error:
            self._stay(pin or pointer.read(folder), str(error))
            if self._release is None or verify:
                raise
        if self._release is not None:
            self.served = served.settled(len(self._release.shards))
        self._background = Background(self._look, LOOK_SECONDS)

    @property
    def problem(self) -> str | None:
        """Why the release that CURRENT names does not serve, or what is damaged; None when all is well."""
        return self._following or self._damaged

    @property
    def checked(self) -> bool:
        """Whether every byte of every release in use is checked as it is now."""
        serving = self._release
        if serving is not None and self.is_damaged(serving):  # it gives way in this moment
            return False
        return all(check.done and release in self._heeded for release, check in list(self._checks.items()))

    @property
    def failing(self) -> str | None:
        """What the thread met that nobody foresaw, and tries again; None if all is well."""
        return None if self._background is None else self._background.problem

    def current(self) -> Release:
        """The release to answer from: a call takes it once and keeps it to its end.

        Raises ReleaseError when the check found it damaged and there is no other.
        """
        self._background.ensure()
        release = self._release
        if release is None:
            raise ReleaseError(self.problem or f"{self.folder}: no release serves")
        return release

    def look(self) -> Release:
        """As `current`, but read CURRENT now, and wait until the release it names is open."""
        self._retry_at = 0.0
        self._background.now()
        return self.current()

    def watch(self, releases: Iterable[Release]) -> None:
        """Check these releases, too: those of a test with arms."""
        self._checks |= {release: self._check_of(release) for release in releases}

    def is_damaged(self, release: Release) -> bool:
        """Whether the check found that answers from a watched release may be wrong."""
        check = self._checks.get(release)
        return check is not None and any(name.startswith(ANSWERS) for name in check.ever)

    def _look(self) -> None:
        """Open the release that CURRENT names, if it is another one, and go on with the check."""
        self._retired = None  # the calls that it answered have ended; this thread pays for unmapping it
        try:
            self._follow()
        except Exception as error:  # whatever it is, the thread goes on, and so do calls
            self._tell(str(error) if isinstance(error, ReleaseError) else f"{self.folder}: {error!r}")
        try:
            self._note(self._check())
        except Exception as error:
            self._note(f"{self.folder}: not checked: {error!r}")

    def _follow(self) -> None:
        wanted = self._pin if self._pin is not None else self._current()
        if wanted is None:
            return
        if wanted == self._failed and time.monotonic() < self._retry_at:
            return
        if self._release is None or wanted != self._release.id:
            self._failed, self._retry_at = wanted, time.monotonic() + RETRY_SECONDS
            try:
                release = self._open(wanted)
                if wanted in self._distrusted:
                    _check_all(self._check_of(release))
            except DamagedError as error:
                self._stay(wanted, str(error))
                return
            _warm(release, self.served)
            self._serve(release)
            LOG.info("serving release %s", wanted)
        self._failed, self._following = "", None

    def _current(self) -> str | None:
        """What CURRENT names; None where it cannot be read, which once is no news for a reader that serves."""
        try:
            current = pointer.read(self.folder)
        except ReleaseError:
            self._unread += 1
            if self._unread == 1 and self._release is not None:
                return None
            raise
        self._unread = 0
        return current

    def _serve(self, release: Release | None) -> None:
        before = self._release
        if release is not None:
            self._checks[release] = self._check_of(release)
        self._retired, self._release = before, release
        # Only now: until the other one serves, `checked` must not forget what was found in this one.
        check = None if before is None else self._checks.pop(before, None)
        if before is not None and check is not None:
            self._heeded.discard(before)
            check.stop()

    def _check(self) -> str | None:
        """Go on with the check of each release in use. Returns what is wrong with one that serves all the same."""
        found = None
        for release, check in list(self._checks.items()):
            check.step(CHECK_SECONDS)
            if release is self._release and self.is_damaged(release):
                self._stay(release.id, str(harm(check.damage)))
                with suppress(ReleaseError):
                    check.finish()  # so that it is remembered, and nobody else begins there
                continue
            if check.done:
                release.index_checked = release.manifest.annoy.file not in check.ever
                self._heeded.add(release)
            found = found or check.problem
        return found

    def _stay(self, damaged: str, why: str) -> None:
        """Stay with the release that serves, or go back from a damaged one to the newest earlier one; to none where
        there is none.
        """
        self._distrusted.add(damaged)
        self._failed, self._retry_at = damaged, time.monotonic() + RETRY_SECONDS
        if self._release is None or self._release.id == damaged:
            earlier = self._earlier(damaged)
            if earlier is not None:
                self._serve(earlier)
            elif self._release is not None:
                self._serve(None)
        self._tell(
            f"release {damaged} is damaged, so {self._serving} serves: {why}; bring the file back from a copy, or "
            "publish another release"
        )

    def _earlier(self, damaged: str) -> Release | None:
        """The nearest release that a rollback would go to and that opens; it is checked while it serves."""
        for earlier in [] if self.pinned else _before(self.folder, damaged):
            try:
                return self._open(earlier)
            except ReleaseError as error:
                LOG.warning("release %s cannot serve instead of %s: %s", earlier, damaged, error)
        return None

    def _open(self, release_id: str, verify: bool = False) -> Release:
        return open_locked(self.folder, release_id, verify, served=self.served)

    def _open_current(self, verify: bool) -> Release:
        """Open the release that CURRENT names; the next one when CURRENT moves on while this one is opened."""
        while True:
            wanted = pointer.read(self.folder)
            try:
                return self._open(wanted, verify)
            except ReleaseError:
                if pointer.read(self.folder) == wanted:
                    raise

    def _check_of(self, release: Release) -> Check:
        return Check(release.path, release.manifest, self.served)

    @property
    def _serving(self) -> str:
        return "none" if self._release is None else f"release {self._release.id}"

    def _note(self, found: str | None) -> None:
        if found is not None and found != self._damaged:
            LOG.warning("still serving %s: %s", self._serving, found)
        self._damaged = found

    def _tell(self, problem: str) -> None:
        if problem != self._following:
            self._following = problem
            LOG.warning("still serving %s: %s", self._serving, problem)


def _before(folder: Path, release_id: str) -> list[str]:
    """The releases that rollbacks from this one would go to, the nearest first; none where that is not certain."""
    try:
        ids = pointer.stack(folder)
    except ReleaseError:
        return []
    return ids[: ids.index(release_id) if release_id in ids else len(ids)][::-1]


def _check_all(check: Check) -> None:
    """Check every byte of a release at once. Raises DamagedError where answers may be wrong."""
    check.finish()
    if (why := harm(check.damage)) is not None:
        raise DamagedError(why)


def _warm(release: Release, served: Served) -> None:
    """Read the files that calls need, so that they are in memory. Other threads run during a read, but not during the
    page fault of a call.
    """
    buffer = bytearray(BLOCK)
    here = needed(release.manifest.files, served)
    for name in files_of(release.manifest):
        if name in here and name != CATALOG_FILE and here[name].bytes <= WARM_BYTES:
            with (release.path / name).open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
