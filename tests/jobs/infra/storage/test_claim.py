"""One writer at a time in a run on storage."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from jobs.errors import RunLockedError
from jobs.infra.storage import claim as module
from jobs.infra.storage.claim import claimed
from jobs.infra.storage.storage import Storage


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.01)
    monkeypatch.setattr(module, "LOOK", 0.05)


def put(storage: Storage, **said: object) -> None:
    """Put another driver's claim."""
    known = {"what": "run", "host": "other", "pid": 7, "since": "2026-01-02", "holds": True, "beat": 1}
    storage.hadoop.write(storage.at("runs/x/claim-0"), json.dumps(known | said).encode())


def test_a_run_that_another_machine_holds_is_left_alone(storage: Storage) -> None:
    put(storage)
    with (
        pytest.raises(RunLockedError, match=r"x: `daybreak run` \(process 7 on other, since 2026-01-02\) writes into"),
        claimed(storage.hadoop, storage.at("runs/x"), "job topk", wait=0.2),
    ):
        raise AssertionError
    assert [one.name for one in storage.hadoop.files(storage.at("runs/x/*"))] == ["claim-0"]


def test_a_claim_that_nobody_renews_is_taken_over(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEAD", 0.2)
    put(storage)
    with claimed(storage.hadoop, storage.at("runs/x"), "job topk", wait=30):
        assert len(storage.hadoop.files(storage.at("runs/x/*"))) == 1
    assert storage.hadoop.files(storage.at("runs/x/*")) == []


def test_a_claim_of_a_dead_process_of_this_machine_is_taken_over_at_once(storage: Storage) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    put(storage, host=socket.gethostname(), pid=gone.pid)
    with claimed(storage.hadoop, storage.at("runs/x"), "job topk", wait=5):
        pass
    put(storage, host=socket.gethostname(), pid=os.getpid())
    with (
        pytest.raises(RunLockedError, match=f"process {os.getpid()} on"),
        claimed(storage.hadoop, storage.at("runs/x"), "job topk", wait=0.2),
    ):
        raise AssertionError


def test_a_claim_that_makes_no_sense_counts_until_nobody_renews_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.hadoop.write(storage.at("runs/x/claim-0"), b"{")
    with (
        pytest.raises(RunLockedError, match="another command writes into this run"),
        claimed(storage.hadoop, storage.at("runs/x"), "job topk", wait=0.2),
    ):
        raise AssertionError
    monkeypatch.setattr(module, "DEAD", 0.2)
    with claimed(storage.hadoop, storage.at("runs/x"), "job topk", wait=30):
        pass


def test_of_many_at_once_one_holds(storage: Storage) -> None:
    inside, most, done = [0], [0], []
    lock = threading.Lock()

    def work() -> None:
        with claimed(storage.hadoop, storage.at("runs/x"), "run", wait=120):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            with lock:
                inside[0] -= 1
                done.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], len(done)) == (1, 6)
