"""What serves now: the state of each release in use, renewed beside the calls."""

import logging
import threading
import time

from lookup.arms import Arms
from lookup.background import Background
from lookup.errors import LogError
from lookup.follow import Follower
from lookup.log import Log
from lookup.overlay import LOOK_SECONDS, Overlay
from lookup.patches import AHEAD
from lookup.release import Release
from lookup.state import FOREVER, State

LOG = logging.getLogger("lookup")


class Live:
    """Joins the release in place (or those of the arms) with the log of patches. Thread-safe, safe to fork.

    A thread beside the calls reads the log and makes the next state; a call takes the one that is there, and renews it
    itself only after a patch of its own process, or when a statement has just ended.
    """

    def __init__(self, follower: Follower, arms: Arms | None, log: Log | None, most_bytes: int):
        self.follower, self.arms, self.log = follower, arms, log
        self.overlay = None if log is None else Overlay(log, most_bytes)
        self.problem: str | None = None
        """Why the log cannot be read; None when it can. What was read before goes on to hold."""
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self._replayed: State | None = None
        self._renew()
        if self.problem is not None:
            raise LogError(self.problem)
        self._background = Background(self._renew, LOOK_SECONDS)

    def state(self, user: str | None = None, at: int | None = None) -> tuple[State, str | None]:
        """The state to answer from, and the arm of the user. at: microseconds since 1970; None: now."""
        self._background.ensure()
        arm = None
        if self.arms is not None and user is not None:
            arm = self.arms.arm(user)
            found = self._states[self.arms.release(arm).id]
        else:
            found = self._states[""]
        if at is not None:
            return self._at(found.release, at), arm
        overlay = self.overlay
        if overlay is not None and (overlay.mark != found.mark or time.time_ns() >= found.until * 1000):
            with self._lock:
                self._join()
                found = self._states[found.release.id if arm is not None else ""]
        return found, arm

    def look(self) -> None:
        """Read CURRENT and the log now."""
        self.follower.look()
        self._renew()

    def wrote(self) -> None:
        """See what this process has just written to the log."""
        if self.overlay is not None:
            self.overlay.look(now=True)

    def _renew(self) -> None:
        with self._lock:
            try:
                if self.overlay is not None:
                    releases = self._releases()
                    watermark = min(release.manifest.patches_until for release in releases.values())
                    self.overlay.follow(watermark)
                    self.overlay.absorb(watermark)
                    self.overlay.look(now=True)
                self.problem = None
            except LogError as error:
                if str(error) != self.problem:
                    self.problem = str(error)
                    LOG.warning("patches are not read, those known hold: %s", error)
            self._join()

    def _releases(self) -> dict[str, Release]:
        current = {"": self.follower.current()}
        return current if self.arms is None else current | {one.id: one for one in self.arms.releases}

    def _join(self) -> None:
        now = time.time_ns() // 1000
        states = {}
        for name, release in self._releases().items():
            old = self._states.get(name)
            if old is not None and old.release is release:
                states[name] = old if self.overlay is None else old.renewed(self.overlay, now)
            else:
                states[name] = State(release, self.overlay, now)
        self._states = states

    def _at(self, release: Release, at: int) -> State:
        """The state at another time; the last one is kept, for replays."""
        found, overlay = self._replayed, self.overlay
        same = found is not None and found.release is release and (overlay is None or found.mark == overlay.mark)
        if found is None or not same or not found.at <= at < found.until:
            found = State(release, overlay, at)
            found.until = FOREVER if overlay is None else _next(overlay, at)
            self._replayed = found
        return found


def _next(overlay: Overlay, at: int) -> int:
    """When another statement begins or ends to hold, after a time."""
    with overlay.lock:
        every = [one for fields in overlay.fields.values() for front in fields.values() for one in front]
    moments = [one.at - AHEAD for one in every] + [one.until for one in every if one.until is not None]
    return min((moment for moment in moments if moment > at), default=FOREVER)
