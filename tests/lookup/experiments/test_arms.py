"""Users are assigned evenly, independently and for good; releases are held; exposures are written and not lost."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from jobs.releases.prune import prune
from lookup import ReleaseError
from lookup.experiments.arms import Arms
from lookup.experiments.exposures import ExposureLog
from lookup.release import pointer
from tests.lookup.conftest import Two

AT = 1_795_302_000_000_000
"""2026-11-21 at 23:00 UTC, in microseconds."""


@pytest.fixture(scope="module")
def ab(built: Two) -> dict[str, str]:
    return {"b": built.new, "a": built.old}


def p_value(observed: np.ndarray, expected: np.ndarray, freedom: int) -> float:
    return float(chi2.sf(((observed - expected) ** 2 / expected).sum(), freedom))


@pytest.mark.parametrize("shares", [None, {"a": 0.1, "b": 0.9}])
def test_users_are_assigned_by_shares(built: Two, ab: dict[str, str], shares: dict[str, float] | None) -> None:
    n = 20_000
    for salt in ("spring", "summer", "1"):
        arms = Arms(built.releases, ab, salt, shares)
        for name in ("user-{}", "{}", "{:032x}"):
            counts = Counter(arms.arm(name.format(number)) for number in range(n))
            expected = np.array([arms.shares[arm] for arm in arms.names]) * n
            # Nothing is random here: a fair hash passes for these names, and a bias of 2 % would not.
            assert p_value(np.array([counts[arm] for arm in arms.names]), expected, 1) > 0.001


def test_the_hash_is_uniform(built: Two, ab: dict[str, str]) -> None:
    shares = {f"{n:02}": 1 / 50 for n in range(50)}
    arms = Arms(built.releases, dict.fromkeys(shares, built.new), "salt", shares)
    counts = Counter(arms.arm(str(n)) for n in range(50_000))
    assert p_value(np.array([counts[name] for name in arms.names]), np.full(50, 1000.0), 49) > 0.001


def test_tests_are_independent(built: Two, ab: dict[str, str]) -> None:
    one, two = Arms(built.releases, ab, "one"), Arms(built.releases, ab, "two")
    counts = Counter((one.arm(str(n)), two.arm(str(n))) for n in range(40_000))
    table = np.array([[counts[x, y] for y in "ab"] for x in "ab"], dtype=float)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    assert p_value(table, expected, 1) > 0.001


def test_an_assignment_is_for_good(built: Two, ab: dict[str, str]) -> None:
    """Golden: a change here moves the users of every test that is under way."""
    arms = Arms(built.releases, ab, "spring")
    assert "".join(arms.arm(f"user-{n}") for n in range(20)) == "abbbbbbabbbbaaabbbba"
    for user in (f"user-{n}" for n in range(20)):
        digest = sha256(sha256(b"spring").digest() + user.encode()).hexdigest()
        assert arms.arm(user) == ("a" if int(digest[0], 16) < 8 else "b")
    assert {arms.arm(user) for user in ("", "ü", "\ud800", "\0")} <= {"a", "b"}
    again = Arms(built.releases, dict(reversed(ab.items())), "spring", {"b": 0.5, "a": 0.5})
    assert all(arms.arm(str(n)) == again.arm(str(n)) for n in range(1000))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.text(), min_size=20, max_size=20))
def test_a_growing_arm_keeps_its_users(
    built: Two, ab: dict[str, str], share: float, other: float, users: list[str]
) -> None:
    small, large = sorted([share, other])
    before = Arms(built.releases, ab, "s", {"a": 1 - small, "b": small})
    after = Arms(built.releases, ab, "s", {"a": 1 - large, "b": large})
    assert all(after.arm(user) == "b" for user in users if before.arm(user) == "b")


def test_nobody_is_in_an_arm_without_a_share(built: Two, ab: dict[str, str]) -> None:
    for name in "ab":
        arms = Arms(built.releases, ab, "s", {"a": 0.0, "b": 0.0} | {name: 1.0})
        assert {arms.arm(str(n)) for n in range(1000)} == {name}


def test_releases_of_the_arms_are_held(two: Two) -> None:
    arms = Arms(two.releases, {"a": two.old, "a2": two.old, "b": two.new}, "s")
    assert arms.release("a") is arms.release("a2")
    assert (arms.release("a").id, arms.release("b").id) == (two.old, two.new)
    pointer.announce(two.releases, two.old)
    assert [outcome.why for outcome in prune(two.releases, keep=1)] == [f"process {os.getpid()} read it"]
    del arms
    assert [outcome.why for outcome in prune(two.releases, keep=1)] == [None]


def test_what_cannot_be(built: Two, ab: dict[str, str]) -> None:
    for arms, salt, shares, said in (
        ({"a": built.old}, "s", None, "two arms or more"),
        ({"a": built.old, "": built.new}, "s", None, "each with a name"),
        (ab, "", None, "salt is the name of the test"),
        (ab, "s", {"a": 1.0}, r"one for each of \['a', 'b'\]"),
        (ab, "s", {"a": 0.5, "b": 0.6}, "add up to 1"),
        (ab, "s", {"a": -0.5, "b": 1.5}, "0 or more"),
        (ab, "s", {"a": float("nan"), "b": 0.5}, "0 or more"),
    ):
        with pytest.raises(ValueError, match=said):
            Arms(built.releases, arms, salt, shares)
    with pytest.raises(ReleaseError, match="no such release"):
        Arms(built.releases, {**ab, "c": "20200101T000000Z-0000"}, "s")
    with pytest.raises(ValueError, match="'x' is none of the arms: a, b"):
        Arms(built.releases, ab, "s").release("x")
    with pytest.raises(TypeError, match="an id is text"):
        Arms(built.releases, ab, "s").arm(9.5)  # type: ignore[arg-type]


def test_an_arm_is_of_the_user_however_the_id_is_written(built: Two) -> None:
    arms = Arms(built.releases, dict.fromkeys("abcdefgh", built.new), "s")
    for spelling in (" 900", "900\ufeff", "900.0", 900, 900.0):
        assert arms.arm(spelling) == arms.arm("900")  # type: ignore[arg-type]


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines() if line]


def test_exposures_are_written_by_day(tmp_path: Path) -> None:
    log = ExposureLog(tmp_path / "new" / "folder")
    log.add("ü\n1", "a", ["1", "2"], test="spring", release="r", place="home", at=AT)
    log.add("u", "b", [], at=AT + 3600 * 1_000_000)
    log.flush()
    files = {path.name: path.read_text().count("\n") for path in log.folder.iterdir()}
    assert files == {"exposures-2026-11-21.jsonl": 1, "exposures-2026-11-22.jsonl": 1}
    first, second = lines(log.folder)
    assert first == {
        "user": "ü\n1", "arm": "a", "at": AT, "items": ["1", "2"], "test": "spring", "release": "r", "place": "home"
    }  # fmt: skip
    assert (second["user"], second["items"]) == ("u", [])
    before = time.time()
    log.add("u", "b", ("3",))
    log.flush()
    (written,) = [line for line in lines(log.folder) if line["items"] == ["3"]]
    assert before - 1 < int(str(written["at"])) / 1e6 < time.time() + 1
    assert (log.folder / f"exposures-{datetime.now(UTC):%Y-%m-%d}.jsonl").exists()


def test_searches_are_written_with_what_they_showed(tmp_path: Path) -> None:
    log = ExposureLog(tmp_path)
    log.add_search(
        "Bluetoth  \ud800",
        ["1 ", 2],  # type: ignore[list-item]
        user="u",
        arm="a",
        sources=["exact", "corrected"],
        positions=range(21, 23),
        total=np.int32(40),  # type: ignore[arg-type]
        corrected="bluetooth",
        dropped=("red",),
        test="spring",
        release="r",
        place="search",
        at=AT,
    )
    log.add_search("x" * 5000, [], dropped=["y" * 5000] * 100, at=AT)
    log.flush()
    first, guest = lines(tmp_path)
    assert first == {
        "user": "u", "arm": "a", "at": AT, "items": ["1", "2"], "test": "spring", "release": "r", "place": "search",
        "query": "Bluetoth  \ufffd", "sources": ["exact", "corrected"], "positions": [21, 22], "total": 40,
        "corrected": "bluetooth", "dropped": ["red"],
    }  # fmt: skip
    assert guest == {
        "user": "", "arm": "", "at": AT, "items": [], "test": "", "release": "", "place": "",
        "query": "x" * 1000, "sources": [], "positions": [], "total": None, "corrected": None,
        "dropped": ["y" * 1000] * 64,
    }  # fmt: skip


def test_one_bad_search_costs_no_other(tmp_path: Path) -> None:
    bad: list[dict[str, Any]] = [
        {"query": None},
        {"query": b"lamp"},
        {"items": "item-1"},
        {"user": " "},
        {"arm": 1},
        {"at": -1},
        {"sources": ["search", "search"]},
        {"sources": [None]},
        {"sources": "s"},
        {"positions": [0]},
        {"positions": [1.5]},
        {"positions": [1, 2]},
        {"positions": [2**31]},
        {"positions": 3},
        {"total": -1},
        {"total": True},
        {"total": "many"},
        {"corrected": False},
        {"dropped": "red"},
        {"dropped": [1]},
        {"place": None},
    ]
    log = ExposureLog(tmp_path)
    for n, one in enumerate(bad):
        log.add_search(**{"query": "lamp", "items": ["1"], "at": AT, **one})
        log.add_search(f"good {n}", ["1"], at=AT)
    log.flush()
    assert [line["query"] for line in lines(tmp_path)] == [f"good {n}" for n in range(len(bad))]
    assert log.lost == len(bad)
    assert log._background.problem is None


def test_exposures_are_written_by_themselves(tmp_path: Path) -> None:
    log = ExposureLog(tmp_path)
    log.add("u", "a", ["1"])
    until = time.monotonic() + 30
    while not lines(tmp_path) and time.monotonic() < until:
        time.sleep(0.02)
    assert len(lines(tmp_path)) == 1


def test_one_bad_exposure_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad: list[dict[str, Any]] = [
        {"user": uuid.uuid4()},
        {"user": " "},
        {"user": "x" * 1001},
        {"user": None},
        {"at": time.time_ns() * 1000},
        {"at": -1},
        {"at": 1.5},
        {"arm": None},
        {"items": None},
        {"items": "item-1"},
        {"items": ["1", object()]},
        {"test": b"spring"},
        {"release": tmp_path},
    ]
    log = ExposureLog(tmp_path)
    with caplog.at_level(logging.WARNING, "lookup"):
        for n, one in enumerate(bad):
            log.add(**{"user": "u", "arm": "a", "items": ["1"], "at": AT, **one})
            log.add(f"good {n}", "a", ["1", "2"], at=AT)
        log.flush()
    assert [line["user"] for line in lines(tmp_path)] == [f"good {n}" for n in range(len(bad))]
    assert log.lost == len(bad)
    assert log._background.problem is None
    assert f"{len(bad)} in all" in caplog.text


def test_ids_of_exposures_follow_the_one_rule(tmp_path: Path) -> None:
    log = ExposureLog(tmp_path)
    log.add(" u\ufeff", "a", ["A1 ", 7, 8.0], at=np.int64(AT))  # type: ignore[list-item,arg-type]
    log.flush()
    assert [(line["user"], line["items"], line["at"]) for line in lines(tmp_path)] == [("u", ["A1", "7", "8"], AT)]


def test_a_half_line_spoils_no_other(tmp_path: Path) -> None:
    log = ExposureLog(tmp_path)
    path = tmp_path / "exposures-2026-11-21.jsonl"
    path.write_text('{"user": "u", "ar')
    log.add("u", "a", ["1"], at=AT)
    log.flush()
    assert json.loads(path.read_text().splitlines()[1])["items"] == ["1"]


def test_a_full_disk_costs_exposures_not_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = ExposureLog(tmp_path)
    (tmp_path / "exposures-2026-11-21.jsonl").symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING, "lookup"):
        log.add("u", "a", ["1"], at=AT)
        log.flush()
    assert log.lost == 1
    assert "No space left" in caplog.text
    assert "1 exposures lost" in caplog.text


def test_too_many_waiting_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.experiments.exposures.QUEUED", 3)
    log = ExposureLog(tmp_path)
    with log._background.working:  # the disk stalls
        for n in range(5):
            log.add("u", "a", [str(n)], at=AT)
    log.flush()
    assert log.lost == 2
    assert [line["items"] for line in lines(tmp_path)] == [["0"], ["1"], ["2"]]


WRITER = """
import os, sys
from lookup.experiments.exposures import ExposureLog
log = ExposureLog(sys.argv[1])
for n in range(1000):
    log.add("parent", "a", [str(n)])
pid = os.fork()
for n in range(1000, 2000):
    log.add("child" if not pid else "parent", "b", [str(n)])
    if n % 100 == 0:
        log.flush()
if pid:
    os.waitpid(pid, 0)
"""


def test_nothing_is_lost_or_doubled_by_fork_and_exit(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=True)
    counts = Counter((line["user"], tuple(line["items"])) for line in lines(tmp_path))  # type: ignore[arg-type]
    expected = {("parent", (str(n),)): 1 for n in range(2000)} | {("child", (str(n),)): 1 for n in range(1000, 2000)}
    assert counts == expected


KILLED = """
import sys, time
from lookup.experiments.exposures import ExposureLog
log = ExposureLog(sys.argv[1])
n = 0
while True:
    for _ in range(50):
        log.add("u", "a", [str(n)])
        n += 1
    log.flush()
    print(n, flush=True)
"""


def test_a_kill_loses_only_what_waits(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    flushed = [int(process.stdout.readline()) for _ in range(20)][-1]
    process.send_signal(signal.SIGKILL)
    flushed = max([flushed, *map(int, process.stdout.read().split())])
    process.wait()
    whole = [line for path in tmp_path.iterdir() for line in path.read_text().split("\n")[:-1]]
    found = [int(json.loads(line)["items"][0]) for line in whole]
    assert found == list(range(len(found)))
    assert len(found) >= flushed
