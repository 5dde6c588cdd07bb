"""What a running process writes back into a log that has lost it.

A log may turn out to be empty, another one, or an older copy of itself: a server was flushed or failed over, a file was
deleted or replaced. The process still knows the statements that hold, the forgotten users, and the newest events that
it recorded itself. It appends what the log lacks. That is safe: a patch has its own time, and counts once however often
it arrives. So nothing is lost that a running process knows, and all readers agree again.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence

from lookup.errors import LogError, PatchError
from lookup.patches.patch import EVENT, FORGET, Patch, check
from lookup.patches.patch_log import PatchLog

LOG = logging.getLogger("lookup")
EMPTY_SECONDS = 2.0
"""How long a log must be gone or empty before it is written: somebody may just be restoring it."""
EVENTS = 10_000
"""How many of its newest events a process remembers: some 5 MB."""
AGAIN_SECONDS = 1.0
"""How long to wait where the log did not take it."""
TOGETHER = 500
"""How many patches are appended at a time."""


class WriteBack:
    """The patches that are to be written back. For the background's thread, except `remember`."""

    def __init__(self, log: PatchLog):
        self._log = log
        self._events: deque[Patch] = deque(maxlen=EVENTS)
        self._waiting: list[Patch] = []
        self._not_before = 0.0
        self.waits = False
        """Whether it waits for an empty log, or writes one."""

    def remember(self, patches: Sequence[Patch]) -> None:
        """Remember events that this process has recorded, and none of a user whom it forgets."""
        gone = {patch.key for patch in patches if patch.kind == FORGET}
        if gone:
            self._events = deque((one for one in self._events.copy() if one.key not in gone), maxlen=EVENTS)
        self._events.extend(patch for patch in patches if patch.kind == EVENT)

    @property
    def pending(self) -> bool:
        """Whether anything is still to be written."""
        return bool(self._waiting)

    def begin(self, known: list[Patch], *, empty: bool) -> None:
        """Begin to write what is known of a log that lost it. empty: whether the log is gone or empty."""
        self.waits = empty
        self._not_before = time.monotonic() + (EMPTY_SECONDS if empty else 0.0)
        # First of all who was forgotten, so that no event of theirs comes back.
        known.sort(key=lambda patch: patch.kind != FORGET)
        self._waiting = [*known, *self._events.copy()]

    def end(self) -> None:
        """The log is the one that is known: where it was gone, it came back, and lacks nothing."""
        if self.waits:
            self.waits, self._waiting = False, []

    def step(self) -> None:
        """Write some of it, when it is time. Raises LogError where the log takes nothing; a later step tries again."""
        if not self._waiting or time.monotonic() < self._not_before:
            return
        batch = self._waiting[:TOGETHER]
        try:
            self._log.append(filter(_sound, batch))
        except LogError as error:
            self._not_before = time.monotonic() + AGAIN_SECONDS
            raise LogError(f"{error} (while writing back {len(self._waiting)} patches that the log lost)") from error
        del self._waiting[: len(batch)]
        LOG.warning("%s: wrote back %d patches that the log had lost", self._log.where, len(batch))


def _sound(patch: Patch) -> bool:
    try:
        check(patch)
    except PatchError:  # an earlier Daybreak took what this one refuses
        return False
    return True
