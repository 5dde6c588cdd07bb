"""A reader follows CURRENT: what it serves while releases come, go, and are damaged."""

import gc
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lookup
from lookup import Hit
from lookup.release import pointer
from lookup.release.follow import Follower
from lookup.release.locks import open_locked
from tests.lookup.conftest import Two
from tests.lookup.marked import id_of


def test_follows_current(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.release.follow.LOOK_SECONDS", 3600.0)
    shop = lookup.open(two.releases)
    pinned = lookup.open(two.releases, pin=two.new)
    pointer.announce(two.releases, two.old)
    assert shop.release.id == two.new  # it does not look at every call
    shop._live.look()
    assert shop.recommend("user-1") == lookup.open(two.releases, pin=two.old).recommend("user-1")
    assert shop.release.id == two.old
    assert pinned.release.id == two.new
    assert "pinned" in repr(pinned)


def test_looks_by_itself_after_a_while(two: Two) -> None:
    shop = lookup.open(two.releases)
    pointer.announce(two.releases, two.old)
    until = time.monotonic() + 30
    while shop.release.id != two.old and time.monotonic() < until:
        time.sleep(0.02)
    assert shop.release.id == two.old


def test_a_bad_current_keeps_the_old_release(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    shop = lookup.open(two.releases)
    before = shop.recommend("user-1")
    current = two.releases / "CURRENT"
    with caplog.at_level(logging.WARNING, "lookup"):
        for text in ("", "nonsense", None):
            if text is None:
                current.unlink()
            else:
                current.write_text(text)
            for _ in range(3):
                shop._live.look()
                assert shop.recommend("user-1") == before
            assert str(current) in str(shop.problem)
    assert len(caplog.records) == 3  # once for each fault, not for each call
    pointer.announce(two.releases, two.new)
    shop._live.look()
    assert shop.recommend("user-1") == before
    assert shop.problem is None


def test_a_current_that_is_unreadable_for_a_moment_is_no_news(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.release.follow.LOOK_SECONDS", 3600.0)
    follower = Follower(two.releases)
    for _ in range(2):
        (two.releases / "CURRENT").write_text("")
        assert follower.look().id == two.new
        assert follower.problem is None
        pointer.announce(two.releases, two.new)
        follower.look()
    (two.releases / "CURRENT").write_text("")
    follower.look()
    follower.look()
    assert "CURRENT: the file is empty" in str(follower.problem)


def test_a_repaired_release_is_picked_up(two: Two) -> None:
    pointer.announce(two.releases, two.old)
    shop = lookup.open(two.releases)
    hidden = two.releases / "hidden"
    os.rename(two.releases / two.new, hidden)
    pointer.announce(two.releases, two.new)
    shop._live.look()
    assert shop.release.id == two.old
    assert two.new in str(shop.problem)
    os.rename(hidden, two.releases / two.new)
    shop._live.look()
    assert shop.release.id == two.new
    assert shop.problem is None


def test_a_removed_release_goes_on_serving(two: Two) -> None:
    """Mapped files stay while they are mapped."""
    shop = lookup.open(two.releases)
    before = shop.recommend("user-1", history=["item-1"]), shop.item("item-2")
    shutil.rmtree(two.releases)
    shop._live.look()
    assert (shop.recommend("user-1", history=["item-1"]), shop.item("item-2")) == before


def test_threads_see_one_release_or_the_other(two: Two) -> None:
    shop = lookup.open(two.releases)
    answers = {}
    for release_id in (two.old, two.new):
        pinned = lookup.open(two.releases, pin=release_id)
        answers[release_id] = (pinned.recommend("user-1", 20), pinned.recommend("user-1", 5, history=["item-3"]))
    seen: list[tuple[list[Hit], list[Hit]]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            first, second = shop.recommend("user-1", 20), shop.recommend("user-1", 5, history=["item-3"])
            assert first in [a for a, _ in answers.values()]
            assert second in [b for _, b in answers.values()]
            seen.append((first, second))

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        for n in range(8):
            pointer.announce(two.releases, (two.old, two.new)[n % 2])
            shop._live.look()
            time.sleep(0.01)
        done.set()
    for reader in readers:
        reader.result()  # raises what went wrong in its thread
    assert {first == answers[two.old][0] for first, _ in seen} == {True, False}


def mapped(release: Path) -> bool:
    return str(release) in Path("/proc/self/maps").read_text()


def opened(release: Path) -> bool:
    handles = Path("/proc/self/fd").iterdir()
    return any(str(release) in os.readlink(handle) for handle in handles if handle.is_symlink())


def test_no_call_waits_for_the_next_release(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = lookup.open(two.releases)
    opening, go_on = threading.Event(), threading.Event()

    def slow(*arguments: object, **options: object) -> lookup.Release:
        opening.set()
        assert go_on.wait(30)
        return open_locked(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("lookup.release.follow.open_locked", slow)
    pointer.announce(two.releases, two.old)
    assert opening.wait(30)
    assert [shop.release.id for _ in range(3)] == [two.new] * 3
    go_on.set()
    until = time.monotonic() + 30
    while shop.release.id != two.old and time.monotonic() < until:
        time.sleep(0.02)
    assert shop.release.id == two.old


def test_a_call_in_flight_keeps_its_release(two: Two) -> None:
    shop = lookup.open(two.releases)
    in_flight = shop._live.follower.current()
    expected = in_flight.user_topk.top(0, 10)
    pointer.announce(two.releases, two.old)
    shop._live.look()
    assert shop.release.id == two.old
    shop._live.look()
    shutil.rmtree(two.releases / two.new)
    assert in_flight.user_topk.top(0, 10) == expected
    assert mapped(in_flight.path)
    path = in_flight.path
    del in_flight
    assert not mapped(path)
    assert not opened(path)


def test_all_is_closed_with_the_shop(two: Two) -> None:
    before = threading.active_count()
    shop = lookup.open(two.releases)
    assert mapped(two.releases / two.new)
    del shop
    gc.collect()  # a test before may have left cycles; a shop makes none
    assert not mapped(two.releases)
    assert not opened(two.releases)
    until = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_releases_that_do_not_open_leave_nothing_behind(two: Two) -> None:
    (two.releases / two.old / "items.ann").unlink()
    shop = lookup.open(two.releases)
    pointer.announce(two.releases, two.old)
    for _ in range(3):
        shop._live.look()
    assert two.old in str(shop.problem)
    assert not mapped(two.releases / two.old)
    assert not opened(two.releases / two.old)


def test_a_release_that_failed_is_left_alone_for_a_while(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower(two.releases)
    tried: list[str] = []

    def refuse(folder: Path, release_id: str, *_: object, **options: object) -> lookup.Release:
        tried.append(release_id)
        raise lookup.ReleaseError(f"{release_id}: no")

    monkeypatch.setattr("lookup.release.follow.RETRY_SECONDS", 3600.0)
    monkeypatch.setattr("lookup.release.follow.open_locked", refuse)
    pointer.announce(two.releases, two.old)
    follower.look()
    for _ in range(5):
        follower._background.now()
    assert tried == [two.old]
    pointer.announce(two.releases, two.new)  # back again, and at once
    follower._background.now()
    assert follower.problem is None
    pointer.announce(two.releases, two.old)
    follower._background.now()
    assert tried == [two.old, two.old]


def test_opening_goes_on_to_the_next_release(two: Two) -> None:
    """CURRENT was read, and moved on before its release was opened."""
    with pytest.MonkeyPatch.context() as patch:
        read = [id_of(1), *[two.new] * 9]
        patch.setattr("lookup.release.follow.pointer.read", lambda folder: read.pop(0))
        assert Follower(two.releases).current().id == two.new
    pointer.announce(two.releases, id_of(1))
    with pytest.raises(lookup.ReleaseError, match="no such release"):
        Follower(two.releases)


CHILD = """
import os, pathlib, signal, sys, threading, time
import lookup
from lookup.release import pointer
folder, old, new = sys.argv[1:]
shop = lookup.open(folder)
stop = threading.Event()

def read():
    while not stop.is_set():
        shop.recommend("user-1")

threads = [threading.Thread(target=read) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for n in range(8):  # while releases are being opened
    pointer.announce(pathlib.Path(folder), (old, new)[n % 2])
    time.sleep(0.02)
    pid = os.fork()
    if not pid:
        signal.alarm(60)  # should it wait for a lock that nobody holds any more
        until = time.monotonic() + 30
        while shop.release.id != new and time.monotonic() < until:
            time.sleep(0.02)
        os._exit(0 if shop.release.id == new and shop.problem is None and shop.recommend("user-1") else 1)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
stop.set()
print(codes)
"""


def test_forked_children_follow_by_themselves(two: Two) -> None:
    command = [sys.executable, "-c", CHILD, str(two.releases), two.old, two.new]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == str([0] * 8)
