"""A thread beside the calls: it works, it ends with its object, and forks find nothing half done."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from lookup import background
from lookup.background import Background

PATIENCE = 30.0


class Counter:
    def __init__(self, seconds: float = 0.001, lasts: float = 0.0):
        self.count, self.lasts = 0, lasts
        self.background = Background(self.work, seconds)

    def work(self) -> None:
        time.sleep(self.lasts)
        self.count += 1


def wait(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what() and time.monotonic() < until:
        time.sleep(0.002)
    assert what()


def test_it_works_and_ends_with_its_object() -> None:
    there = [Counter()]
    wait(lambda: there[0].count >= 3)
    thread = there[0].background._thread
    assert thread is not None
    assert thread.is_alive()
    there.clear()
    wait(lambda: not thread.is_alive())


def test_now_waits_for_the_method() -> None:
    counter = Counter(seconds=3600.0)
    counter.background.now()
    assert counter.count == 1


def test_a_thread_that_died_is_started_again() -> None:
    counter = Counter()
    counter.background._thread = None
    counter.background.ensure()  # within a second of the last look: nothing
    assert counter.background._thread is None

    def started() -> bool:
        counter.background._check_at = 0.0
        counter.background.ensure()  # does nothing while the thread of the first lines works
        return counter.background._thread is not None

    wait(started)


class Broken:
    def __init__(self, *errors: Exception):
        self.errors, self.count = list(errors), 0
        self.background = Background(self.work, 0.001)

    def work(self) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)


def test_no_error_ends_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    broken = Broken(RecursionError("deep"), MemoryError(), PermissionError("not yours"), ValueError("not JSON"))
    with caplog.at_level(logging.ERROR, "lookup"):
        wait(lambda: broken.count >= 6)
    assert broken.background.problem is None
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 4
    assert told[0].endswith("RecursionError: deep")
    broken.errors = [KeyError("again")] * 1000
    wait(lambda: broken.background.problem is not None)
    assert "KeyError: 'again'" in str(broken.background.problem)
    assert len(caplog.records) <= 5  # the same error is logged once


def test_a_system_without_threads_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CHECK_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start")))
        counter = Counter()
        assert "can't start" in str(counter.background.problem)
        assert counter.count == 0
    counter.background.ensure()
    wait(lambda: counter.count > 0)


FORKS = """
import os, signal, threading, time
from lookup.background import Background, hold_at_fork

class Half:
    def __init__(self):
        self.one = self.two = 0
        self.lock = threading.RLock()
        hold_at_fork(self, self.lock, depth=1)
        self.background = Background(self.work, 0.0)

    def work(self):
        with self.lock:
            self.one += 1
            time.sleep(0.002)
            self.two += 1

half = Half()
busy = threading.Thread(target=lambda: [half.work() for _ in range(300)])
busy.start()
children = []
for _ in range(20):
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        with half.lock:
            same = half.one == half.two
        before = half.one
        half.background._check_at = 0.0
        half.background.ensure()
        until = time.monotonic() + 30
        while half.one <= before and time.monotonic() < until:
            time.sleep(0.002)
        os._exit(0 if same and half.one > before else 1)
    children.append(pid)
busy.join()
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
"""


def test_forks_find_nothing_half_done() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == str([0] * 20)
    assert not done.stderr


STUCK = """
import os, signal, threading
from lookup import background
from lookup.background import Background

class Stuck:
    def __init__(self):
        self.entered, self.done = threading.Event(), threading.Event()
        self.background = Background(self.work, 0.0)

    def work(self):
        self.entered.set()
        self.done.wait()

stuck = Stuck()
stuck.entered.wait()
pid = os.fork()
if not pid:
    signal.alarm(30)
    stuck.entered.clear()
    stuck.background.ensure()
    os._exit(0 if stuck.entered.wait(20) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), stuck.background.working.locked())
stuck.done.set()
"""


def test_forks_do_not_wait_for_a_thread_that_waits() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("0 True", "")
