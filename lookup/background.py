"""Background work: a thread calls a method again and again.

The thread does not keep the method's object alive, and ends with it. A fork copies no threads: the child starts its own
thread when it next calls `ensure`. A fork waits until no such method runs, so that the child finds nothing half done.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import TypeAlias

Lock: TypeAlias = "threading.Lock | threading._RLock"

CHECK_SECONDS = 1.0
"""How often `ensure` really checks that the thread lives."""


class Background:
    """Calls a method every so many seconds, as long as its object exists."""

    def __init__(self, method: Callable[[], None], seconds: float):
        self._method, self._seconds = weakref.WeakMethod(method), seconds
        self._thread: threading.Thread | None = None
        self._check_at = 0.0
        self.working = threading.Lock()
        """Held while the method runs."""
        hold_at_fork(self, self.working)
        self.ensure()

    def ensure(self) -> None:
        """Start the thread where it does not live. Cheap: all but one call a second only read the clock."""
        if time.monotonic() < self._check_at or not self.working.acquire(blocking=False):
            return
        try:
            if self._thread is None or not self._thread.is_alive():
                arguments = (self._method, self._seconds, self.working)
                self._thread = threading.Thread(target=_repeat, args=arguments, name="daybreak", daemon=True)
                self._thread.start()
            self._check_at = time.monotonic() + CHECK_SECONDS
        finally:
            self.working.release()

    def now(self) -> None:
        """Call the method in this thread, after a call by the other thread has ended."""
        _call(self._method, self.working)


def _repeat(method: "weakref.WeakMethod[Callable[[], None]]", seconds: float, working: threading.Lock) -> None:
    there = True
    while there:
        time.sleep(seconds)
        there = _call(method, working)


def _call(method: "weakref.WeakMethod[Callable[[], None]]", working: threading.Lock) -> bool:
    with working:
        bound = method()
        if bound is not None:
            bound()
    return bound is not None


class _Forks:
    """Holds all registered locks while the process forks."""

    def __init__(self) -> None:
        self.locks: weakref.WeakKeyDictionary[object, tuple[int, Lock]] = weakref.WeakKeyDictionary()
        self.forking = threading.Lock()
        self._held: list[Lock] = []
        os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._after)

    def _before(self) -> None:
        self.forking.acquire()
        self._held = [lock for _, lock in sorted(self.locks.values(), key=lambda known: known[0])]
        for lock in self._held:
            lock.acquire()

    def _after(self) -> None:
        for lock in self._held:
            lock.release()
        self._held = []
        self.forking.release()


_FORKS = _Forks()


def hold_at_fork(owner: object, lock: Lock, depth: int = 0) -> None:
    """Let forks wait for the lock of an object; else a child could inherit it held by a thread that it does not have.

    depth: a thread that holds a lock may wait only for deeper ones; the locks of `Background` are the outermost, 0. An
    object has one such lock.
    """
    with _FORKS.forking:
        _FORKS.locks[owner] = depth, lock
