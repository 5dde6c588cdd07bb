"""A reader's side of the patch log: it reads what is new, notices what happens to the log, and goes on without it."""

import logging
import threading
import time
from collections.abc import Collection, Sequence

from lookup.errors import LogError
from lookup.patches.following.breaker import Breaker
from lookup.patches.following.lineage import Watermark, watermark_in
from lookup.patches.following.write_back import WriteBack
from lookup.patches.overlay import Overlay
from lookup.patches.patch import Patch
from lookup.patches.patch_log import MOST_EVENTS, Event, Identity, PatchLog, Patience, Place
from lookup.release.manifest import Manifest

LOG = logging.getLogger("lookup")
REQUEST_SECONDS = 0.05
"""How long a request waits for the log, and the background for its first answer."""
FOLLOW_SECONDS = 0.5
"""How long the background waits for any other answer."""
FIRST_SECONDS = 1.0
"""How long whoever opens a shop waits for the log to say anything: looking up a host's name has no deadline."""
TOLD_SECONDS = 2.0
"""For how long at least `problem` says that the log was lost, so that whoever watches sees it."""
FAULT_SECONDS = 0.5
"""How often the log is asked whether it is safe."""


def of_readers(write: float) -> Patience:
    """The patience of a reader. write: how many seconds its calls that write may wait."""
    return Patience(REQUEST_SECONDS, FOLLOW_SECONDS, write)


class LogFollower:
    """Follows a log for the releases in use. `read` and `close` are for one thread at a time, the rest for all.

    most_bytes, item_bytes: as in `Overlay`. must_write: whether a log that does not exist yet is to be writable, too.
    """

    def __init__(self, log: PatchLog, most_bytes: int, item_bytes: int, *, must_write: bool):
        self.overlay, self.breaker = Overlay(log, most_bytes, item_bytes), Breaker()
        self._log, self._must_write = log, must_write
        self._write_back = WriteBack(log)
        self._identity = Identity()
        self._asked: object = None
        self._watermarks: dict[str, Watermark] = {}
        self._lost: str | None = None
        self._lost_until = 0.0
        self._fault: str | None = None
        self._fault_at = 0.0
        self._first = True

    @property
    def problem(self) -> str | None:
        """What is wrong with the log; None when all is well. Patches that were read before still hold."""
        whys = (one.why for one in self._watermarks.values())
        return self.breaker.problem or self._lost or self._fault or next((why for why in whys if why), None)

    def watermark(self, release: Manifest) -> int:
        """The position up to which a release has absorbed this log."""
        known = self._watermarks.get(release.id)
        return release.patches_until if known is None else known.position

    def read(self, releases: Collection[Manifest]) -> None:
        """Read what is new, for these releases. Raises no LogError: `problem` says it."""
        try:
            self._read(releases)
            self.breaker.answered()
        except LogError as error:
            self.breaker.missed(error)

    def absorb(self, releases: Collection[Manifest], now: int) -> None:
        """Drop what all these releases have absorbed. now: microseconds since 1970."""
        try:
            self.overlay.absorb(min(map(self.watermark, releases)), now)
        except LogError as error:
            self.breaker.missed(error)

    def events(self, user: str, after: int, until: int, newest: int = MOST_EVENTS) -> list[Event]:
        """See `PatchLog.events`; none while the log does not answer."""
        if self.breaker.open:
            return []
        try:
            return self._log.events(user, after, until, newest)
        except LogError as error:
            self.breaker.failed(error, lambda: self._log.events(user, after, until, 1))
            return []

    def append(self, patches: Sequence[Patch]) -> None:
        """See `PatchLog.append`. What it keeps is known here at once."""
        if self.breaker.down:
            raise LogError(f"{self.breaker.problem} (nothing was kept; the log is tried again in the background)")
        position = self._log.append(patches)
        try:
            read = self.overlay.look()
        except LogError:  # the log keeps the patch all the same
            read = False
        if not read:
            known = max((one.position for one in self._watermarks.values()), default=0)
            self.overlay.wrote(patches, max(position, known + 1))  # in a new log it may be less, which would not count
        self._write_back.remember(patches)

    def close(self) -> None:
        """Close the log's files and connections."""
        self._log.close()

    def _read(self, releases: Collection[Manifest]) -> None:
        if self._first:
            self._first = False
            self._ask_first()
        overlay = self.overlay
        other = overlay.place is not None and not overlay.look()
        if other and self._gone():
            return
        if other or overlay.place is None or self._asked != _question(overlay.place, releases):
            self._identify(releases)
        watermark = min(map(self.watermark, releases))
        if other:
            self._take_other(watermark)
        else:
            overlay.follow(watermark)
            self._write_back.end()
            if not self._write_back.pending and time.monotonic() > self._lost_until:
                self._lost = None
        self._write_back.step()
        self._ask_fault()

    def _ask_first(self) -> None:
        """Ask the log for anything, in a thread of its own. Raises LogError where nothing comes in time."""
        answered = threading.Event()

        def ask() -> None:
            try:
                self._log.place()
            except LogError:
                pass  # an answer, too: the next question meets the same
            finally:
                answered.set()

        threading.Thread(target=ask, name="daybreak", daemon=True).start()
        if not answered.wait(FIRST_SECONDS):
            raise LogError(f"{self._log.where}: the log has said nothing for {FIRST_SECONDS:g} seconds")

    def _identify(self, releases: Collection[Manifest]) -> None:
        """Find out which log it is, and so how far each release has absorbed it."""
        here, self._identity = self._log.place(), self._log.identity()  # the quicker question first
        found = {one.id: watermark_in(one, self._log.where, self._identity, here) for one in releases}
        for release, one in found.items():
            if one.why and one != self._watermarks.get(release):
                LOG.warning("%s", one.why)
        self._watermarks = found
        self._asked = _question(here, releases)

    def _gone(self) -> bool:
        """Whether the log is gone or empty, and is to be written again."""
        if self._log.place().position:
            return False
        if not self._write_back.waits:
            known = self.overlay.known(time.time_ns() // 1000)
            if not known and not self._write_back.pending:
                return False
            self._write_back.begin(known, empty=True)
        self._tell(
            f"{self._log.where}: the log is gone or empty; it was read up to position {self.overlay.position}. What "
            "was read still holds, and is written back soon; unless the log is restored before, older events are lost"
        )
        self._write_back.step()
        return True

    def _take_other(self, watermark: int) -> None:
        """Read another log, or an older copy of the one that was read, and write back what it lacks."""
        overlay = self.overlay
        known, before = overlay.known(time.time_ns() // 1000), overlay.position
        overlay.follow(watermark, anew=True)
        self._tell(
            f"{self._log.where}: another log, or an older copy, took the place of the one that was read up to position "
            f"{before}: it is read from its beginning, and what it lacks is written back"
        )
        self._write_back.begin([patch for patch in known if overlay.lacks(patch)], empty=False)

    def _ask_fault(self) -> None:
        if time.monotonic() >= self._fault_at:
            first, self._fault_at = not self._fault_at, time.monotonic() + FAULT_SECONDS
            fault = self._log.fault(must_write=self._must_write)
            if fault is None and not first:  # whoever opens a shop does not wait for this
                fault = self._log.damage()
            if fault is not None and fault != self._fault:
                LOG.warning("%s", fault)
            self._fault = fault
            self._log.tidy()

    def _tell(self, what: str) -> None:
        if what != self._lost:
            LOG.warning("%s", what)
        self._lost, self._lost_until = what, time.monotonic() + TOLD_SECONDS


def _question(place: Place, releases: Collection[Manifest]) -> object:
    """What the watermarks depend on: which log it is, whether it holds anything, and the releases."""
    return place.log, place.position > 0, {one.id for one in releases}
