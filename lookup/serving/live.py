"""The state of each release in use, renewed in the background; and what all calls of a shop share."""

import logging
import threading
import time
from datetime import datetime
from typing import Any

from lookup.background import Background, hold_at_fork
from lookup.errors import ReleaseError
from lookup.experiments.arms import Arms
from lookup.patches.following.log_follower import LogFollower
from lookup.patches.patch import micros
from lookup.patches.patch_log import FOREVER, MOST_EVENTS, Event, PatchLog
from lookup.release.follow import Follower
from lookup.release.reader import Release
from lookup.serving.replay import Replay
from lookup.serving.state import State

LOG = logging.getLogger("lookup")
VECTORS = 2
"""How many vectors a state makes of an item that was added by day."""
LOOK_SECONDS = 0.05
"""How often a reader asks the log for new patches."""


class Live:
    """Joins the release that serves, or the releases of the arms, with the patch log. Thread-safe and safe to fork.

    A background thread reads the log and makes the next states. A call takes the current state; it renews the state
    itself only after a patch of its own process, and when a statement has just ended. No call waits for the log, except
    to read the events of a user, and that shortly (`lookup.patches.following`).

    must_write: as in `LogFollower`.
    """

    def __init__(
        self, follower: Follower, arms: Arms | None, log: PatchLog, most_bytes: int, *, must_write: bool = True
    ):
        self.follower, self.arms = follower, arms
        vectors = VECTORS * follower.current().item_vector[:1].nbytes
        self.log = LogFollower(log, most_bytes, vectors, must_write=must_write)
        self.overlay = self.log.overlay
        self.release_problem: str | None = None
        """What the follower says of the releases, once the states are as it says."""
        self.checked = False
        """Whether every byte of the releases is checked that the states are of."""
        self.cut = 0
        """How many calls were for users with so many events that only the newest counted."""
        self.elsewhere = 0
        """How many calls were for users of shards that this host does not serve."""
        self._lock = threading.Lock()
        hold_at_fork(self, self._lock, depth=1)
        self._states: dict[str, State] = {}
        self._replay: Replay | None = None
        self._closed = False
        self._renew()
        self._background = Background(self._renew, LOOK_SECONDS)

    @property
    def problem(self) -> str | None:
        """What is wrong with the log; None when all is well. Patches that were read before still hold."""
        return self.log.problem

    @property
    def failing(self) -> str | None:
        """What the threads met that nobody foresaw, or which patches are refused; None if all is well."""
        return self._background.problem or self.follower.failing or self.overlay.problem

    def state(self, user: str | None = None, at: int | None = None) -> tuple[State, str | None]:
        """The state to answer from, and the user's arm.

        user: for a test with arms; None answers from the release that CURRENT names. at: microseconds since 1970; None
        for now. A user whose arm's release is damaged has no arm. Raises TypeError in a test for what cannot be an id,
        ReleaseError when no release is whole.
        """
        self._background.ensure()
        key, arm = "", None
        if self.arms is not None and user is not None:
            arm = self.arms.arm(user)
            key = self.arms.release(arm).id
            if key not in self._states:  # it is damaged
                key, arm = "", None
        try:
            state = self._states[key]
        except KeyError:
            raise ReleaseError(self.follower.problem or "no release serves") from None
        if at is not None:
            return self._replayed(state, at), arm
        if self.overlay.mark != state.mark or time.time_ns() >= state.until * 1000:
            with self._lock:
                state = self._caught_up(self._states.get(key, state))
                if key in self._states:
                    self._states = {**self._states, key: state}
        return state, arm

    @property
    def serving(self) -> State | None:
        """The state to answer from where no user is asked for; None when no release is whole."""
        return self._states.get("")

    def events(self, user: str, after: int, until: int) -> list[Event]:
        """The events of a user after a position of the log, up to a time in microseconds since 1970.

        Of very many events only the newest (`cut`); none while the log does not answer (`LogFollower.problem`).
        """
        found = self.log.events(user, after, until, MOST_EVENTS)
        if len(found) == MOST_EVENTS:
            if not self.cut:
                LOG.warning("user %r has more than %d events since the release; the newest count", user, MOST_EVENTS)
            self.cut += 1
        return found

    def note_elsewhere(self, user: str, release: Release) -> None:
        """Count a call for a user of a shard that this host does not serve, and log the first."""
        if not self.elsewhere:
            LOG.warning("%s; further ones are counted", release.elsewhere(user))
        self.elsewhere += 1

    def features(self) -> set[str]:
        """The names of the features that the releases in use declare."""
        return {name for state in self._states.values() for name in state.features}

    def look(self) -> None:
        """Read CURRENT and the log now."""
        self.follower.look()
        self._background.now()

    def close(self) -> None:
        """Stop reading, and close the log's files and connections. Calls still answer from what is known."""
        self._closed = True
        self.log.close()

    def _renew(self) -> None:
        if self._closed:
            return
        # First: what it says of a release holds for the states made below.
        checked, said = self.follower.checked, self.follower.problem
        try:
            releases = {"": self.follower.current()}
        except ReleaseError:  # it is damaged, and there is no other
            with self._lock:
                self._states, self.release_problem, self.checked = {}, said, checked
            return
        if self.arms is not None:
            releases |= {one.id: one for one in self.arms.releases if not self.follower.is_damaged(one)}
        manifests = [release.manifest for release in releases.values()]
        self.log.read(manifests)
        # A state made from scratch takes a while when there are many patches, so no call waits for it.
        now = time.time_ns() // 1000
        fresh = {
            key: State(release, self.overlay.view(now), now, watermark=self.log.watermark(release.manifest))
            for key, release in releases.items()
            if key not in self._states or self._is_other(self._states[key], release)
        }
        with self._lock:
            self._states = {key: self._caught_up(fresh.get(key) or self._states[key]) for key in releases}
        self.release_problem, self.checked = said, checked
        if self._replay is not None and all(self._replay.release is not one for one in releases.values()):
            self._replay = None
        self.log.absorb(manifests, now)
        if self._closed:  # meanwhile
            self.log.close()

    def stats(self, problem: str | None) -> dict[str, Any]:
        """The numbers of `lookup.shop.Shop.stats`. problem: what the shop says is wrong."""
        try:
            state, _ = self.state()
        except ReleaseError:  # no release is whole
            state = None
        held, log = self.overlay.stats(), self.overlay.log.where
        age = None if held.oldest is None else time.time() - held.oldest / 1e6
        patched = {**held._asdict(), "log": log, "oldest": age, "most_events": MOST_EVENTS, "cut": self.cut}
        counts: dict[str, Any] = {"added": 0, "to_come": 0, "shards": None}
        if state is not None:
            to_come = sum(state.find(item) < 0 for item in state.patched)
            here = [shard for shard, users in enumerate(state.release.shards) if users is not None]
            shards = {"of": len(state.release.shards), "served": here, "elsewhere": self.elsewhere}
            counts = {"added": len(state.added), "to_come": to_come, "shards": shards}
        return {
            "release": None if state is None else state.release.id,
            "checked": self.checked,
            "problem": problem,
            **counts,
            "patches": patched,
        }

    def _is_other(self, state: State, release: Release) -> bool:
        if state.worn:
            return True
        return state.release is not release or state.watermark != self.log.watermark(release.manifest)

    def _caught_up(self, state: State) -> State:
        """A state with the changes since it was made; the same state where nothing changed."""
        now = time.time_ns() // 1000
        view = self.overlay.since(state.mark, now)
        if view is None:
            return State(state.release, self.overlay.view(now), now, watermark=state.watermark)
        if view.mark == state.mark and view.until == state.until:
            return state
        return state.renewed(view, now)

    def _replayed(self, now: State, at: int) -> State:
        """The state at another time. The last replay is kept, for calls with rising times."""
        replay = self._replay
        known = None if replay is None else (replay.release, replay.watermark, replay.mark)
        if replay is None or known != (now.release, now.watermark, self.overlay.mark):
            replay = self._replay = Replay(now.release, self.overlay.view(None), now.watermark)
        return replay.state(at)


class Calls:
    """The base of a shop's calls. live: the releases in use, joined with the patches."""

    def __init__(self, live: Live):
        self._live = live

    def _state(self, user: str | None, at: datetime | int | None) -> tuple[State, str | None, int]:
        """The state to answer from, the user's arm, and the time of the call in microseconds since 1970."""
        if at is None:
            state, arm = self._live.state(user)
            return state, arm, time.time_ns() // 1000
        moment = max(-FOREVER, min(micros(at), FOREVER))
        state, arm = self._live.state(user, moment)
        return state, arm, moment
