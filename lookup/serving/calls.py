"""What all calls of a shop share: the state that each answers from."""

import time
from datetime import datetime

from lookup.patches.patch import micros
from lookup.patches.patch_log import FOREVER
from lookup.serving.live import Live
from lookup.serving.state import State


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
