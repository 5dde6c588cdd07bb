"""Exactly k hits, whatever is patched, asked, excluded and pinned: against plain Python that says what may be shown."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from lookup.sealed import sealed
from lookup.serving.limits.conditions import Condition
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, now, opened
from tests.releases import make_release
from tests.run_tables import Sizes

ITEMS = [f"item-{n}" for n in range(60)]
NEW = ["new-0", "new-1", "new-2"]
USERS = ["user-0", "user-1", "user-2", "nobody"]
Record = dict[str, Any]

fields = st.fixed_dictionaries(
    {},
    optional={
        "in_stock": st.booleans(),
        "hidden": st.booleans(),
        "price": st.sampled_from([None, 1.0, 5.0, 10.0]),
        "brand": st.sampled_from([None, "Ünder", "Acme", "Nobody's"]),
        "category": st.sampled_from([[], ["FOOD"], ["FOOD", "DAIRY"], ["TOYS", "CARS", "SMALL"]]),
        "colour": st.sampled_from(["red", "violet", None]),
        "weight": st.sampled_from([0.5, 3, None]),
        "title": st.sampled_from(["A thing", None]),
    },
).filter(bool)
patches = st.lists(st.tuples(st.sampled_from(ITEMS[:12] + NEW), fields), max_size=8)
events = st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS + NEW)), max_size=8)
Asked = tuple[Condition, Callable[[Record], bool]]
conditions: st.SearchStrategy[Asked | None] = st.none() | st.sampled_from(
    [
        (lookup.price(2, 8), lambda r: r["price"] is not None and 2 <= r["price"] <= 8),
        (lookup.brand("Acme", "Ünder"), lambda r: r["brand"] in ("Acme", "Ünder")),
        (lookup.category("DAIRY"), lambda r: "DAIRY" in r["category"]),
        (
            lookup.category("SMALL", "O'Neil") & ~lookup.brand("Acme"),
            lambda r: bool({"SMALL", "O'Neil"} & {*r["category"]}) and r["brand"] != "Acme",
        ),
        (lookup.feature("colour", "violet", "red"), lambda r: r["features"].get("colour") in ("violet", "red")),
        (lookup.feature("weight", low=2), lambda r: r["features"].get("weight", 0.0) >= 2),
        (lookup.brand("unheard of"), lambda r: False),
    ]
)
diversities = st.sampled_from(
    [None, lookup.MMR(0.5), lookup.MMR(0.0), lookup.Cap(category=1, depth=-1), lookup.Cap(brand=2)]
)
some = st.lists(st.sampled_from([*ITEMS, *NEW, "unknown"]), max_size=6)
ks = st.sampled_from([1, 2, 5, 20, 35, 59, 60, 61, 10**6, 10**30])


@pytest.fixture(scope="module")
def releases(built: Two, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same release three times, once for each way of treating items that a user bought."""
    found = {}
    for bought in ("include", "exclude", "separate"):
        found[bought] = tmp_path_factory.mktemp(bought) / "releases"
        shutil.copytree(built.releases, found[bought])
        manifest = found[bought] / built.new / "manifest.json"
        manifest.write_text(sealed(json.loads(manifest.read_text()) | {"bought": bought}))
    return found


class Known:
    """What a test knows of the items, without the reader's arrays: the release's records, and patches laid over."""

    def __init__(self, shop: Shop, patched: list[tuple[str, Record]]):
        release = shop._live.follower.current()
        self.records: dict[str, Record] = {}
        for item in ITEMS:
            record = release.record(release.items.find(item))
            self.records[item] = {**record, "hidden": False, "features": dict(record["features"])}
        describing: Counter[str] = Counter()
        for item, values in patched:
            blank = {"in_stock": True, "hidden": False, "price": None, "brand": None, "category": [], "title": None}
            record = self.records.setdefault(item, {**blank, "features": {}})
            for name, value in values.items():
                (record["features"] if name in ("colour", "weight") else record)[name] = value
            record["features"] = {n: v for n, v in record["features"].items() if v is not None}
            describing[item] += 1
        for item in NEW:
            record = self.records.get(item, {})
            if not any(record.get(name) for name in ("title", "brand", "category")):
                self.records.pop(item, None)

    def shown(self) -> list[str]:
        return [
            item for item, record in self.records.items() if record["in_stock"] is not False and not record["hidden"]
        ]


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_exactly_k_hits_of_what_may_be_shown(releases: dict[str, Path], data: st.DataObject) -> None:
    draw = data.draw
    bought = draw(st.sampled_from(sorted(releases)))
    with tempfile.TemporaryDirectory() as folder:
        shop = opened(releases[bought], Path(folder))
        patched, happened, start = draw(patches), draw(events), now() - 1000 * SECOND
        shop.patch_items(
            {"item_id": item, **values, "at": start / SECOND + n} for n, (item, values) in enumerate(patched)
        )
        shop.record_many({"user_id": u, "item_id": i, "type": "purchase"} for u, i in happened)
        known = Known(shop, patched)
        k, asked, diversity = draw(ks), draw(conditions), draw(diversities)
        pins, exclude = draw(some), draw(some)
        where, holds = asked or (None, lambda record: True)
        call = draw(st.sampled_from(["recommend", "similar", "popular"]))
        options: dict[str, Any] = {"where": where, "exclude": iter(exclude), "pins": iter(pins), "diversity": diversity}
        out: set[str] = set(exclude)
        bought_items: set[str] = set()
        if call == "recommend":
            user, seen = draw(st.sampled_from(USERS)), draw(st.sampled_from([None, True, False]))
            hits = shop.recommend(user, k, seen=seen, **options)
            release = shop._live.follower.current()
            if not (bought == "include" if seen is None else seen):
                row = release.users.find(user)
                bought_items = {item for u, item in happened if u == user}
                if row >= 0:
                    bought_items |= {release.items.id(item) for item in release.history(row).rows.tolist()}
        elif call == "similar":
            item = draw(st.sampled_from([*ITEMS, *NEW]))
            hits = shop.similar(item, k, **options)
            out.add(item)
        else:
            hits = shop.popular(k, draw(st.sampled_from([None, "DAIRY", "TOYS", "CARS", "unheard of"])), **options)
        shop.close()
    may = [item for item in known.shown() if item not in out]
    first = [item for item in dict.fromkeys(pins) if item in may][:k]
    others = {item for item in may if item not in bought_items and item not in first and holds(known.records[item])}
    ids = [hit.item_id for hit in hits]
    assert ids[: len(first)] == first
    assert set(ids[len(first) :]) <= others
    assert len(ids) == len(set(ids)) == min(k, len(first) + len(others))
    order = {
        "recommend": ["pinned", "list", "session", "popular"],
        "similar": ["pinned", "similar", "category", "popular"],
    }
    sources = [hit.source for hit in hits]
    assert [source == "pinned" for source in sources] == [place < len(first) for place in range(len(sources))]
    if not isinstance(diversity, lookup.Cap):
        places = [order.get(call, ["pinned", "category", "popular"]).index(source) for source in sources]
        assert places == sorted(places)
    if diversity is None:
        for source in ("list", "session", "similar", "popular"):
            scores = [hit.score for hit in hits if hit.source == source]
            assert scores == sorted(scores, reverse=True)


def test_more_hits_begin_with_the_fewer(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    shop.record("user-1", "item-3", "purchase")
    for ask in (
        lambda k: shop.recommend("user-1", k),
        lambda k: shop.recommend("user-2", k, where=lookup.price(3, 9)),
        lambda k: shop.recommend("nobody", k, exclude=["item-1"]),
        lambda k: shop.similar("item-5", k, pins=["item-9"]),
        lambda k: shop.popular(k, "FOOD", diversity=lookup.Cap(brand=1)),
    ):
        every = ask(60)
        for k in (1, 3, 10, 29):
            assert ask(k) == every[:k]


def test_a_mask_is_a_condition(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    release = shop._live.follower.current()
    mask = np.zeros(60, dtype=bool)
    mask[[release.items.find("item-1"), release.items.find("item-2"), release.items.find("item-3")]] = True
    found = {hit.item_id for hit in shop.popular(10, where=mask)}
    assert found == {item for item in ("item-1", "item-2", "item-3") if release.item_in_stock[release.items.find(item)]}
    with pytest.raises(lookup.ConditionError, match="a mask of 3 items"):
        shop.popular(where=mask[:3])


def test_a_list_of_all_items_gives_what_is_left_of_it(tmp_path: Path) -> None:
    """The buy-again list of a shop with few items, of which all but two are sold out."""
    items = 40
    make_release(tmp_path, sizes=Sizes(items=items, users=3, k=items, again=items))
    shop = opened(tmp_path / "releases", tmp_path)
    every = {f"item-{n}" for n in range(items)}
    shop.patch_items({"item_id": item, "in_stock": item in ("item-3", "item-5")} for item in every)
    for k in (1, 2, 3, 20, 60):
        found = [hit.item_id for hit in shop.buy_again("user-1", k)]
        assert len(found) == min(k, 2)
        assert set(found) <= {"item-3", "item-5"}
        recommended = [hit.item_id for hit in shop.recommend("user-1", k)]
        assert len(recommended) == min(k, 2)
        assert set(recommended) <= {"item-3", "item-5"}


@pytest.mark.parametrize("name", ["exclude", "pins", "history"])
def test_a_list_of_very_many_ids_is_refused(built: Two, tmp_path: Path, name: str) -> None:
    """Even one without an end."""
    shop = opened(built.releases, tmp_path)
    with pytest.raises(ValueError, match="item ids: more than 100,000 are given in one list"):
        shop.recommend("user-1", **{name: repeat("item-1")})  # type: ignore[arg-type]
