"""Patches under a reader that serves: own ones, those of other processes, those that end."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lookup
from lookup.errors import PatchError
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from lookup.release import pointer
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, absorbing, now, opened, shown, wait_for


def source(shop: Shop, user: str) -> str:
    return shop.recommend(user, 1)[0].source


@pytest.fixture
def shop(built: Two, tmp_path: Path) -> Shop:
    return opened(built.releases, tmp_path)


def test_an_own_patch_is_seen_by_the_next_call(shop: Shop) -> None:
    (best, *_) = shown(shop)
    shop.patch_item(best, in_stock=False)
    assert best not in shown(shop)
    shop.patch_item(best, in_stock=True)
    assert shown(shop)[0] == best
    shop.patch_item(best, hidden=True)
    assert best not in shown(shop)
    assert shop.item(best)["hidden"]  # type: ignore[index]
    shop.patch_item(best, hidden=False, price=3, brand="Acme", category=["TOYS"], colour="violet", weight=12)
    where = lookup.price(3, 3) & lookup.brand("Acme") & lookup.category("TOYS") & lookup.feature("colour", "violet")
    assert shown(shop, where=where & lookup.feature("weight", low=12))[0] == best
    assert shop.popular(1, "TOYS")[0][:3:2] == (best, "category")
    record = shop.item(best)
    assert record is not None
    assert (record["price"], record["brand"], record["category"]) == (3.0, "Acme", ["TOYS"])
    assert record["features"].items() >= {"colour": "violet", "weight": 12}.items()
    assert [hit.item_id for hit in shop.popular(60, "FOOD") if hit.source == "category"].count(best) == 0


def test_categories_are_those_of_now(shop: Shop) -> None:
    def of_category(name: str) -> list[str]:
        return [hit.item_id for hit in shop.popular(60, name) if hit.source == "category"]

    before = of_category("O'Neil")
    assert len(before) > 3
    shop.patch_item(before[0], category=["TOYS"])
    assert of_category("O'Neil") == before[1:]
    assert of_category("TOYS") == before[:1]
    shop.patch_item(before[0], category=["FOOD", "O'Neil"])
    assert of_category("O'Neil") == before
    assert of_category("TOYS") == []


def test_the_later_event_time_wins(shop: Shop) -> None:
    at = now() - 100 * SECOND
    shop.patch_item("item-1", price=5, at=at)
    shop.patch_item("item-1", price=4, at=at - 1)
    assert shop.item("item-1")["price"] == 5.0  # type: ignore[index]
    shop.patch_items([{"item_id": "item-1", "price": 6, "at": (at + SECOND) / SECOND, "source": "erp"}])
    assert shop.item("item-1")["price"] == 6.0  # type: ignore[index]


def test_a_flash_price_ends(shop: Shop) -> None:
    shop.patch_item("item-1", price=5)
    shop.patch_item("item-1", price=1, until=now() + SECOND // 4)
    shop.patch_item("item-3", price=1, until=datetime(2100, 1, 1, tzinfo=UTC))
    shop.item("item-1", at=now() + 10**12)  # a replay of later ends nothing now
    wait_for(lambda: shop.item("item-1")["price"] == 5.0)  # type: ignore[index]
    assert shop.item("item-3")["price"] == 1.0  # type: ignore[index]


def test_patches_of_another_process_are_seen(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    (best, *_) = shown(shop)
    program = f"""
import sys
from tests.lookup.patched import opened
from pathlib import Path
shop = opened(Path(sys.argv[1]), Path(sys.argv[2]))
shop.patch_item({best!r}, in_stock=False)
shop.record("user-1", "item-3")
shop.forget("user-2")
"""
    subprocess.run([sys.executable, "-c", program, str(built.releases), str(tmp_path)], check=True)
    wait_for(lambda: best not in shown(shop))
    wait_for(lambda: source(shop, "user-1") == "session")
    wait_for(lambda: source(shop, "user-2") == "popular")


def test_events_of_a_type_without_weight_are_refused(shop: Shop) -> None:
    with pytest.raises(PatchError, match="type 'view' is none of purchase"):
        shop.record("user-1", "item-3", "view")
    with pytest.raises(PatchError, match="type 'view' is none of purchase"):
        shop.record_many([{"user_id": "user-1", "item_id": "item-3", "type": "purchase"}] * 2 + [
            {"user_id": "user-1", "item_id": "item-3", "type": "view"}
        ])  # fmt: skip
    assert shop.stats()["patches"]["position"] == 0


def test_kinds_are_not_mixed_up(shop: Shop) -> None:
    with pytest.raises(PatchError, match="a patch of kind 'event' was expected, not 'item'"):
        shop.record_many([{"item_id": "item-1", "price": 3}])
    with pytest.raises(PatchError, match="a patch of kind 'item' was expected, not 'forget'"):
        shop.patch_items([{"forget": "user-1"}])
    with pytest.raises(PatchError, match="item 'new': a new item needs one of title, text"):
        shop.add_item("new", price=3)
    assert shop.stats()["patches"]["position"] == 0


def test_a_new_item_is_found_at_once(shop: Shop) -> None:
    shop.add_item("new", title="Item größe", category=["FOOD", "DAIRY"], brand="Ünder", price=3)
    shop.add_items([{"item_id": "other", "title": "Item", "category": ["FOOD"]}])
    assert {"new", "other"} <= set(shown(shop))
    assert {hit.item_id for hit in shop.recommend("user-1", 60)} >= {"new", "other"}
    assert {hit.item_id for hit in shop.recommend("nobody", 60, history=["item-1"])} >= {"new", "other"}
    assert {hit.item_id for hit in shop.similar("item-1", 60) if hit.source == "similar"} >= {"new", "other"}
    assert [hit.source for hit in shop.similar("new", 3)] == ["similar"] * 3
    assert "other" in {hit.item_id for hit in shop.similar("new", 60) if hit.source == "similar"}
    assert {hit.item_id for hit in shop.popular(60, "DAIRY") if hit.source == "category"} >= {"new"}
    assert shop.item("new")["title"] == "Item größe"  # type: ignore[index]
    shop.record("user-1", "new")
    assert shop.explain("user-1", "new").because
    shop.patch_item("new", title=None, category=None, brand=None)
    assert shop.item("new") is None
    assert "new" not in shown(shop)
    assert shop.stats()["added"] == 2


def test_forgetting_beats_the_release_and_the_past(shop: Shop) -> None:
    shop.record("user-1", "item-3", at=now() - 10 * SECOND)
    shop.forget("user-1")
    popular = shop.popular(5)
    assert shop.recommend("user-1", 5) == popular
    assert shop.buy_again("user-1") == []
    assert (shop.recommend_many(["user-1", "user-2"], 3).rows[:, 0] == -1).tolist() == [True, False]
    with pytest.raises(KeyError, match="nothing is known of this user"):
        shop.explain("user-1", "item-3")
    shop.record("user-1", "item-3", at=now() - 5 * SECOND)  # told later, but of before
    assert shop.recommend("user-1", 5) == popular
    shop.record("user-1", "item-5", at=now() + SECOND)
    assert source(shop, "user-1") == "session"
    assert [one.item_id for one in shop.explain("user-1", "item-3").because] == ["item-5"]
    assert shop.forget_many(["user-3", "user-4"]) == 2
    assert shop.recommend("user-4", 5) == popular


def test_releases_absorb_patches_and_a_rollback_brings_them_back(two: Two) -> None:
    pointer.announce(two.releases, two.old)
    shop = lookup.open(two.releases)
    (best, *_) = shown(shop)
    shop.patch_item(best, in_stock=False)
    shop.record("user-1", "item-3")
    shop.forget("user-2")
    middle = shop.stats()["patches"]["position"]
    shop.record("user-3", "item-3")
    shop.patch_item("item-1", price=77)
    absorbing(two.releases / two.new, middle)
    pointer.announce(two.releases, two.new)
    shop._live.look()
    release = shop._live.follower.current()
    assert (best in shown(shop)) == bool(release.item_in_stock[release.items.find(best)])
    assert source(shop, "user-1") == "list"  # its night knew the event
    assert source(shop, "user-2") == "list"  # its night forgot the user, and then learned of new events
    assert source(shop, "user-3") == "session"
    assert shop.item("item-1")["price"] == 77.0  # type: ignore[index]
    assert shop.stats()["patches"]["statements"] == 1
    pointer.announce(two.releases, two.old, "rollback")
    shop._live.look()
    assert best not in shown(shop)
    assert source(shop, "user-1") == "session"
    assert source(shop, "user-2") == "popular"
    assert shop.item("item-1")["price"] == 77.0  # type: ignore[index]
    assert shop.stats()["patches"]["statements"] == 2


def test_threads_never_see_half_a_patch(shop: Shop) -> None:
    done = threading.Event()
    item = shown(shop)[0]
    shop.patch_item(item, price=0, weight=0, organic=0)

    def read() -> int:
        answers = 0
        while not done.is_set():
            record = shop.item(item)
            assert record is not None
            assert record["price"] == record["features"]["weight"] == record["features"]["organic"], record
            hits = shop.popular(10, where=lookup.price(record["price"] + 0.5) | lookup.feature("weight", low=0))
            assert len(hits) == 10
            answers += 1
        return answers

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(8)]
        for n in range(1, 40):
            shop.patch_item(item, price=n, weight=n, organic=n)
            assert shop.item(item)["price"] == n  # type: ignore[index]
            shop.record(f"user-{n}", "item-3")
        done.set()
    assert all(reader.result() > 0 for reader in readers)


def test_a_replay_knows_nothing_of_later(shop: Shop) -> None:
    start = now() - 1000 * SECOND
    shop.patch_item("item-1", price=5, at=start)
    shop.patch_item("item-3", price=1, at=start + 10, until=start + 20)
    shop.record("user-1", "item-3", at=start + 30)
    shop.record("user-1", "item-5", at=start + 40)

    def seen(at: int) -> tuple[Any, ...]:
        price = [shop.item(item, at=at)["price"] for item in ("item-1", "item-3")]  # type: ignore[index]
        return (*price, shop.recommend("user-1", 5, at=at), shop.popular(5, at=at, where=lookup.price(1, 1)))

    release = shop._live.follower.current()
    night = [release.record(release.items.find(item))["price"] for item in ("item-1", "item-3")]
    times = [start - 1, start, start + 9, start + 10, start + 19, start + 20, start + 29, start + 30, start + 40]
    forward = [seen(at) for at in times]
    assert [one[:2] for one in forward[:2]] == [tuple(night), (5.0, night[1])]
    assert [one[1] for one in forward] == [night[1]] * 3 + [1.0] * 2 + [night[1]] * 4
    assert [one[2][0].source for one in forward] == ["list"] * 7 + ["session"] * 2
    assert forward[7][2] != forward[8][2]
    assert [seen(at) for at in reversed(times)] == forward[::-1]
    for at in (10**30, -(10**30), 2**63):
        assert len(shop.recommend("user-1", 5, at=at)) == 5
    when = datetime.fromtimestamp((start + 40) / SECOND, UTC)
    assert shop.recommend("user-1", 5, at=when) == forward[8][2]
    with pytest.raises(PatchError, match="has no time zone"):
        shop.recommend("user-1", at=datetime(2026, 1, 1))
    assert shop.item("item-1")["price"] == 5.0  # type: ignore[index]


def test_many_lists_are_those_of_single_calls(shop: Shop) -> None:
    listed = [hit.item_id for hit in shop.recommend("user-7", 60) if hit.source == "list"]
    shop.patch_items({"item_id": item, "in_stock": False} for item in listed[1:3])
    users = [f"user-{n}" for n in range(42)] + ["nobody", "\ud800"]
    for k in (1, 3, 7, 10, 10**30):
        batch = shop.recommend_many(users, k)
        assert batch.rows.shape == batch.scores.shape == (44, min(k, 10))
        for place, user in enumerate(users):
            hits = [hit for hit in shop.recommend(user, k) if hit.source == "list"]
            assert batch.ids(place) == [hit.item_id for hit in hits]
            assert batch.scores[place, : len(hits)].tolist() == [hit.score for hit in hits]
    assert shop.recommend_many([], 3).rows.shape == (0, 3)
    with pytest.raises(TypeError, match="user ids are expected one after another, as in a list, not one text"):
        shop.recommend_many("user-1")


def test_arms_answer_from_their_releases(two: Two, tmp_path: Path) -> None:
    arms = {"a": two.old, "b": two.new}
    shop = opened(two.releases, tmp_path, arms=arms, salt="test")
    pinned = {arm: opened(two.releases, tmp_path, pin=release) for arm, release in arms.items()}
    (best, *_) = shown(shop)
    shop.patch_item(best, in_stock=False)
    shop.record("user-1", "item-3")
    for one in pinned.values():
        one._live.look()
    seen = set()
    for user in [f"user-{n}" for n in range(40)] + ["nobody"]:
        hits = shop.recommend(user, 7)
        (arm,) = {hit.arm for hit in hits}
        assert arm is not None
        assert [hit[:3] for hit in hits] == [hit[:3] for hit in pinned[arm].recommend(user, 7)]
        assert best not in {hit.item_id for hit in hits}
        seen.add(arm)
    assert seen == {"a", "b"}
    assert {hit.arm for hit in shop.similar("item-1")} == {None}
    with pytest.raises(ValueError, match="in an A/B test open each arm's release"):
        shop.recommend_many(["user-1"])


def test_a_name_that_nobody_reads_is_refused(shop: Shop) -> None:
    for call, told in (
        (lambda: shop.patch_item("item-1", prise=5), "item 'item-1': nobody reads 'prise'; did you mean 'price'"),
        (lambda: shop.patch_items([{"item_id": "item-1", "Price": 5}]), "did you mean 'price'"),
        (lambda: shop.patch_item("item-1", Stock=False), "did you mean 'in_stock'"),
        (lambda: shop.add_item("new", title="x", colours="red"), "did you mean 'colour'"),
        (lambda: shop.patch_item("item-1", zzz=1), r"there are title, .*weight.*declared in \[items.features\]"),
    ):
        with pytest.raises(PatchError, match=told):
            call()
    assert shop.stats()["patches"]["position"] == 0
    shop.patch_item("item-1", colour="red", weight=2, price=5)


def test_patches_of_unknown_ids_are_counted(shop: Shop) -> None:
    shop.patch_items([{"item_id": f"to come {n}", "price": 5} for n in range(2)])
    shop.patch_item("item-1", price=3)
    assert shop.stats()["to_come"] == 2
    shop.add_item("to come 1", title="It came")
    assert shop.stats()["to_come"] == 1
    assert shop.item("to come 1")["price"] == 5.0  # type: ignore[index]


def test_ids_are_the_same_however_they_are_written(shop: Shop) -> None:
    shop.record(" user-1\ufeff", "item-2 ")
    shop.patch_item("item-3\u00a0", price=Decimal("4.20"), in_stock=np.bool_(True))
    assert source(shop, "user-1") == source(shop, "\tuser-1") == "session"
    assert shop.item(" item-3")["price"] == 4.2  # type: ignore[index]
    shop.record(np.int64(900), "item-1")  # type: ignore[arg-type]
    assert source(shop, "900.0") == source(shop, "900") == "session"
    shop.forget("user-1\n")
    assert source(shop, " user-1") == source(shop, "user-1") == "popular"
    assert shop.popular(np.int64(3)) == shop.popular(3)


def test_a_wrong_clock_of_a_writer_reverts_nothing(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.patch_item("item-1", price=11)
    ahead = now() + 24 * 3600 * SECOND
    log = open_log(tmp_path / "log.sqlite")
    with monkeypatch.context() as wrong:
        wrong.setattr(patch, "time", lambda: ahead / SECOND)
        made = [patch.item("item-1", {"price": 99.0}), patch.event("user-2", "item-3", "purchase")]
        log.append(made)
    wait_for(lambda: shop.stats()["patches"]["position"] == log.position())
    assert shop.item("item-1")["price"] == 11.0  # type: ignore[index]
    assert shop.stats()["patches"]["ahead"] == 1
    shop.patch_item("item-1", price=12)
    assert shop.item("item-1")["price"] == 12.0  # type: ignore[index]
    assert opened(shop._live.follower.folder, tmp_path).item("item-1")["price"] == 12.0  # type: ignore[index]
    assert source(shop, "user-2") == "list"


def test_a_jump_of_the_readers_clock_ends_nothing_for_good(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    off = [0]
    clock = SimpleNamespace(time_ns=lambda: time.time_ns() + off[0] * 10**9, time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr("lookup.serving.live.time", clock)
    shop.patch_item("item-1", price=1, until=now() + 600 * SECOND)
    before = shop.item("item-1")
    off[0] = 3600
    wait_for(lambda: shop.item("item-1") != before)
    off[0] = 0
    wait_for(lambda: shop.item("item-1") == before)
    shop.patch_item("item-9", price=2)
    assert shop.item("item-1") == before


def test_what_a_thread_meets_is_a_problem_until_it_is_over(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(shop._live.overlay, "look", lambda: (_ for _ in ()).throw(RecursionError("too deep")))
        wait_for(lambda: "RecursionError: too deep" in str(shop.problem))
        assert shop.popular(3)
    wait_for(lambda: shop.problem is None)
