"""Background work: a thread calls a method again and again.

The thread does not keep the method's object alive, and ends with it. It survives whatever the method raises: that is
logged, and `problem` says it until the method ends well again. A fork copies no threads: the child starts its own
thread when it next calls `ensure`.

A fork waits until the threads are between two steps, so that the child finds nothing half done. For a thread that waits
for a disk or a server it does not wait: such a thread holds no lock of what calls read, and the child starts anew.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol, TypeAlias


class ForkLock(Protocol):
    """What a fork can hold."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, and say whether that succeeded. timeout: seconds."""

    def release(self) -> None:
        """Give it back."""


Lock: TypeAlias = "threading.Lock | threading._RLock | ForkLock"

LOG = logging.getLogger("lookup")
CHECK_SECONDS = 1.0
"""How often `ensure` really checks that the thread lives."""
FORK_SECONDS = 0.01
"""How long a fork waits for the methods that run, all together."""
LOCK_SECONDS = 1.0
"""How long a fork waits for a lock that is held for moments only, where the thread that holds it gets no turn."""


class Background:
    """Calls a method every so many seconds, as long as its object exists."""

    def __init__(self, method: Callable[[], None], seconds: float):
        self._work, self._seconds = _Work(method), seconds
        self._thread: threading.Thread | None = None
        self._check_at = 0.0
        self.working = self._work.working
        """Held while the method runs."""
        hold_at_fork(self, self.working)
        self.ensure()

    @property
    def problem(self) -> str | None:
        """What the method raised when the thread last called it; None where it ended well."""
        return self._work.problem

    def ensure(self) -> None:
        """Start the thread where it does not live. Cheap: all but one call a second only read the clock."""
        if time.monotonic() < self._check_at or not self.working.acquire(blocking=False):
            return
        try:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=_repeat, args=(self._work, self._seconds), name="daybreak", daemon=True
                )
                thread.start()
                self._thread = thread
        except (RuntimeError, MemoryError) as error:  # the system has no room for a thread: tried again in a second
            self._work.failed(error)
        finally:
            self._check_at = time.monotonic() + CHECK_SECONDS
            self.working.release()

    def forked(self) -> None:
        """Let the next `ensure` start the thread, which the child of a fork does not have."""
        self._check_at = 0.0

    def now(self) -> None:
        """Call the method in this thread, after a call by the other thread has ended. Raises what the method raises."""
        self._work.call()


class _Work:
    """What the thread knows: the method of an object that may be gone, and how its last call ended."""

    def __init__(self, method: Callable[[], None]):
        self._method = weakref.WeakMethod(method)
        self.working = threading.Lock()
        self.problem: str | None = None

    def call(self) -> bool:
        """Call the method. Returns whether its object still exists."""
        with self.working:
            bound = self._method()
            if bound is not None:
                bound()
        return bound is not None

    def survive(self) -> bool:
        """Call the method, whatever it raises. Returns as `call` does."""
        try:
            there = self.call()
        except Exception as error:  # whatever it is, the thread must go on
            self.failed(error)
            return True
        self.problem = None
        return there

    def failed(self, error: Exception) -> None:
        """Remember and log an error; the same one again is not logged."""
        said = f"background work failed, and is tried again: {type(error).__name__}: {error!s:.500}"
        if said != self.problem:
            self.problem = said
            LOG.error("%s", said, exc_info=error)


def _repeat(work: _Work, seconds: float) -> None:
    there = True
    while there:
        time.sleep(seconds)
        there = work.survive()


class _Forks:
    """Holds all registered locks while the process forks."""

    def __init__(self) -> None:
        self.locks: weakref.WeakKeyDictionary[object, tuple[int, Lock]] = weakref.WeakKeyDictionary()
        self.forking = threading.Lock()
        self._held: list[Lock] = []
        self._left: list[Lock] = []
        os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    def _before(self) -> None:
        self.forking.acquire()
        known = sorted(self.locks.values(), key=lambda one: one[0])
        ends = time.monotonic() + FORK_SECONDS
        for depth, lock in known:
            # Those of the threads come first. The deeper ones are held for moments only.
            if lock.acquire(timeout=max(ends - time.monotonic(), 0.0) if depth == 0 else LOCK_SECONDS):
                self._held.append(lock)
            else:
                self._left.append(lock)

    def _in_parent(self) -> None:
        for lock in self._held:
            lock.release()
        self._held, self._left = [], []
        self.forking.release()

    def _in_child(self) -> None:
        for lock in self._left:
            lock._at_fork_reinit()  # type: ignore[union-attr]  # of a thread that the child does not have
        for owner in list(self.locks):
            if isinstance(owner, Background):
                owner.forked()
        self._in_parent()


_FORKS = _Forks()


def hold_at_fork(owner: object, lock: Lock, depth: int = 0) -> None:
    """Let forks wait for the lock of an object; else a child could inherit it held by a thread that it does not have.

    depth: a thread that holds a lock may wait only for deeper ones; the locks of `Background` are the outermost, 0, and
    forks wait for them only `FORK_SECONDS`. No other lock may be held while a thread reads or writes. An object has one
    such lock.
    """
    with _FORKS.forking:
        _FORKS.locks[owner] = depth, lock
