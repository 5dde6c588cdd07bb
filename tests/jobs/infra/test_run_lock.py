"""Only one command writes into a run; another one is told who, and a dead one keeps nobody out."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.errors import RunLockedError
from jobs.infra import run_lock
from jobs.infra.run_lock import FILE, writing

HOLD = """
import sys, time
from pathlib import Path
from jobs.infra.run_lock import writing
with writing(Path(sys.argv[1]), "run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock of the run."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "BEAT", 0.05)


def test_another_command_is_refused_until_the_holder_is_gone(
    tmp_path: Path, holder: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"`daybreak run` .process {holder.pid} on .*, since 20.* writes into this run"
    with pytest.raises(RunLockedError, match=said), writing(tmp_path, "job build", wait=0.1):
        pass
    assert " run waiting " in capsys.readouterr().out
    os.kill(holder.pid, signal.SIGKILL)
    with writing(tmp_path, "job build", wait=5):  # it waits for what is just ending
        assert json.loads((tmp_path / FILE).read_text())["pid"] == os.getpid()
    assert "took over" in capsys.readouterr().out
    assert (tmp_path / FILE).read_text() == ""


def test_a_block_within_a_block_and_another_thread(tmp_path: Path) -> None:
    found: list[str] = []

    def other() -> None:
        try:
            with writing(tmp_path, "job topk", wait=0):
                found.append("in")
        except RunLockedError:
            found.append("out")

    with writing(tmp_path, "run"):
        with writing(tmp_path, "job build"):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    other()
    assert found == ["out", "in"]


@pytest.mark.parametrize("alive", [True, False])
def test_a_holder_on_another_machine_is_known_by_the_time_of_the_file(
    tmp_path: Path, alive: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shared disk whose `flock` is of one machine."""
    path = tmp_path / FILE
    path.write_text(json.dumps({"what": "run", "host": "night-7", "pid": 1, "since": "2026-11-22T03:15:00+00:00"}))
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            os.utime(path)

    thread = threading.Thread(target=beat)
    if alive:
        thread.start()
        with pytest.raises(RunLockedError, match="process 1 on night-7"), writing(tmp_path, "run", wait=0):
            pass
        ended.set()
        thread.join()
    else:
        with writing(tmp_path, "run", wait=0):
            assert "took over" in capsys.readouterr().out


def test_the_holder_renews_the_time(tmp_path: Path) -> None:
    with writing(tmp_path, "run"):
        path = tmp_path / FILE
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 5
        while path.stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
