"""Turns of threads that write: first come, first served, and whoever writes does it for those that wait, too.

A `threading.Lock` goes to whichever thread runs next, so that of many busy threads one may wait for seconds. And each
commit waits for the disk, so that sixteen threads wait for sixteen of them, unless one commit does for all.
"""

import threading
from collections import deque
from collections.abc import Sequence

from lookup.patches.patch import Patch

DONE_SECONDS = 5.0
"""How long a thread waits for a commit that another one does for it."""
SMALL = 100
"""A job of at most so many patches is done together with others."""
MOST_JOBS = 64
"""How many jobs are done together at most."""


class Job:
    """Patches that a thread wants kept, and how that ended."""

    def __init__(self, patches: Sequence[Patch]):
        self.patches = patches
        self.others: list[Job] = []
        """Jobs of waiting threads that are to be done together with this one."""
        self.done = False
        """Whether another thread has done it, well or not."""
        self.position = 0
        """Of the log after it."""
        self.error: Exception | None = None
        """Why nothing of it was kept."""

    @property
    def small(self) -> bool:
        """Whether it is done together with others."""
        return len(self.patches) <= SMALL


class HungError(Exception):
    """Another thread has a job in its commit, and that takes too long."""


class Turns:
    """A lock for threads, first come, first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for moments only
        self._held = False
        self._waiting: deque[tuple[threading.Lock, Job | None]] = deque()
        self._joined: list[tuple[threading.Lock, Job]] = []

    def acquire(self, timeout: float, job: Job | None = None) -> bool:
        """Wait for the turn, for so many seconds. Returns whether it came.

        It comes also where another thread has done the job meanwhile (`Job.done`): then nothing is to be released.
        Raises HungError where another thread is at the job and does not come to its end.
        """
        with self._lock:
            if not self._held:
                self._held = True
                return True
            woken = threading.Lock()
            woken.acquire()
            mine = (woken, job)
            self._waiting.append(mine)
        try:
            return woken.acquire(timeout=max(timeout, 0.0)) or not self._left(mine)
        except HungError:
            raise
        except BaseException:  # a signal: its handler raises here
            if not self._left(mine) and (job is None or not job.done):
                self.release()
            raise

    def join(self, job: Job) -> None:
        """Let whoever has the turn do the small jobs of waiting threads, too: they are the job's `others`."""
        if not job.small:
            return
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
            for woken, one in waiting:
                if one is not None and one.small and len(self._joined) < MOST_JOBS:
                    self._joined.append((woken, one))
                else:
                    self._waiting.append((woken, one))
            job.others = [one for _, one in self._joined]

    def _left(self, mine: tuple[threading.Lock, Job | None]) -> bool:
        """Leave the queue. Returns False where the turn came in this moment, or the job has been done."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return True
        if not mine[0].acquire(timeout=DONE_SECONDS):  # the job is being done: that takes no longer than a commit
            raise HungError
        return False

    def release(self) -> None:
        """End the turn, wake those whose jobs are done, and begin the turn of who has waited longest."""
        with self._lock:
            for woken, one in self._joined:
                one.done = True
                woken.release()
            self._joined = []
            if self._waiting:
                self._waiting.popleft()[0].release()
            else:
                self._held = False
