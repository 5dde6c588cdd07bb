"""What a reader remembers of the log, on a real file."""

import gc
import json
import logging
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lookup.patches import patch
from lookup.patches.item_fronts import FOREVER, STATEMENT_BYTES
from lookup.patches.overlay import USER_BYTES, Overlay
from lookup.patches.patch import AHEAD, holding, latest_time
from lookup.patches.patch_log import PatchLog, open_log
from lookup.release.reader import Release
from lookup.serving.state import State
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND

AT = 1_700_000_000 * SECOND
LATER = 4_000_000_000 * SECOND


@pytest.fixture
def log(tmp_path: Path) -> PatchLog:
    return open_log(tmp_path)


def price(item: str, value: float, at: int = AT, until: int | None = None) -> patch.Patch:
    return patch.item(item, {"price": value}, at=at, until=until)


def followed(log: PatchLog, watermark: int = 0, most_bytes: int = 1 << 20) -> Overlay:
    overlay = Overlay(log, most_bytes)
    overlay.follow(watermark)
    return overlay


def prices(overlay: Overlay) -> dict[str, list[float]]:
    return {item: [one.value for one in fields["price"]] for item, fields in overlay.view(None).items.items()}


def test_it_sees_what_comes(log: PatchLog) -> None:
    log.append([price("a", 1)])
    overlay = followed(log)
    assert prices(overlay) == {"a": [1.0]}
    mark = overlay.mark
    log.append([price("b", 2), price("a", 3, AT + 1)])
    assert prices(overlay) == {"a": [1.0]}
    overlay.look()
    assert prices(overlay) == {"a": [3.0], "b": [2.0]}
    assert set(overlay.since(mark, AT).items) == {"a", "b"}  # type: ignore[union-attr]
    assert overlay.since(overlay.mark, AT).items == {}  # type: ignore[union-attr]
    before, position = overlay.view(None), overlay.position
    log.append([price("b", 2), price("a", 2.5, AT)])  # known, and older
    overlay.look()
    assert overlay.view(None) == before
    assert overlay.position == position


def test_a_view_stays_as_it_was(log: PatchLog) -> None:
    overlay = followed(log)
    log.append([price("a", 1)])
    overlay.look()
    view = overlay.view(None)
    log.append([patch.item("a", {"brand": "Acme", "price": 2.0}, at=AT + 1), price("b", 3)])
    overlay.look()
    assert list(view.items) == ["a"]
    assert [one.value for one in view.items["a"]["price"]] == [1.0]
    assert list(view.items["a"]) == ["price"]


def test_ends_are_told(log: PatchLog) -> None:
    log.append([price("a", 1), price("a", 9, AT + 1, AT + 10), price("b", 5, AT, AT + 20)])
    overlay = followed(log)
    mark = overlay.mark
    assert overlay.since(mark, AT + 5) == ({}, mark, AT + 10)
    ended = overlay.since(mark, AT + 10)
    assert ended is not None
    assert (set(ended.items), ended.until) == ({"a"}, AT + 20)
    assert overlay.view(AT + 20).until == FOREVER
    assert overlay.view(None).items.keys() == {"a", "b"}


def test_releases_absorb_and_roll_back(log: PatchLog) -> None:
    log.append([price("a", 1)])
    log.append([price("b", 2), patch.item("b", {"hidden": True}, at=AT)])
    log.append([price("c", 3, AT, AT + 10), patch.event("u", "a", "purchase", at=AT)])
    log.append([patch.forget("v", at=AT), price("d", 4)])
    overlay = followed(log)
    every = overlay.view(None).items
    position = log.position()
    b = max(one.position for front in every["b"].values() for one in front)
    overlay.absorb(b, AT)
    kept = {(item, field) for item, fields in overlay.view(None).items.items() for field in fields}
    assert kept == {("b", "hidden"), ("c", "price"), ("d", "price")}
    assert (set(overlay.users), set(overlay.forgotten)) == ({"u"}, {"v"})
    overlay.absorb(position, AT + 10)
    kept = {(item, field) for item, fields in overlay.view(None).items.items() for field in fields}
    assert kept == {("b", "hidden")}
    assert (overlay.users, overlay.forgotten) == ({}, {})
    mark = overlay.mark
    overlay.follow(0)
    assert overlay.since(mark, AT) is None  # everything may be another
    assert overlay.view(None).items == every
    assert (set(overlay.users), set(overlay.forgotten)) == ({"u"}, {"v"})
    assert overlay.position == position


def test_too_much_is_evicted_and_told(log: PatchLog, caplog: pytest.LogCaptureFixture) -> None:
    overlay = followed(log, most_bytes=20 * STATEMENT_BYTES)
    with caplog.at_level(logging.WARNING, "lookup"):
        for n in range(40):
            log.append([price(f"i{n:02}", n, AT - n)])
            overlay.look()
    stats = overlay.stats()
    assert stats.bytes <= stats.most_bytes
    assert stats.statements + stats.evicted == 40
    assert list(prices(overlay)) == [f"i{n:02}" for n in range(stats.evicted, 40)]  # the newest of the log are there
    assert stats.oldest == AT - 39
    assert "evicted" in caplog.text
    assert followed(log).stats().evicted == 0


def test_too_many_users_are_asked_for_at_each_call(log: PatchLog, caplog: pytest.LogCaptureFixture) -> None:
    overlay = followed(log, most_bytes=20 * USER_BYTES)
    with caplog.at_level(logging.WARNING, "lookup"):
        log.append([patch.event(f"u{n}", "a", "purchase", at=AT) for n in range(11)])
        overlay.look()
    assert overlay.all_users
    assert overlay.stats().users == 0
    assert "too many users" in caplog.text
    log.append([patch.event("u", "a", "purchase", at=AT)])
    overlay.look()
    overlay.absorb(11, AT)
    assert not overlay.all_users
    assert set(overlay.users) == {"u"}


def test_another_log_is_not_read_on(log: PatchLog, tmp_path: Path) -> None:
    log.append([price("a", 1), price("b", 2)])
    overlay = followed(log)
    known = overlay.known(AT)
    log.close()
    (tmp_path / "patches.sqlite").rename(tmp_path / "old.sqlite")
    assert not overlay.look()  # gone
    log.append([price("a", 3, AT + 1), price("a", 4, AT + 2), price("c", 5)])  # it came further than the old one
    assert not overlay.look()
    assert prices(overlay) == {"a": [1.0], "b": [2.0]}
    overlay.follow(0, anew=True)
    assert prices(overlay) == {"a": [4.0], "c": [5.0]}
    assert [one.key for one in known if overlay.lacks(one)] == ["b"]
    assert overlay.look()


def test_a_copy_from_before_is_not_read_on(log: PatchLog, tmp_path: Path) -> None:
    log.append([price("a", 1)])
    log.close()
    shutil.copy(tmp_path / "patches.sqlite", tmp_path / "copy.sqlite")
    log.append([price("b", 2)])
    overlay = followed(log)
    log.close()
    (tmp_path / "copy.sqlite").rename(tmp_path / "patches.sqlite")
    log.append([price("c", 3), price("d", 4)])  # it has come further by position
    assert log.position() == 3 > overlay.position
    assert not overlay.look()


def test_own_patches_are_known_though_the_log_cannot_be_read(log: PatchLog) -> None:
    overlay = followed(log)
    overlay.wrote([price("a", 1), patch.event("u", "a", "view", at=AT), patch.forget("v", at=AT)], 3)
    assert prices(overlay) == {"a": [1.0]}
    assert (set(overlay.users), set(overlay.forgotten)) == ({"u"}, {"v"})


def raw(log: PatchLog, *rows: tuple[str, str, str]) -> None:
    """Statements of an earlier writer, which checked less: item, field and JSON of the value."""
    with closing(sqlite3.connect(log.where)) as db:
        (last,) = db.execute("SELECT position FROM head").fetchone()
        for position, (item, field, value) in enumerate(rows, last + 1):
            row = (item, field, AT, "old", None, value, position)
            db.execute("INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("UPDATE head SET position = ?", (last + len(rows),))
        db.commit()


def test_what_is_too_much_is_refused_and_told(log: PatchLog, caplog: pytest.LogCaptureFixture) -> None:
    log.append([price("a", 1)])
    overlay = followed(log)
    path = json.dumps(["x"] * 25_000)
    with caplog.at_level(logging.WARNING, "lookup"):
        raw(log, ("b", "category", path), ("c", "price", '"dear"'), ("d", "title", "[[1]]"), ("a", "in_stock", "true"))
        overlay.look()
    assert overlay.view(None).items.keys() == {"a"}
    assert overlay.view(None).items["a"].keys() == {"price", "in_stock"}
    assert overlay.stats().refused == 3
    assert "3 patched values are refused; the first: item 'b': category has 25000 names; at most 32" in str(
        overlay.problem
    )
    assert "item 'c': a patch is refused: price is 'dear'" in caplog.text
    assert followed(log).problem == overlay.problem
    log.append([patch.item("b", {"category": ["Home"]}), price("c", 2, AT + 1), patch.item("d", {"title": "Mug"})])
    overlay.look()
    assert overlay.problem is None
    assert overlay.stats().refused == 0
    raw(log, ("e", "category", path))
    overlay.look()
    overlay.absorb(log.position(), AT)
    assert overlay.problem is None  # the release has absorbed the log without it


def test_a_clock_that_jumps_ends_nothing_for_good(log: PatchLog) -> None:
    log.append([price("a", 1), price("a", 9, AT + 1, AT + 100 * SECOND), price("b", 2)])
    overlay = followed(log)
    mark = overlay.mark
    assert overlay.since(mark, AT + 3600 * SECOND).items.keys() == {"a"}  # type: ignore[union-attr]
    overlay.absorb(1, AT + 3600 * SECOND)  # it drops what has ended
    assert "a" not in prices(overlay)
    overlay.follow(1)
    again = overlay.view(AT + 2)  # the clock is mended
    assert overlay.since(mark, AT + 2) is None  # everything may hold again
    assert again.until == FOREVER
    overlay.follow(1)
    assert prices(overlay) == {"a": [9.0], "b": [2.0]}
    assert overlay.view(AT + 2).until == AT + 100 * SECOND
    assert overlay.since(overlay.mark, AT + 2 - SECOND // 2) is not None  # a small step is no jump


def test_replaced_ends_take_no_memory(log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.patches.item_fronts.MOST_MARKS", 100)
    overlay = followed(log)
    for n in range(6):
        log.append([price("a", n, AT + 100 * n + m, LATER) for m in range(50)])
        overlay.look()
    assert len(overlay._items._ends) < 110
    assert overlay.view(AT).until == LATER


def test_statements_ahead_hold_when_their_time_has_come(log: PatchLog, monkeypatch: pytest.MonkeyPatch) -> None:
    today = latest_time() - AHEAD
    later = today + 3600 * SECOND
    with monkeypatch.context() as wrong:
        wrong.setattr(patch, "time", lambda: later / SECOND)
        log.append([price("a", 99, later)])
    overlay = followed(log)
    log.append([price("a", 3, today)])
    overlay.look()
    front = overlay.view(today).items["a"]["price"]
    assert overlay.stats().ahead == 1
    assert holding(front, today).value == 3.0  # type: ignore[union-attr]
    assert overlay.view(today).until == later - AHEAD
    mark = overlay.mark
    changed = overlay.since(mark, later - AHEAD)
    assert changed is not None
    assert holding(changed.items["a"]["price"], later - AHEAD).value == 99.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [patch.item(f"item-{n}", {"price": float(n)})],
        lambda n: [patch.item(f"item-{n}", {"price": 1.0, "in_stock": True}, until=LATER)],
        lambda n: [patch.item(f"item-{n}", {"title": f"{n} \u65e5\u672c " + "x" * 200})],
        lambda n: [patch.item(f"item-{n}", {"category": [f"name {n} {k}" for k in range(20)]})],
        lambda n: [patch.event(f"user-{n}", "item-1", "purchase")],
    ],
)
def test_memory_counts_the_truth(built: Two, tmp_path: Path, make: Callable[[int], list[patch.Patch]]) -> None:
    """With the state that calls answer from: what is counted is what Python has allocated, within a third."""
    log = open_log(tmp_path)
    log.append([one for n in range(400) for one in make(n)])
    release = Release(built.releases / built.new)
    State(release, followed(log).view(None), latest_time() - AHEAD)  # what is loaded once does not count
    gc.collect()
    tracemalloc.start()
    try:
        overlay = followed(log, most_bytes=1 << 30)
        state = State(release, overlay.view(None), latest_time() - AHEAD)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert state.release is release
    assert 0.75 * taken < overlay.stats().bytes < 1.33 * taken
