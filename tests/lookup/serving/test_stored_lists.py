"""A user's two precomputed lists, with and without what the user had, and how a list goes on where it is too short."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup import Hit
from lookup.release import pointer
from lookup.serving.sources import user as sources
from lookup.shop import Shop
from tests.golden_release import unpack
from tests.lookup.conftest import Two
from tests.lookup.patched import opened
from tests.lookup.test_shop import exact, night_history
from tests.rankers import certain_clicks, write_ranker
from tests.releases import build, config_at
from tests.run_tables import Sizes, write_run

ITEMS = [f"item-{n}" for n in range(60)]
USERS = [f"user-{n}" for n in range(8)]
KINDS = [["FOOD", "DAIRY"], ["FOOD", "Käse"], ["TOYS"]]
NOBODYS = "nobody's"
"""Excluding an item that nobody sells changes nothing, but no call with it reads an array alone."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases whose lists have half of all items, so that some have a user's whole history; with a ranker."""
    sizes = Sizes(users=len(USERS), k=30)
    config = config_at(tmp_path_factory.mktemp("wide"), sizes=sizes)
    write_run(config, 11, sizes)
    write_ranker(config.run, certain_clicks(-1.0, hidden=2, price_cut=2.0), 4.0)
    pointer.announce(config.releases, build.run(None, config)["release"])
    return config.releases


def best(shop: Shop, user: str, seen: bool, where: Callable[[int], bool] | None = None) -> list[tuple[str, float]]:
    """What may be shown now, best first, with scores by the formulas written out."""
    state, _ = shop._live.state()
    release = state.release
    row = release.users.find(user)
    history = night_history(release, row, release.night)
    added = state.added_vectors @ release.user_vector[row]
    scores = np.concatenate([exact(release, history), added])
    had = set() if seen else {item for item, _, _ in history}
    rows = [n for n in range(len(scores)) if not state.blocked[n] and n not in had and (where is None or where(n))]
    return [(state.id(n), float(scores[n])) for n in sorted(rows, key=lambda n: -scores[n])]


def assert_is(hits: list[Hit], wanted: list[tuple[str, float]]) -> None:
    """These hits in this order; items of equal scores may change places."""
    np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in wanted], rtol=1e-4, atol=1e-5)
    known = dict(wanted)
    for hit, (item, score) in zip(hits, wanted, strict=True):
        assert hit.item_id == item or known.get(hit.item_id, score) == pytest.approx(score, rel=1e-4, abs=1e-5)


patches = st.fixed_dictionaries(
    {
        "sold_out": st.sets(st.sampled_from(ITEMS), max_size=40),
        "back": st.sets(st.sampled_from(ITEMS), max_size=20),
        "hidden": st.sets(st.sampled_from(ITEMS), max_size=5),
        "cut": st.sets(st.sampled_from(ITEMS), max_size=2),
        "new": st.lists(st.sampled_from(KINDS), max_size=3),
    }
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patched=patches, cheap=st.booleans(), data=st.data())
def test_the_arrays_answer_as_scoring_every_item_does(
    built: Two, wide: Path, patched: dict[str, Any], cheap: bool, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = opened(data.draw(st.sampled_from([built.releases, wide])), Path(folder))
        shop.patch_items({"item_id": item, "in_stock": True} for item in patched["back"])
        shop.patch_items({"item_id": item, "in_stock": False} for item in patched["sold_out"])
        shop.patch_items({"item_id": item, "hidden": True} for item in patched["hidden"])
        shop.add_items({"item_id": f"new-{n}", "category": kind} for n, kind in enumerate(patched["new"]))
        shop.patch_items({"item_id": item, "price": 0.5} for item in patched["cut"])
        prices = shop._live.state()[0].price
        where, holds = (lookup.price(high=6), lambda row: prices[row] <= 6) if cheap else (None, None)
        for _ in range(4):
            user, seen, k = data.draw(st.sampled_from(USERS)), data.draw(st.booleans()), data.draw(st.integers(1, 60))
            wanted = best(shop, user, seen, holds)[:k]
            hits = shop.recommend(user, k, seen=seen, where=where)
            if not shop._live.state()[0].has_repriced:  # else the ranker weighs the prices, too
                assert_is([hit for hit in hits if hit.source != "popular"], wanted)
            assert shop.recommend(user, k, seen=seen, where=where, exclude=[NOBODYS]) == hits
        shop.close()


def test_both_lists_are_read_and_none_is_computed(built: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With items added by day too, as long as they score less."""
    shop = opened(built.releases, tmp_path)
    shop.add_item("new", category=["TOYS"])
    shop.patch_items({"item_id": item, "in_stock": True} for item in ITEMS)
    monkeypatch.setattr("lookup.shop.UserSession", None)
    release = shop._live.follower.current()
    read = 0
    for user in USERS:
        row = release.users.find(user)
        for seen, lists in ((True, release.user_topk), (False, release.user_unseen)):
            if sources.outranks(shop._live.state()[0], release.shards[0], row, lists.scores[row, 6]):
                continue
            hits = shop.recommend(user, 7, seen=seen)
            assert [hit.item_id for hit in hits] == [release.items.id(n) for n in lists.items[row, :7].tolist()]
            assert {hit.source for hit in hits} == {"list"}
            read += 1
    assert read > len(USERS)


def test_an_item_added_by_day_stands_where_its_score_puts_it(wide: Path, tmp_path: Path) -> None:
    """In the list, after it, or before what only scoring finds."""
    shop = opened(wide, tmp_path)
    shop.patch_items({"item_id": item, "in_stock": True} for item in ITEMS)
    for n, kind in enumerate(KINDS):
        shop.add_item(f"new-{n}", category=kind)
    found = set()
    for user in USERS:
        for seen in (True, False):
            for k in (28, 45):
                hits = shop.recommend(user, k, seen=seen)
                assert_is(hits, best(shop, user, seen)[:k])
                found |= {(k, hit.source) for hit in hits if hit.item_id.startswith("new")}
    assert found == {(28, "list"), (45, "list"), (45, "session")}


def test_a_list_with_the_whole_history_goes_on_in_the_other(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is then longer than its places, and nothing is scored for it; not where the history may be cut."""
    shop = opened(wide, tmp_path)
    shop.patch_items({"item_id": item, "in_stock": True} for item in ITEMS)
    release = shop._live.follower.current()
    rows = [release.users.find(user) for user in USERS]
    whole = [n for n in rows if np.isin(release.history(n).rows, release.user_topk.items[n]).all()]
    assert whole
    row = whole[0]
    user, length = release.users.id(row), release.user_topk.items.shape[1]
    had = len(set(release.history(row).rows.tolist()))
    every = shop.recommend(user, length + had)
    assert_is(every, best(shop, user, True)[: length + had])
    assert {hit.source for hit in every} == {"list"}
    assert {hit.source for hit in shop.recommend(user, length + had + 1)} == {"list", "session"}
    cut = replace(release.manifest, max_history=len(history(shop, user)))
    monkeypatch.setattr(release, "manifest", cut)
    assert {hit.source for hit in shop.recommend(user, length + had)} == {"list", "session"}


def test_fewer_hits_begin_more(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    shop.add_item("new", category=["FOOD", "DAIRY"], brand="Ünder")
    for user in USERS:
        every = shop.recommend(user, 40, seen=False)
        had = {shop._live.follower.current().items.id(n) for n in history(shop, user)}
        assert not had & {hit.item_id for hit in every}
        for k in (1, 3, 6, 11, 25):
            assert shop.recommend(user, k, seen=False) == every[:k]


def history(shop: Shop, user: str) -> list[int]:
    release = shop._live.follower.current()
    rows: list[int] = release.history(release.users.find(user)).rows.tolist()
    return rows


def test_pins_may_be_of_what_the_user_had(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    release = shop._live.follower.current()
    had = next(n for n in history(shop, "user-1") if release.item_in_stock[n])
    hits = shop.recommend("user-1", 5, seen=False, pins=[release.items.id(had)])
    assert hits[0] == Hit(release.items.id(had), 0.0, "pinned")
    assert hits[1:] == shop.recommend("user-1", 4, seen=False)


def test_shares_add_up_for_what_the_user_never_had(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    for user in USERS:
        for hit in shop.recommend(user, 8, seen=False):
            why = shop.explain(user, hit.item_id)
            assert why.score == pytest.approx(hit.score, rel=1e-5, abs=1e-5)
            assert sum(one.share for one in why.because) + why.bias + why.again == pytest.approx(why.score, abs=1e-5)
            assert why.again == 0


def test_who_is_forgotten_or_has_new_events_gets_no_stored_list(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    shop.record("user-1", "item-3")
    assert {hit.source for hit in shop.recommend("user-1", 5, seen=False)} == {"session"}
    assert "item-3" not in {hit.item_id for hit in shop.recommend("user-1", 40, seen=False)}
    shop.forget("user-2")
    assert shop.recommend("user-2", 5, seen=False) == shop.popular(5)


@pytest.mark.parametrize("version", [3, 5])
def test_older_releases_answer_from_the_list_that_they_have(version: int, tmp_path: Path) -> None:
    shop = lookup.open(unpack(version, tmp_path))
    for user in (f"user-{n}" for n in range(12)):
        for k in (1, 4, 20):
            hits = shop.recommend(user, k, seen=False)
            assert_is(hits, best(shop, user, False)[:k])
            assert {hit.source for hit in hits} <= ({"list"} if k == 1 else {"list", "session"})
            assert hits == shop.recommend(user, k, seen=False, exclude=[NOBODYS])
    shop.close()
