"""A fork finds no thread inside SQLite, whose own locks a child would inherit for good."""

import os
import threading
import time
from pathlib import Path

from lookup.patches.stores.sqlite_file import SqliteFile
from lookup.patches.stores.sqlite_gate import FORK_SECONDS, GATE, Gate


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


def test_what_a_log_does_goes_through_the_gate(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "patches.sqlite")
    assert file.told(lambda: GATE._inside) == 1
    with file.transaction(1.0) as own:
        assert own is not None
        assert GATE._inside == 0  # who holds a transaction is outside between two statements
    assert GATE._inside == 0
