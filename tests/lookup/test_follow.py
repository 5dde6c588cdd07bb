"""A reader follows CURRENT: what it serves while releases come, go, and are damaged."""

import logging
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import lookup
from lookup import Hit, pointer
from tests.lookup.conftest import Two


def test_follows_current(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.follow.LOOK_SECONDS", 3600.0)
    shop = lookup.open(two.releases)
    pinned = lookup.open(two.releases, pin=two.new)
    pointer.announce(two.releases, two.old)
    assert shop.release.id == two.new  # it does not look at every call
    shop._follower.look()
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
                shop._follower.look()
                assert shop.recommend("user-1") == before
            assert str(current) in str(shop.problem)
    assert len(caplog.records) == 3  # once for each fault, not for each call
    pointer.announce(two.releases, two.new)
    shop._follower.look()
    assert shop.recommend("user-1") == before
    assert shop.problem is None


def test_a_repaired_release_is_picked_up(two: Two) -> None:
    pointer.announce(two.releases, two.old)
    shop = lookup.open(two.releases)
    hidden = two.releases / "hidden"
    os.rename(two.releases / two.new, hidden)
    pointer.announce(two.releases, two.new)
    shop._follower.look()
    assert shop.release.id == two.old
    assert two.new in str(shop.problem)
    os.rename(hidden, two.releases / two.new)
    shop._follower.look()
    assert shop.release.id == two.new
    assert shop.problem is None


def test_a_removed_release_goes_on_serving(two: Two) -> None:
    """Mapped files stay while they are mapped."""
    shop = lookup.open(two.releases)
    before = shop.recommend("user-1", history=["item-1"]), shop.item("item-2")
    shutil.rmtree(two.releases)
    shop._follower.look()
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
        for n in range(20):
            pointer.announce(two.releases, (two.old, two.new)[n % 2])
            shop._follower.look()
            time.sleep(0.01)
        done.set()
    for reader in readers:
        reader.result()  # raises what went wrong in its thread
    assert {first == answers[two.old][0] for first, _ in seen} == {True, False}
