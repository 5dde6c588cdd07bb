"""What a reader remembers of the log, on a real file."""

import logging
from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.patches import patch
from lookup.patches.overlay import FOREVER, STATEMENT_BYTES, USER_BYTES, Overlay
from lookup.patches.patch_log import PatchLog, open_log
from tests.lookup.patched import SECOND

AT = 1_700_000_000 * SECOND


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


def test_what_is_known_outlives_the_log(log: PatchLog, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log.append([price("a", 1), price("b", 2)])
    overlay = followed(log)
    log.close()
    for name in ("patches.sqlite", "patches.sqlite-wal", "patches.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    for _ in range(2):
        with pytest.raises(LogError, match=r"patches.sqlite: the log is gone or empty; it was read up to position 2"):
            overlay.look()
    assert set(prices(overlay)) == {"a", "b"}
    log.append([price("a", 3, AT + 1)])
    with caplog.at_level(logging.WARNING, "lookup"):
        overlay.look()
    assert "started again" in caplog.text
    assert prices(overlay) == {"a": [3.0], "b": [2.0]}
    assert overlay.position == 1
