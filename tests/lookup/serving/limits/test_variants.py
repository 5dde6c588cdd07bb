"""One item of a group in each list: the best that may be shown now, and never fewer hits than there are things."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup.shop import Shop
from tests.lookup.patched import opened
from tests.variants import make_grouped_release

ITEMS, NEW = [f"item-{n}" for n in range(60)], ["new-0", "new-1"]
USERS = ["user-0", "user-1", "nobody"]
fields = st.fixed_dictionaries(
    {},
    optional={
        "in_stock": st.booleans(),
        "hidden": st.booleans(),
        "group": st.sampled_from([None, "", "group-0", "group-4", "of today"]),
        "brand": st.sampled_from(["Acme", "Ünder"]),
    },
).filter(bool)
patches = st.lists(st.tuples(st.sampled_from(ITEMS[:20] + NEW), fields), max_size=12)
sold_out = st.sets(st.sampled_from(ITEMS), max_size=50)
some = st.lists(st.sampled_from([*ITEMS, *NEW]), max_size=5)
wheres = st.sampled_from([None, lookup.brand("Ünder"), lookup.group("group-2", "group-4"), ~lookup.category("DAIRY")])
diversities = st.sampled_from([None, lookup.MMR(0.5), lookup.Cap(brand=1), lookup.Cap(category=1, depth=-1)])
ks = st.sampled_from([1, 2, 5, 20, 35, 60, 100])


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("variants")
    make_grouped_release(base, seed=3)
    return base / "releases"


def thing(shop: Shop, item: str) -> str:
    """What an item is a variant of; itself, where it is none."""
    known = shop.item(item)
    return f"group {known['group']}" if known and known["group"] else item


def call(shop: Shop, draw: Any, k: int, **options: Any) -> tuple[list[lookup.Hit], str | None]:
    """The hits of any call, and the item that it leaves out with its variants."""
    which = draw(st.sampled_from(["recommend", "similar", "popular"]))
    if which == "recommend":
        history = draw(st.none() | st.lists(st.sampled_from(ITEMS), min_size=1, max_size=2))
        return shop.recommend(draw(st.sampled_from(USERS)), k, history=history, seen=True, **options), None
    if which == "similar":
        item = draw(st.sampled_from(ITEMS))
        by = draw(st.sampled_from([None, "text"]))
        return shop.similar(item, k, by=by, **options), item
    return shop.popular(k, draw(st.sampled_from([None, "FOOD", "DAIRY"])), **options), None


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_of_a_group_and_as_many_hits_as_things(releases: Path, data: st.DataObject) -> None:
    draw = data.draw
    with tempfile.TemporaryDirectory() as folder:
        shop = opened(releases, Path(folder))
        said = draw(patches)
        shop.patch_items({"item_id": item, **values} for item, values in said)
        shop.patch_items({"item_id": item, "in_stock": False} for item in draw(sold_out))
        k, where, variants, pins, exclude = draw(ks), draw(wheres), draw(st.booleans()), draw(some), draw(some)
        diversity = draw(diversities)
        hits, left_out = call(
            shop, draw, k, where=where, variants=variants, pins=pins, exclude=exclude, diversity=diversity
        )
        state = shop._live.state()[0]
        rows = np.flatnonzero(np.frombuffer(state.blocked, dtype=np.uint8) == 0).astype(np.int32)
        may = [state.id(row) for row in rows.tolist()]
        asked = rows if where is None else rows[where.holds(state, rows)]
        same = (lambda item: item) if variants else (lambda item: thing(shop, item))
        first = [item for item in dict.fromkeys(pins) if item in may and item not in exclude]
        first = [item for item in first if item != left_out][:k]
        without = set() if left_out is None else {same(left_out)}
        things = {same(state.id(row)) for row in asked.tolist() if state.id(row) not in exclude} - without
        things -= {same(item) for item in first}
        found = [same(hit.item_id) for hit in hits]
        assert [hit.item_id for hit in hits[: len(first)]] == first
        assert len(set(found[len(first) :])) == len(found) - len(first) == min(k - len(first), len(things))
        assert set(found[len(first) :]) <= things
        for hit in hits:
            group = (shop.item(hit.item_id) or {})["group"] or None
            assert hit.group == group
            assert hit.variants == (1 if group is None else np.sum(state.group == state.code("group", group)))
        shop.close()


def test_the_next_variant_takes_the_place_of_one_that_is_sold_out(releases: Path, tmp_path: Path) -> None:
    shop = opened(releases, tmp_path)
    before = shop.recommend("user-1", 5)
    place = next(place for place, hit in enumerate(before) if hit.group)
    chosen = before[place]
    others = [hit for hit in shop.recommend("user-1", 60, variants=True) if hit.group == chosen.group]
    assert others[0].item_id == chosen.item_id
    for other in others[1:]:
        shop.patch_item(chosen.item_id, in_stock=False)
        hits = shop.recommend("user-1", 5)
        assert hits[place].item_id == other.item_id  # the next best for this user
        assert [hit.score for hit in hits] == [hit.score for hit in before]
        assert shop.recommend("user-1", 5, exclude=["nothing"]) == hits  # not the stored list alone
        chosen = other
    shop.patch_item(chosen.item_id, in_stock=False)
    assert before[place].group not in {hit.group for hit in shop.recommend("user-1", 60)}


def test_similar_items_are_no_variants_of_the_item(releases: Path, tmp_path: Path) -> None:
    shop = opened(releases, tmp_path)
    item = next(hit for hit in shop.popular(20) if hit.group)
    for by in (None, "text", "behaviour"):
        assert item.group not in {hit.group for hit in shop.similar(item.item_id, 60, by=by)}
    own = {hit.item_id for hit in shop.popular(60, where=lookup.group(str(item.group)), variants=True)}
    assert own == {hit.item_id for hit in shop.popular(60, variants=True) if hit.group == item.group}
    assert own - {item.item_id} <= {hit.item_id for hit in shop.similar(item.item_id, 60, variants=True)}


def test_pins_of_one_group_stand_beside_each_other(releases: Path, tmp_path: Path) -> None:
    shop = opened(releases, tmp_path)
    shop.patch_items({"item_id": item, "in_stock": True} for item in ITEMS)
    group = next(hit.group for hit in shop.popular(20) if hit.group)
    pins = [hit.item_id for hit in shop.popular(60, where=lookup.group(str(group)), variants=True)][:2]
    hits = shop.recommend("user-0", 20, pins=pins)
    assert [hit.item_id for hit in hits[:2]] == pins
    assert group not in {hit.group for hit in hits[2:]}


def test_an_added_item_joins_a_group_and_leaves_it(releases: Path, tmp_path: Path) -> None:
    shop = opened(releases, tmp_path)
    group = next(hit.group for hit in shop.popular(20) if hit.group)
    members = [hit.item_id for hit in shop.popular(60, where=lookup.group(str(group)), variants=True)]
    shop.add_item("late", title="One more", group=f" {group} ")
    assert "late" not in {hit.item_id for hit in shop.popular(61)}
    shop.patch_items({"item_id": item, "in_stock": False} for item in members)
    assert [hit.item_id for hit in shop.popular(61) if hit.group == group] == ["late"]
    shop.patch_item("late", group="")  # none
    hit = next(hit for hit in shop.popular(61) if hit.item_id == "late")
    assert (hit.group, hit.variants) == (None, 1)
    with pytest.raises(lookup.PatchError, match=r"group.*at most 1000"):
        shop.patch_item("late", group="g" * 1001)


def test_a_shop_without_groups_gets_them_by_patches(built: Any, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    before = shop.recommend("user-1", 5)
    assert all(hit.group is None for hit in before)
    shop.patch_items({"item_id": hit.item_id, "group": 7} for hit in before[:3])
    after = shop.recommend("user-1", 5)
    assert [hit.item_id for hit in after[:3]] == [before[0].item_id, before[3].item_id, before[4].item_id]
    assert (after[0].group, after[0].variants) == ("7", 3)


def test_a_huge_group_by_day_hides_nothing_else(built: Any, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    shop.add_items({"item_id": f"v{n}", "title": f"Variant {n}", "group": "huge"} for n in range(3000))
    shop.patch_items({"item_id": item, "in_stock": True} for item in ITEMS)
    for hits in (shop.popular(61), shop.recommend("user-1", 61, history=["v7"]), shop.similar("item-3", 60)):
        assert len({hit.group or hit.item_id for hit in hits}) == len(hits) == (61 if len(hits) > 60 else 60)
    assert len(shop.popular(3060, variants=True)) == 3060


def test_buy_again_shows_one_of_a_group(releases: Path, tmp_path: Path) -> None:
    shop = opened(releases, tmp_path)
    for user in ("user-0", "user-1", "user-2"):
        every, one = shop.buy_again(user, 10, variants=True), shop.buy_again(user, 10)
        seen: set[str | None] = set()
        assert one == [hit for hit in every if hit.group is None or not (hit.group in seen or seen.add(hit.group))]
