"""Threads and forks that write a log of SQLite at once."""

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.patches import patch, sqlite_log
from lookup.patches.patch_log import OF_JOBS, Patience, log_at, open_log
from lookup.patches.sqlite_log import SqliteLog
from lookup.patches.stores import sqlite_file, turns
from lookup.patches.stores.turns import HungError, Job, Turns
from tests.lookup.patches.made import NOW

HOLDS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def price(amount: float, item: str = "a") -> patch.Patch:
    return patch.item(item, {"price": amount}, at=NOW)


def test_threads_leave_no_connection_behind(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])

    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    for _ in range(20):
        thread = threading.Thread(target=log.position)
        thread.start()
        thread.join()
    assert open_files() <= before + 3


def test_the_child_of_a_fork_writes_though_a_thread_of_its_parent_just_did(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "patches.sqlite", OF_JOBS)
    log.append([price(1)])
    assert log._file.writing.acquire(0)
    child = multiprocessing.get_context("fork").Process(target=log.append, args=([price(2, "b")],))
    child.start()
    child.join(30)
    log._file.writing.release()
    child.kill()
    assert child.exitcode == 0
    assert log.position() == 2


def test_threads_that_wait_are_done_in_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SqliteLog(tmp_path / "patches.sqlite", OF_JOBS)
    log.append([price(1)])
    keep, pause = sqlite_log._keep, log._file._pause
    begun: list[float] = []

    def kept(db: sqlite3.Connection, patches: list[patch.Patch]) -> int:
        position = keep(db, patches)
        if patches[0].key == "i7":
            raise LogError("a wrong clock")
        return position

    monkeypatch.setattr(sqlite_log, "_keep", kept)
    monkeypatch.setattr(log._file, "_pause", lambda: (begun.append(time.monotonic()), pause()))
    ends: dict[int, object] = {}

    def write(n: int) -> None:
        try:
            ends[n] = log.append([price(n, f"i{n}")])
        except LogError as error:
            ends[n] = str(error)

    turns = log._file.writing
    assert turns.acquire(0)
    threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(12)]
    for n, thread in enumerate(threads):
        thread.start()
        ends_at = time.monotonic() + 10
        while len(turns._waiting) <= n and time.monotonic() < ends_at:
            time.sleep(0.001)
    turns.release()
    for thread in threads:
        thread.join(10)
    assert len(begun) == 1
    assert ends.pop(7) == "a wrong clock"  # it costs nobody else
    assert sorted(ends.items()) == [(n, n + 2 - (n > 7)) for n in range(12) if n != 7]
    assert [said.item for said in log.changes(1).statements] == [f"i{n}" for n in range(12) if n != 7]


def test_a_thread_that_waited_too_long_leaves_the_queue(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "patches.sqlite", Patience(1.0, 1.0, 0.05))
    log.append([price(1)])
    assert log._file.writing.acquire(0)
    with pytest.raises(LogError, match="other threads of this process have been writing"):
        log.append([price(2, "b")])
    log._file.writing.release()
    assert log.append([price(3, "c")]) == 2
    assert [said.item for said in log.changes(1).statements] == ["c"]


def test_writers_do_not_queue_behind_one_that_hangs(tmp_path: Path) -> None:
    log = log_at(tmp_path, Patience(0.1, 0.1, 0.3))
    log.append([price(1)])
    refused: list[str] = []

    def write() -> None:
        try:
            log.append([price(2, "b")])
        except LogError as error:
            refused.append(str(error))

    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, log.where], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        threads = [threading.Thread(target=write) for _ in range(30)]  # one after another they would take 9 seconds
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 5
        assert log.position() == 1  # readers go on
        holder.communicate()
    assert len(refused) == 30
    assert all("been writing for 0.3 seconds; nothing was kept, try again" in one for one in refused)
    assert log.append([price(2, "b")]) == 2


def test_a_process_that_writes_without_end_leaves_others_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(sqlite_file, "IDLE_SECONDS", 10.0)  # however slow this machine is
    monkeypatch.setattr(sqlite_file, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(sqlite_file.time, "sleep", pauses.append)
    log = open_log(tmp_path)
    began = time.monotonic()
    while not pauses and time.monotonic() - began < 30:
        log.append([price(1, f"item {time.monotonic()}")])
    assert set(pauses) == {sqlite_file.PAUSE_SECONDS}


def test_the_child_of_a_fork_writes_though_its_parent_was_writing(tmp_path: Path) -> None:
    """SQLite would find the lock of the parent's transaction in the memory that the child inherits."""
    log = SqliteLog(tmp_path / "patches.sqlite", Patience(1.0, 1.0, 1.0))
    log.append([price(1)])
    begun = threading.Event()

    def write() -> None:
        with log._file.transaction(1.0):
            begun.set()
            time.sleep(0.1)

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    child = multiprocessing.get_context("fork").Process(target=log.append, args=([price(2, "b")],))
    child.start()
    child.join(30)
    thread.join()
    assert child.exitcode == 0
    assert log.position() == 2


def test_who_waits_for_a_commit_that_hangs_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "DONE_SECONDS", 0.05)
    queue, waiting = Turns(), Job([price(1)])
    assert queue.acquire(1)
    told: list[BaseException] = []

    def wait() -> None:
        try:
            queue.acquire(0.1, waiting)
        except HungError as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not queue._waiting:
        time.sleep(0.001)
    mine = Job([price(2)])
    queue.join(mine)
    assert mine.others == [waiting]
    thread.join(10)
    assert len(told) == 1
    queue.release()  # the commit has come to its end after all
    assert waiting.done
    assert queue.acquire(0)
