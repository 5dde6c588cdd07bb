"""The log under a reader that serves: another one, none to be read, too much in it, and the end."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.release import pointer
from lookup.sealed import sealed
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, absorbing, now, opened, shown, wait_for


def source(shop: Shop, user: str) -> str:
    return shop.recommend(user, 1)[0].source


@pytest.fixture
def shop(built: Two, tmp_path: Path) -> Shop:
    return opened(built.releases, tmp_path)


def test_another_log_than_the_nights_is_told_and_all_of_it_counts(two: Two, tmp_path: Path) -> None:
    manifest = two.releases / two.new / "manifest.json"
    manifest.write_text(sealed(json.loads(manifest.read_text()) | {"patches_until": 2}))
    shop = opened(two.releases, tmp_path)
    assert "the log is gone or empty, but release" in str(shop.problem)
    for n in range(4):  # the second comes to the release's own watermark
        shop.patch_item(f"item-{n}", price=70 + n)
        shop.record(f"user-{n}", "item-3")
    wait_for(lambda: "the log began after the release was built" in str(shop.problem))
    for one in (shop, opened(two.releases, tmp_path)):
        assert [one.item(f"item-{n}")["price"] for n in range(4)] == [70, 71, 72, 73]  # type: ignore[index]
        assert [source(one, f"user-{n}") for n in range(4)] == ["session"] * 4
        assert one.problem == shop.problem


def test_a_release_knows_the_log_of_its_night(two: Two, tmp_path: Path) -> None:
    def absorbed(mark: str) -> list[int]:
        absorbing(two.releases / two.new, 3, {"id": log.identity().id, "mark": mark})
        shop = opened(two.releases, tmp_path)
        known = mark in log.identity().absorbed
        assert known or "a copy of the log from before that night" in str(shop.problem)
        assert (shop.problem is None) == known
        return [n for n in range(4) if shop.item(f"item-{n}")["price"] == 70 + n]  # type: ignore[index]

    writer = opened(two.releases, tmp_path)
    log = writer._live.overlay.log
    for n in range(4):
        writer.patch_item(f"item-{n}", price=70 + n)
    writer.close()
    log.absorb(1)
    assert absorbed("of a night that this copy does not know") == [1, 2, 3]
    assert absorbed(log.absorb(3)) == [3]


def test_a_log_that_cannot_be_read_stops_nothing(two: Two, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shop = opened(two.releases, tmp_path)
    (best, *_) = shown(shop)
    shop.patch_item(best, in_stock=False)
    shop.record("user-1", "item-3")
    shop._live.overlay.log.close()
    log, kept = tmp_path / "log.sqlite", tmp_path / "kept.sqlite"
    for name in ("log.sqlite-wal", "log.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.move(log, kept)
    with caplog.at_level(logging.WARNING, "lookup"):
        log.write_text("this is no log" * 1000)
        wait_for(lambda: shop.problem)
        assert str(log) in str(shop.problem)
        assert best not in shown(shop)
        assert source(shop, "user-1") == "list"  # events are read when they are needed
        assert shop.stats()["problem"] == shop.problem
        with pytest.raises(LogError, match=r"log.sqlite"):
            shop.patch_item("item-1", price=3)
        shutil.move(kept, log)
        wait_for(lambda: shop.problem is None)
    assert best not in shown(shop)
    assert source(shop, "user-1") == "session"
    assert sum("patches are not read" in record.getMessage() for record in caplog.records) <= 3
    log.write_text("this is no log" * 1000)
    degraded = opened(two.releases, tmp_path)
    assert "not a database" in str(degraded.problem)
    assert len(degraded.recommend("user-1", 5)) == 5


def test_what_is_held_is_told(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path, memory=20_000)
    shop.patch_items({"item_id": f"item-{n}", "price": n, "at": now() / SECOND - 500} for n in range(40))
    stats = shop.stats()
    assert stats["release"] == built.new
    assert stats["patches"]["bytes"] <= 20_000 == stats["patches"]["most_bytes"]
    assert stats["patches"]["statements"] + stats["patches"]["evicted"] == 40
    assert 500 <= stats["patches"]["oldest"] < 5000
    assert shop.item("item-39")["price"] == 39.0  # type: ignore[index]
    release = shop._live.follower.current()
    assert shop.item("item-2") == release.record(release.items.find("item-2"))  # evicted: as of the night


def test_of_a_user_with_very_many_events_the_newest_count(
    built: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "plain").mkdir()
    shop, plain = opened(built.releases, tmp_path), opened(built.releases, tmp_path / "plain")
    last = now() // SECOND
    records = [{"user_id": "u", "item_id": f"item-{n}", "type": "purchase", "at": last - n} for n in range(9)]
    shop.record_many(records)
    plain.record_many(records[:4])
    monkeypatch.setattr("lookup.serving.live.MOST_EVENTS", 4)
    assert shop.recommend("u", 20) == plain.recommend("u", 20)
    assert shop.stats()["patches"]["cut"] == 1
    assert "user 'u' has more than 4 events since the release; the newest count" in caplog.text


def test_a_closed_shop_looks_no_more(two: Two, tmp_path: Path) -> None:
    shop, other = (opened(two.releases, tmp_path) for _ in range(2))
    (best, *_) = shown(shop)
    shop.close()
    other.patch_item(best, in_stock=False)
    pointer.announce(two.releases, two.old)
    shop._live.look()
    assert shown(shop)[0] == best
    assert shop.release.id == two.new
    other.close()
    assert not [name for name in Path("/proc/self/fd").iterdir() if str(tmp_path / "log.sqlite") in str(name.resolve())]
