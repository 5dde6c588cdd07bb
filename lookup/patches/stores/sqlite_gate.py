"""Forks wait until no thread is inside SQLite.

SQLite has locks of its own for the whole process, such as that of its memory. A child that inherits one which a thread
of its parent held would wait for it for good, at its first call. So each use of SQLite goes through this gate, and a
fork waits for those that are inside: not longer than `FORK_SECONDS`, for whoever is inside longer waits for the disk or
for another process, and holds none of these locks then.
"""

import os
import threading

from lookup.background import hold_at_fork

FORK_SECONDS = 0.05
"""How long a fork waits."""
DEPTH = 4
"""Who holds a lock of `lookup.patches` may be inside, or wait to be."""


class Gate:
    """Counts the threads that are inside. Used by `with`; a thread may be inside several times.

    To `lookup.background` it is a lock, which a fork holds: nobody comes in meanwhile.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside, self._closed, self._process = 0, False, os.getpid()
        self._own = threading.local()
        hold_at_fork(self, self, DEPTH)

    def __enter__(self) -> None:
        depth = getattr(self._own, "depth", 0)
        self._own.depth = depth + 1
        if not depth:
            with self._changed:
                while self._closed:
                    self._changed.wait(FORK_SECONDS)
                self._inside += 1

    def __exit__(self, *error: object) -> None:
        self._own.depth -= 1
        if not self._own.depth:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Let nobody in, and wait for those who are inside. Called before a fork."""
        self._changed.acquire()
        self._closed = True
        mine = 1 if getattr(self._own, "depth", 0) else 0
        self._changed.wait_for(lambda: self._inside <= mine, min(timeout, FORK_SECONDS))
        return True  # whoever is still inside sleeps there

    def release(self) -> None:
        """Let threads in again. Called after a fork, in the parent and in the child."""
        if self._process != os.getpid():  # the child has this thread alone
            self._process, self._inside = os.getpid(), 1 if getattr(self._own, "depth", 0) else 0
        self._closed = False
        self._changed.notify_all()
        self._changed.release()

    def _at_fork_reinit(self) -> None:
        """Never needed: `acquire` always succeeds."""


GATE = Gate()
"""Of this process."""
