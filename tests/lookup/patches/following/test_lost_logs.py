"""What a shop does when its log is emptied, replaced or does not answer: the same tests on every store."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

import lookup
from lookup.errors import LogError
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import now, wait_for
from tests.lookup.patches.servers import Server


class Store(NamedTuple):
    """A log, and what may happen to it."""

    where: str
    empty: Callable[[], object]
    save: Callable[[], object]
    restore: Callable[[], object]
    """Put the log that was saved in the place of the one that is there."""
    silence: Callable[[], object]
    mend: Callable[[], object]


def in_sqlite(folder: Path) -> Store:
    path, copy, away = folder / "log.sqlite", folder / "copy.sqlite", folder / "away.sqlite"

    def save() -> None:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

    def silence() -> None:
        path.rename(away)
        path.write_text("no log " * 1000)

    def put(file: Path) -> None:
        for name in ("log.sqlite-wal", "log.sqlite-shm"):
            (folder / name).unlink(missing_ok=True)
        file.replace(path)

    return Store(str(path), path.unlink, save, lambda: put(copy), silence, lambda: put(away))


def in_redis(server: Server) -> Store:
    saved: dict[bytes, bytes] = {}

    def restore() -> None:
        pipe = server.client.pipeline()
        pipe.flushall()
        for key, value in saved.items():
            pipe.restore(key, 0, value)
        pipe.execute()

    def send(name: int) -> Callable[[], None]:
        return lambda: os.kill(server.process.pid, name)

    server.client.flushall()
    return Store(
        server.url,
        server.client.flushall,
        lambda: saved.update({key: server.client.dump(key) for key in server.client.scan_iter()}),
        restore,
        send(signal.SIGSTOP),
        send(signal.SIGCONT),
    )


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr("lookup.patches.following.write_back.EMPTY_SECONDS", 0.1)
    monkeypatch.setattr("lookup.patches.following.log_follower.TOLD_SECONDS", 0.1)
    if request.param == "sqlite":
        yield in_sqlite(tmp_path)
        return
    server: Server = request.getfixturevalue("redis_server")
    yield in_redis(server)
    os.kill(server.process.pid, signal.SIGCONT)


def opened(releases: Path, store: Store) -> Shop:
    return lookup.open(releases, patches=store.where)


def price(shop: Shop, item: str) -> float | None:
    record = shop.item(item)
    return None if record is None else record["price"]


def source(shop: Shop, user: str) -> str:
    return shop.recommend(user, 1)[0].source


def test_what_was_known_is_written_back_into_an_empty_log(built: Two, store: Store) -> None:
    with closing(opened(built.releases, store)) as shop:
        shop.patch_item("item-1", price=71)
        shop.patch_item("item-2", price=72, until=now() + 10**10)
        shop.forget("user-2")
        shop.record("user-1", "item-3")
        store.empty()
        wait_for(lambda: "the log is gone or empty" in str(shop.problem))
        assert price(shop, "item-1") == 71
        wait_for(lambda: shop.problem is None)
        with closing(opened(built.releases, store)) as new:
            for one in (shop, new):
                assert (price(one, "item-1"), price(one, "item-2")) == (71, 72)
                assert [source(one, f"user-{n}") for n in (1, 2, 3)] == ["session", "popular", "list"]
        shop.patch_item("item-1", price=73)
        assert price(shop, "item-1") == 73


def test_an_older_copy_that_went_on_is_read_and_mended(built: Two, store: Store) -> None:
    with closing(opened(built.releases, store)) as shop:
        shop.patch_item("item-1", price=71)
        store.save()
        shop.patch_item("item-2", price=72)
        shop.record("user-1", "item-3")
        with shop._live._background.working:  # the shop looks away
            store.restore()
            with closing(open_log(store.where)) as log:
                log.append([patch.item(f"item-{n}", {"price": 80 + n}) for n in range(3, 9)])
                assert log.position() > shop._live.overlay.position
        wait_for(lambda: "older copy" in str(shop.problem))
        wait_for(lambda: shop.problem is None)
        with closing(opened(built.releases, store)) as new:
            for one in (shop, new):
                assert [price(one, f"item-{n}") for n in (1, 2, 3, 8)] == [71, 72, 83, 88]
                assert source(one, "user-1") == "session"


def test_a_log_that_does_not_answer_stops_no_call(built: Two, store: Store) -> None:
    with closing(opened(built.releases, store)) as shop:
        shop.patch_item("item-1", price=71)
        shop.record("user-1", "item-3")
        shop._live.log.close()  # in SQLite it is read anew, with the file that is there
        store.silence()
        assert len(shop.recommend("user-1", 5)) == 5
        wait_for(lambda: shop.problem)
        wait_for(lambda: shop._live.log.breaker.down)
        assert shop.recommend("user-1", 5)[0].source == "list"
        assert price(shop, "item-1") == 71
        with pytest.raises(LogError, match="nothing was kept; the log is tried again in the background"):
            shop.patch_item("item-1", price=72)
        with closing(opened(built.releases, store)) as late:
            assert late.problem
            assert len(late.recommend("user-1", 5)) == 5
            store.mend()
            for one in (shop, late):
                wait_for(lambda one=one: one.problem is None)  # type: ignore[misc]
                assert price(one, "item-1") == 71
                assert source(one, "user-1") == "session"


def test_a_log_that_comes_back_in_time_is_left_as_it_is(
    built: Two, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lookup.patches.following.write_back.EMPTY_SECONDS", 60.0)
    with closing(opened(built.releases, store)) as shop:
        shop.patch_item("item-1", price=71)
        store.save()
        store.empty()
        wait_for(lambda: "the log is gone or empty" in str(shop.problem))
        store.restore()
        wait_for(lambda: shop.problem is None)
        assert price(shop, "item-1") == 71
        assert not shop._live.log._write_back.pending
    assert "wrote back" not in caplog.text
