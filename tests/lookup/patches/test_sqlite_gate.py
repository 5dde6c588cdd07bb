"""A fork finds no thread inside SQLite, whose own locks a child would inherit for good."""

import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

from lookup.patches.stores.sqlite_gate import FORK_SECONDS, Gate


def exit_code(child: int) -> int:
    """Of a forked process that has ten seconds."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -1


def fork(work: object) -> int:
    child = os.fork()
    if not child:
        try:
            work()  # type: ignore[operator]
            os._exit(0)
        finally:
            os._exit(1)
    return exit_code(child)


def test_a_fork_waits_for_whoever_is_inside_and_not_for_long() -> None:
    gate, inside, leave = Gate(), threading.Event(), threading.Event()

    def stay() -> None:
        with gate, gate:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(10)
    began = time.monotonic()

    def enter() -> None:
        with gate:
            assert gate._inside == 1

    assert fork(enter) == 0
    assert time.monotonic() - began >= FORK_SECONDS
    leave.set()
    thread.join(10)
    assert gate._inside == 0
    with gate:
        assert fork(enter) == 0  # the thread that forks may be inside itself
    assert (gate._inside, gate._closed) == (0, False)


@pytest.mark.skipif(sys.platform != "linux", reason="forks of threads")
def test_children_open_files_while_threads_of_the_parent_do(tmp_path: Path) -> None:
    gate, ended = Gate(), threading.Event()

    def use() -> None:
        with gate:
            db = sqlite3.connect(tmp_path / "x.sqlite")
            db.execute("SELECT 1").fetchall()
            db.close()

    def go_on() -> None:
        while not ended.is_set():
            use()

    threads = [threading.Thread(target=go_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert [fork(use) for _ in range(30)] == [0] * 30
    finally:
        ended.set()
        for thread in threads:
            thread.join(10)
