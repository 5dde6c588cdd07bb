"""A search shows one item of a group, counts it once, and pages neither repeat a group nor lose one."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lookup
from tests.searchable import make_searchable

COLOURS, SIZES, BRANDS = ("red", "green", "blue"), ("small", "large"), ("Acme", "Nordic", "Zenith")


def products() -> list[dict[str, Any]]:
    """Shirts in six variants each, one family of 30, and things without variants, one with a group's id."""
    rng, made = random.Random(7), list[dict[str, Any]]()
    for n in range(8):
        for place, (colour, size) in enumerate((c, s) for c in COLOURS for s in SIZES):
            made.append({"item_id": f"s{n}-{place}", "title": f"Shirt {colour} {size}", "group": f"shirt {n}"})
    made += [{"item_id": f"w{n}", "title": "Shirt white" + " extra" * (n % 3), "group": "white"} for n in range(30)]
    made += [
        {"item_id": f"p{n}", "title": f"Shirt plain {n}", "group": "p0" if n in (1, 2) else None} for n in range(9)
    ]
    for item in made:
        item |= {"brand": rng.choice(BRANDS), "category": ["Clothes", rng.choice(("Shirts", "Tops"))]}
        item["price"] = rng.choice((5.0, 10.0, 25.0, 60.0, None))
    return made


ITEMS = {item["item_id"]: item for item in products()}
THINGS = len({item["group"] or item["item_id"] for item in ITEMS.values()}) + 1  # item p0 is not in group p0


def thing(item: str) -> tuple[str, str]:
    group = ITEMS[item]["group"]
    return ("group", group) if group else ("item", item)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("variants")
    make_searchable(base, list(ITEMS.values()))
    return base / "releases"


@pytest.fixture
def shop(releases: Path, tmp_path: Path) -> Iterator[lookup.Shop]:
    with_log = lookup.open(releases, patches=tmp_path / "patches.sqlite")
    yield with_log
    with_log.close()


def pages(shop: lookup.Shop, query: str, k: int, **options: Any) -> list[lookup.Hit]:
    """The hits of all pages that match."""
    hits, page = list[lookup.Hit](), None
    for _ in range(200):
        result = shop.search(query, k, page=page, **options)
        hits += [hit for hit in result if hit.source != "popular"]
        page = result.next
        if page is None:
            return hits
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("sort", ["relevance", "price_up", "newest"])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_pages_show_every_thing_once(shop: lookup.Shop, sort: str, k: int) -> None:
    shop.patch_item("w3", title="Shirt white and new")  # no stored list stands
    for _ in range(2):
        things = [thing(hit.item_id) for hit in pages(shop, "shirt", k, sort=sort)]
        assert len(things) == len(set(things)) == THINGS
    every = pages(shop, "shirt", max(k, 20), sort=sort, variants=True)
    assert Counter(hit.item_id for hit in every) == Counter(list(ITEMS))


def test_totals_and_facets_count_things(shop: lookup.Shop) -> None:
    for where, holds in (
        (None, lambda item: True),
        (lookup.brand("Acme"), lambda item: item["brand"] == "Acme"),
        (lookup.price(high=20), lambda item: (item["price"] or 99) <= 20),
    ):
        for variants in (False, True):
            result = shop.search("shirt", 5, where=where, variants=variants)
            inside = [item for item in ITEMS.values() if holds(item)]
            same = (lambda item: item["item_id"]) if variants else (lambda item: thing(item["item_id"]))
            assert result.total == len({same(item) for item in inside})
            brands = {brand: len({same(i) for i in inside if i["brand"] == brand}) for brand in BRANDS}
            assert dict(result.facets.brands) == {brand: count for brand, count in brands.items() if count}
            for name, count in result.facets.categories:
                assert count == len({same(i) for i in inside if name in i["category"]})
            for band in result.facets.prices:
                last = band is result.facets.prices[-1]
                within = [i for i in inside if i["price"] is not None and band.low <= i["price"] <= band.high]
                assert band.count == len({same(i) for i in within if last or i["price"] < band.high})


@pytest.mark.parametrize("query", ["shirt red", "shirts", "acme"])
def test_a_variant_that_is_sold_out_gives_way_to_one_that_matches(shop: lookup.Shop, query: str) -> None:
    """Also in the stored list of a frequent query: here those of categories and brands."""
    before = shop.search(query, 5)
    first = next(hit for hit in before if hit.group)
    same = [hit.item_id for hit in shop.search(query, 60, variants=True) if hit.group == first.group]
    assert same[0] == first.item_id
    shop.patch_item(first.item_id, in_stock=False)
    after = shop.search(query, 5)
    held = [hit for hit in after if hit.group == first.group and hit.source in ("list", "search")]
    if query == "shirt red":
        assert [hit.item_id for hit in held] == [item for item in same if item in {h.item_id for h in held}]
        assert all("red" in ITEMS[hit.item_id]["title"] for hit in held)
    things = [hit.group or hit.item_id for hit in after]
    assert len(things) == len(set(things)) == 5


def test_an_item_asked_for_by_its_id_stands_for_its_group(shop: lookup.Shop) -> None:
    assert next(iter(shop.search("s3-4", 5))).item_id == "s3-4"
    assert [hit.item_id for hit in shop.search("s3-4", 20) if hit.group == "shirt 3"] == ["s3-4"]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_pages_lose_no_thing_whatever_is_sold_out(releases: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    draw = data.draw
    shop = lookup.open(releases, patches=tmp_path_factory.mktemp("log") / "patches.sqlite")
    gone = draw(st.sets(st.sampled_from(sorted(ITEMS)), max_size=60))
    shop.patch_items({"item_id": item, "in_stock": False} for item in gone)
    exclude = draw(st.lists(st.sampled_from(sorted(ITEMS)), max_size=3))
    sort, k = draw(st.sampled_from(["relevance", "price_up", "price_down", "popular"])), draw(st.integers(1, 20))
    where = draw(st.sampled_from([None, lookup.brand("Acme", "Nordic"), lookup.category("Tops")]))
    query = draw(st.sampled_from(["shirt", "shirt small", "tops", "acme"]))
    shown = pages(shop, query, k, sort=sort, where=where, exclude=exclude)
    things = [thing(hit.item_id) for hit in shown]
    every = shop.search(query, 100, sort=sort, where=where, exclude=exclude, variants=True)
    matching = {thing(hit.item_id) for hit in every if hit.source in ("search", "exact", "list")}
    assert len(things) == len(set(things))
    assert matching <= set(things)
    assert not gone & {hit.item_id for hit in shown}
    shop.close()


def test_suggestions_name_a_thing_once(shop: lookup.Shop) -> None:
    found = shop.suggest("shirt", 20, kinds=["item"])
    things = [thing(str(one.item_id)) for one in found]
    assert len(things) == len(set(things))
