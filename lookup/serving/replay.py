"""The states of a release at times that the caller names, for tests and replays."""

import threading
from bisect import bisect_right

from lookup.patches.item_fronts import View
from lookup.patches.patch_log import FOREVER
from lookup.release.reader import Release
from lookup.serving.state import State


class Replay:
    """Makes each state from the last one while times rise, and from scratch for an earlier time. Thread-safe.

    view: all statements that are known now. A state here holds no statement of a later time at all, whereas a call of
    now accepts clocks that run a little ahead. watermark: as in `State`.
    """

    def __init__(self, release: Release, view: View, watermark: int | None = None):
        self.release, self.mark, self.watermark = release, view.mark, watermark
        self._view = view
        fronts = ((item, front) for item, fields in view.items.items() for front in fields.values())
        every = [(item, one) for item, front in fronts for one in front]
        begins = [(one.at, item) for item, one in every]
        ends = [(one.until, item) for item, one in every if one.until is not None]
        self._moments = sorted(begins + ends)
        self._times = [time for time, _ in self._moments]
        self._lock = threading.Lock()
        self._state: State | None = None
        self._at = 0

    def state(self, at: int) -> State:
        """The state at a time, microseconds since 1970."""
        with self._lock:
            if self._state is None or at < self._at:
                self._state = State(self.release, View(self._view.items, 0, FOREVER), at, 0, self.watermark)
            else:
                start, end = bisect_right(self._times, self._at), bisect_right(self._times, at)
                if start < end:
                    items = {item: self._view.items[item] for _, item in self._moments[start:end]}
                    self._state = self._state.renewed(View(items, 0, FOREVER), at)
            self._at = at
            return self._state
