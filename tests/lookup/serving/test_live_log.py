"""The log under a reader that serves: another one, none to be read, too much in it, and the end."""

import logging
import shutil
from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.release import pointer
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, absorbing, now, opened, shown, wait_for


def source(shop: Shop, user: str) -> str:
    return shop.recommend(user, 1)[0].source


@pytest.fixture
def shop(built: Two, tmp_path: Path) -> Shop:
    return opened(built.releases, tmp_path)


def test_another_log_than_the_releases_is_told(two: Two, tmp_path: Path) -> None:
    absorbing(two.releases / two.new, 50)
    shop = opened(two.releases, tmp_path)
    assert shop.problem is None  # a host that only reads need have no log
    with pytest.raises(LogError, match="the log ends before position 50, up to which release"):
        shop.patch_item("item-1", price=3)
    assert shop.stats()["patches"]["position"] == 0
    pinned = opened(two.releases, tmp_path, pin=two.old)
    pinned.patch_item("item-1", price=3)
    shop._live.look()
    assert "it is another log" in str(shop.problem)


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
    with pytest.raises(LogError, match="not a database"):
        opened(two.releases, tmp_path)


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
