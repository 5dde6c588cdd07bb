"""What changed since the night moves the ranking as the ranker says."""

from pathlib import Path

import numpy as np
import pytest

import lookup
from jobs.stages.build import job as build
from lookup.release import pointer
from lookup.scoring.features import DAY
from lookup.serving.rerank import rerank_delta
from lookup.serving.session import SessionEvent, UserSession
from lookup.shop import Shop
from tests.lookup.patched import now, opened
from tests.rankers import certain_clicks, write_ranker
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

CUT, TIMES = 4.0, 2.0
USUAL = 20.0


def release(base: Path, **weights: float) -> Path:
    """The folder with one release, whose ranker has these weights."""
    config = config_at(base)
    write_run(config, 1, Sizes())
    if weights:
        write_ranker(config.run, certain_clicks(-3.0, **weights), USUAL)
    pointer.announce(config.releases, build.run(None, config)["release"])
    return config.releases


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(tmp_path_factory.mktemp("ranked"), score=2.0, price_cut=2 * CUT, times_log=2 * TIMES)


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Shop:
    return opened(built, tmp_path)


def priced(shop: Shop, user: str) -> list[tuple[int, lookup.Hit, float]]:
    """Of a user's list the places, hits and prices of items that have one."""
    found = []
    for place, hit in enumerate(shop.recommend(user, 10)):
        price = (shop.item(hit.item_id) or {})["price"]
        if hit.source == "list" and price is not None:
            found.append((place, hit, price))
    return found


def test_without_a_patch_nothing_moves(shop: Shop, tmp_path: Path) -> None:
    plain = lookup.open(release(tmp_path / "plain"))
    for user in ("user-1", "user-2", "user-3"):
        assert shop.recommend(user, 10) == plain.recommend(user, 10)


def test_a_patched_price_moves_an_item_as_worked_out_by_hand(shop: Shop) -> None:
    """The logit has 2 x score, and 8 x cut: a tenth off the usual price is worth .4 of the score."""
    before = shop.recommend("user-1", 10)
    place, hit, price = priced(shop, "user-1")[-1]
    cut = max(0.0, 1 - price / USUAL)
    shop.patch_item(hit.item_id, price=USUAL * 0.2)
    after = shop.recommend("user-1", 10)
    moved = next(one for one in after if one.item_id == hit.item_id)
    assert moved.score == pytest.approx(hit.score + CUT * (0.8 - cut), abs=1e-4)
    assert moved.source == "list"
    others = [one for one in before if one.item_id != hit.item_id]
    assert [one for one in after if one.item_id != hit.item_id] == others
    assert [one.score for one in after] == sorted((one.score for one in after), reverse=True)
    assert after.index(moved) < place
    why = shop.explain("user-1", hit.item_id)
    assert why.score == pytest.approx(moved.score, abs=1e-4)
    assert why.gain == pytest.approx(CUT * (0.8 - cut), abs=1e-4)
    assert why.gain == pytest.approx(sum(one.gain for one in why.features))
    assert {one.name: one.gain for one in why.features}["discount"] == pytest.approx(why.gain)
    assert "its new discount raises it" in why.sentence
    shop.patch_item(hit.item_id, price=price)
    assert shop.recommend("user-1", 10) == before


def test_a_price_moves_what_is_computed_by_the_call_too(shop: Shop) -> None:
    shop.record("user-2", "item-7")
    before = {hit.item_id: hit.score for hit in shop.recommend("user-2", 30)}
    item = next(one for one in list(before)[3:] if (shop.item(one) or {})["price"] is not None)
    shop.patch_item(item, price=0.5 * USUAL)
    half = next(hit for hit in shop.recommend("user-2", 30) if hit.item_id == item)
    shop.patch_item(item, price=0.25 * USUAL)
    less = next(hit for hit in shop.recommend("user-2", 30) if hit.item_id == item)
    assert less.score - half.score == pytest.approx(CUT * 0.25, abs=1e-4)
    assert shop.explain("user-2", item).score == pytest.approx(less.score, abs=1e-4)
    every = {hit.item_id: hit.score for hit in shop.recommend("user-2", 30)}
    assert {key: score for key, score in every.items() if key != item} == pytest.approx(
        {key: before[key] for key in every if key != item}, abs=1e-4
    )


def test_a_new_purchase_gains_by_how_often_it_was_bought(shop: Shop) -> None:
    """Two purchases more: log(1 + times) weighs 4 in the logit."""
    state, _ = shop._live.state()
    row = state.find("item-9")
    rows, scores = np.array([row], dtype=np.int32), np.ones(1, dtype=np.float32)
    day = now() // DAY
    users = state.release.shards[0]
    session = UserSession(state, users, -1, now(), [SessionEvent(row, day, 1.0), SessionEvent(row, day, 1.0)])
    assert rerank_delta(session, rows, scores) == pytest.approx([TIMES * np.log(3)], rel=1e-5)
    assert rerank_delta(UserSession(state, users, -1, now(), []), rows, scores).tolist() == [0.0]


def test_what_nobody_knew_a_price_of_gains_nothing(shop: Shop) -> None:
    """That a price is known now does not make an item sell."""
    unpriced = next(
        hit.item_id for hit in shop.recommend("user-1", 40) if (shop.item(hit.item_id) or {}).get("price") is None
    )
    shop.add_item("new", title="Item größe", category=["FOOD"], price=USUAL)
    before = {hit.item_id: hit.score for hit in shop.recommend("user-1", 61)}
    shop.patch_item(unpriced, price=1.0)
    shop.patch_item("new", price=1.0)
    shop.patch_item(next(iter(before)), price=None)
    after = {hit.item_id: hit.score for hit in shop.recommend("user-1", 61)}
    assert after[unpriced] == before[unpriced]
    assert {key: score for key, score in after.items() if key != "new"} == pytest.approx(
        {key: score for key, score in before.items() if key != "new"}
    )


def test_a_ranker_that_says_nothing_of_scores_moves_nothing(tmp_path: Path) -> None:
    shop = opened(release(tmp_path, score=-1.0, price_cut=8.0), tmp_path)
    before = shop.recommend("user-1", 10)
    _, hit, _ = priced(shop, "user-1")[-1]
    shop.patch_item(hit.item_id, price=0.01)
    assert shop.recommend("user-1", 10) == before
    why = shop.explain("user-1", hit.item_id)
    assert why.gain == 0
    assert why.features
