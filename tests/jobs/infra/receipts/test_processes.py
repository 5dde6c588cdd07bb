"""What processes take is counted whoever waits for them, and their memory and bytes with it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from jobs.infra.receipts import processes
from jobs.infra.receipts.processes import Tree, age, family

ROOT = Path(__file__).parents[4]
BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"
WAITS = "print('ready', flush=True); input()"
ORPHANS = f"""
import subprocess, sys
busy = {BUSY.format(seconds=0.6)!r} + {WAITS!r}
child = subprocess.Popen([sys.executable, "-c", busy], stdin=0, stdout=1)
print(child.pid, flush=True)
input()
"""


def run(program: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, *more], stdin=-1, stdout=-1, text=True, cwd=ROOT)


def test_a_child_is_counted_while_it_runs_and_after() -> None:
    tree = Tree()
    with run(BUSY.format(seconds=0.5) + WAITS) as child:
        assert child.stdout is not None
        child.stdout.readline()
        beside = tree.look().cpu
        child.communicate("\n")
    assert 0.4 <= beside < 5  # the system counts in ticks
    assert beside <= tree.look().cpu < 5


def test_a_child_that_ended_between_two_looks_is_counted() -> None:
    tree = Tree()
    with run(BUSY.format(seconds=0.5)):
        pass
    assert 0.4 <= tree.look().cpu < 5


def test_what_ran_before_is_not_counted() -> None:
    with run(BUSY.format(seconds=0.5)):
        pass
    assert Tree().look().cpu < 0.3


def test_a_process_that_lost_its_parent_is_followed_and_counted_when_it_ends() -> None:
    """Its parent ends first, so that the system gives it to another, which waits for it."""
    tree = Tree()
    with run(ORPHANS) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        parent.stdout.readline()
        tree.look()
        parent.kill()
        parent.wait(60)
        assert tree.look().cpu >= 0.5
        assert orphan.pid not in {process.pid for process in family()}
        orphan.kill()
        psutil.wait_procs([orphan], timeout=60)
        assert 0.5 <= tree.look().cpu < 5


@pytest.mark.parametrize("handled", ["SIG_IGN", "SIG_DFL"])
def test_a_killed_child_is_counted_whether_its_parent_waits_for_it_or_not(handled: str) -> None:
    """The daemon of Spark's Python workers ignores their end, and the system then forgets what they took."""
    program = f"import signal; signal.signal(signal.SIGCHLD, signal.{handled})\n" + ORPHANS
    program += "import os; child.kill(); child.poll(); os.path.exists(f'/proc/{child.pid}') and child.wait(); input()"
    with run(program) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.stdout.readline()
        tree = Tree()  # it took its time before
        more = Tree.look(tree)
        parent.stdin.write("\n")
        parent.stdin.flush()
        psutil.wait_procs([child], timeout=60)
        assert more.cpu <= tree.look().cpu < 5
        with run(BUSY.format(seconds=0.5)):
            pass
        assert 0.4 <= tree.look().cpu < 5
        parent.communicate("\n")


def test_the_largest_process_and_all_at_one_time_are_told(tmp_path: Path) -> None:
    tree = Tree()
    peak, together = tree.peak, tree.together  # of this process, and of others that it has started
    large = "block = bytearray(200 << 20); "
    with run(large + WAITS) as one, run(large + WAITS) as other:
        for child in (one, other):
            assert child.stdout is not None
            child.stdout.readline()
        tree.look()
        for child in (one, other):
            child.communicate("\n")
    assert 200 << 20 <= tree.peak < max(peak, 300 << 20) + (64 << 20)
    assert together + (400 << 20) <= tree.together < together + (700 << 20)


def test_a_peak_of_the_job_before_is_forgotten() -> None:
    """As of a Spark session that runs one job after another."""
    program = "block = bytearray(300 << 20); del block; from jobs.infra.receipts.processes import Tree; tree = Tree()\n"
    program += "tree.look(); print(tree.peak >> 20)"
    with run(program) as child:
        told, _ = child.communicate()
    assert 5 < int(told) < 200


def test_bytes_that_go_to_storage_are_counted(tmp_path: Path) -> None:
    tree = Tree()
    program = "import os, sys; file = open(sys.argv[1], 'wb'); file.write(bytes(8 << 20)); file.flush(); "
    with run(program + "os.fsync(file.fileno())", str(tmp_path / "file")):
        pass
    if not tree.tells_bytes or os.statvfs(tmp_path).f_blocks == 0:  # a file system in memory stores nothing
        pytest.skip("this system does not tell")
    assert 8 << 20 <= tree.look().written < 64 << 20


class Java(psutil.Process):
    """This test's parent, under the name that Spark's JVM has."""

    def name(self) -> str:
        return "java"


def test_under_spark_submit_the_jvm_and_its_workers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {process.pid for process in family()}
    parent = psutil.Process().ppid()
    monkeypatch.setattr(psutil.Process, "parent", lambda process: Java(process.ppid()))
    there = {process.pid for process in family()}
    assert alone | {parent} <= there
    assert parent not in alone


def test_a_process_that_has_ended_has_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        process = psutil.Process(child.pid)
        child.wait(timeout=60)
    assert processes.memory_of(process) == (0, 0, 0)


def test_the_age_does_not_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    before = age()
    clock: Callable[[], float] = lambda: 0.0  # noqa: E731
    monkeypatch.setattr("time.time", clock)
    assert before <= age() < before + 60
