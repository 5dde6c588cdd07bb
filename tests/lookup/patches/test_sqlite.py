"""What can go wrong with the file of a log."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.patches import patch, sqlite_log
from lookup.patches.patch_log import open_log
from tests.lookup.patches.made import NOW


def price(amount: float, item: str = "a") -> patch.Patch:
    return patch.item(item, {"price": amount}, at=NOW)


def test_the_file_is_made_by_the_first_patch(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    assert log.changes(0).position == 0
    assert list(tmp_path.iterdir()) == []
    log.append([price(1)])
    assert log.where == str(tmp_path / "patches.sqlite")
    assert (tmp_path / "patches.sqlite").exists()
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["patches.sqlite"]


def test_it_is_synced_and_in_wal_mode(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    with sqlite3.connect(log.where) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    own = log._file.connection(1.0)  # type: ignore[attr-defined]
    assert own.db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_it_may_be_closed_while_others_read(tmp_path: Path) -> None:
    """In a process of its own, which would crash."""
    open_log(tmp_path).append([price(1)])
    program = """
import sys, threading
from lookup.patches.patch_log import open_log
log = open_log(sys.argv[1])
threads = [threading.Thread(target=lambda: [log.position() for _ in range(3000)]) for _ in range(4)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    log.close()
print(log.position())
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("1", "")


def test_another_version_is_refused_by_name(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    with sqlite3.connect(log.where) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(LogError, match=r"patches.sqlite: a log of version 9 found; this Daybreak reads version 1"):
        open_log(tmp_path).position()


def test_another_database_is_refused_by_name(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "patches.sqlite") as db:
        db.execute("CREATE TABLE orders (id)")
    with pytest.raises(LogError, match=r"patches.sqlite: not a log of patches"):
        open_log(tmp_path).append([price(1)])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "patches.sqlite").write_text("these are no patches" * 1000)
    with pytest.raises(LogError, match=r"patches.sqlite: file is not a database; restore it"):
        open_log(tmp_path).position()


def test_damaged_pages_are_named(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([price(n, f"item {n}") for n in range(3000)])
    log.close()
    data = bytearray(Path(log.where).read_bytes())
    data[8192:] = b"\xee" * (len(data) - 8192)
    Path(log.where).write_bytes(data)
    with pytest.raises(LogError, match=r"patches.sqlite: .*(malformed|disk image).*restore it"):
        open_log(tmp_path).changes(0)


def test_a_full_disk_keeps_nothing_of_it_and_says_so(tmp_path: Path) -> None:
    """The limit of a process on the size of its files stands for the disk."""
    log = open_log(tmp_path)
    log.append([price(1)])
    program = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({300_000}, {resource.RLIM_INFINITY}))
from lookup.patches import patch
from lookup.errors import LogError
from lookup.patches.patch_log import open_log
log = open_log(sys.argv[1])
try:
    log.append([patch.item("a", {{"price": 2, "title": "x"}})] +
               [patch.item(f"item {{n}}", {{"title": "x" * 1000}}) for n in range(2000)])
except LogError as error:
    print(error)
print(log.position())
print(log.append([patch.forget("u")]))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    said, position, after = done.stdout.splitlines()
    assert "patches.sqlite: " in said
    assert "nothing was kept of this; make room and try again" in said
    assert (position, after) == ("1", "2")
    assert [(one.item, one.value) for one in log.changes(0).statements] == [("a", 1.0)]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"nowhere/patches.sqlite: .*must be there and be writable"):
        open_log(tmp_path / "nowhere" / "patches.sqlite").append([price(1)])


def test_a_file_that_was_moved_away_is_not_written(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    shutil.move(log.where, tmp_path / "old.sqlite")
    assert log.position() == 0
    assert log.append([price(1), price(2, "b")]) == 2


def test_nothing_of_a_forgotten_user_stays_but_the_id(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    users = [f"person-{n}@example.org" for n in range(20)]
    log.append([patch.event(user, f"thing-{n}", "view", source=f"s{n}") for n in range(100) for user in users])
    log.append([patch.item("thing-1", {"title": "kept"})])
    log.append([patch.forget(user) for user in users])
    held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sum(data.count(b"@example.org") for data in held.values()) <= 2 * len(users)  # a row and its index
    assert not any(b"thing-42" in data for data in held.values())
    assert log.compact() is None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200_000
    assert [said.value for said in log.changes(0).statements] == ["kept"]


def test_a_reader_does_not_keep_forget_waiting(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([patch.event("u", "a", "view")])
    with closing(sqlite3.connect(log.where, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM events").fetchall()
        began = time.monotonic()
        log.append([patch.forget("u")])
        assert time.monotonic() - began < 5
        assert "another process was reading" in str(log.compact())
    assert log.compact() is None


def test_what_a_reader_kept_from_being_erased_is_erased_later(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([patch.event("zebra", "a", "view")])
    journal = tmp_path / "patches.sqlite-wal"
    with closing(sqlite3.connect(log.where, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM events").fetchall()
        log.append([patch.forget("zebra")])
        open_log(tmp_path).tidy()
        assert b"zebra" in journal.read_bytes()
        other.execute("COMMIT")
        another = open_log(tmp_path)  # of whatever process
        another.tidy()
        assert b"zebra" not in journal.read_bytes()
        size = journal.stat().st_mtime_ns
        another.tidy()
        assert journal.stat().st_mtime_ns == size  # nothing is left to do


def test_an_idle_log_asks_whether_the_clock_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    months = NOW + 100 * 86400 * 1_000_000
    monkeypatch.setattr(patch, "time", lambda: months / 1e6)
    with pytest.raises(LogError, match="say so once: daybreak patches --trust-clock"):
        log.append([patch.item("a", {"price": 2})])
    log.trust_clock()
    assert log.append([patch.item("a", {"price": 2})]) == 2


def test_a_clock_a_day_ahead_takes_the_place_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    with monkeypatch.context() as wrong:
        wrong.setattr(patch, "time", lambda: NOW / 1e6 + 86400)
        log.append([patch.item("a", {"price": 99})])
        assert [said.value for said in log.items(9)] == [99.0]  # for whoever has that clock
    assert [said.value for said in log.items(9)] == [1.0]
    log.append([patch.item("a", {"price": 2})])
    assert [said.value for said in log.items(9)] == [2.0]
    assert [one.values["price"] for one in log.ahead()] == [99.0]


def test_a_day_without_patches_leaves_no_rows_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    for day in range(9, -1, -1):
        with monkeypatch.context() as then:
            then.setattr(patch, "time", lambda day=day: NOW / 1e6 - 86400 * day)
            log.append([patch.item("a", {"price": day})])
            assert [said.value for said in log.items(99)] == [day]
    assert len(log.changes(0).statements) <= 2


def test_what_went_into_a_file_that_is_gone_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    keep = sqlite_log._keep

    def removed_meanwhile(db: sqlite3.Connection, patches: list[patch.Patch]) -> int:
        Path(log.where).unlink(missing_ok=True)
        return keep(db, patches)

    monkeypatch.setattr(sqlite_log, "_keep", removed_meanwhile)
    with pytest.raises(LogError, match="was replaced or removed while it was written"):
        log.append([price(2)])


def test_the_journal_of_a_file_that_is_gone_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    old = log.changes(0)
    Path(log.where).rename(tmp_path / "away.sqlite")  # its last pages are in the journal
    assert log.append([price(3, "c")]) == 1
    assert [(one.item, one.value) for one in log.changes(0).statements] == [("c", 3.0)]
    (aside,) = tmp_path.glob("patches.sqlite.*-wal")
    assert str(aside) in caplog.text
    aside.rename(tmp_path / "away.sqlite-wal")
    assert open_log(tmp_path / "away.sqlite").changes(0) == old


def test_a_relative_path_is_that_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    log = open_log("log.sqlite")
    log.append([price(1)])
    monkeypatch.chdir("other")
    log.append([price(2, "b")])
    assert log.position() == 2
    assert list((tmp_path / "other").iterdir()) == []


def test_a_log_of_an_earlier_daybreak_gets_its_marks_with_the_next_patch(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([price(1)])
    with sqlite3.connect(log.where) as db:
        db.executescript("DROP TABLE identity; DROP TABLE marks")
    log = open_log(tmp_path)
    before = log.place()
    assert (before, log.identity().id) == (("", 1, ""), "")
    log.append([price(2, "b")])
    assert log.identity().id
    assert log.identity().created == 0  # nobody knows when it began
    assert log.passed(before)


def test_a_log_that_is_not_writable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, how: False)
    assert log.fault(must_write=False) is None  # a host that only reads
    assert f"{tmp_path} is not writable, so no patch can be kept" in str(log.fault())
    nowhere = open_log(tmp_path / "nowhere" / "log.sqlite")
    assert "nowhere is not there" in str(nowhere.fault())


def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogError, match="pipe is not a regular file"):
        open_log(tmp_path / "pipe").place()
    for nothing in ("", "a\0b"):
        with pytest.raises(ValueError, match="the patch log is a path or a URL, not "):
            open_log(nothing)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([patch.event("u", "thing-alpha", "view"), *(price(n, f"item {n}") for n in range(300))])
    assert log.damage() is None
    log.close()
    path = Path(log.where)
    data = bytearray(path.read_bytes())
    assert data.count(b"thing-alpha") == 2  # the row, and its index
    data[data.rindex(b"thing-alpha") + 6] ^= 4
    (tmp_path / "flipped.sqlite").write_bytes(data)
    found = open_log(tmp_path / "flipped.sqlite").damage()
    assert "damaged: " in str(found)
    assert "restore it from a copy" in str(found)
