"""Head queries: the night's lists are what a search would give, and what is true now holds for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import lookup
from lookup.search.index import SearchIndex
from tests.searchable import SHOP, make_searchable

LIVE = ("redirect",)
"""Switched off, so that a call searches; the shop has no redirects."""
SOLD_OUT = "s3"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("head")
    make_searchable(base, [one | {"in_stock": one["item_id"] != SOLD_OUT} for one in SHOP])
    return base / "releases"


@pytest.fixture
def shop(releases: Path, tmp_path: Path) -> Iterator[lookup.Shop]:
    with_log = lookup.open(releases, patches=tmp_path / "patches.sqlite")
    yield with_log
    with_log.close()


def head(shop: lookup.Shop, releases: Path) -> list[str]:
    index = SearchIndex.open(releases / shop.release.id, len(SHOP))
    assert index is not None
    return [index.head.text(row) for row in range(len(index.head))]


def ids(result: object) -> list[str]:
    return [hit.item_id for hit in result]  # type: ignore[attr-defined]


def test_the_list_of_each_head_query_is_what_a_search_gives(shop: lookup.Shop, releases: Path) -> None:
    queries = head(shop, releases)
    assert {"speakers", "acme", "under", "computers"} <= set(queries)
    for query in queries:
        live = shop.search(query, len(SHOP), without=LIVE)
        k = sum(hit.source not in ("category", "popular") for hit in live)
        listed = shop.search(query, k)
        assert {hit.source for hit in listed} == {"list"}
        assert ids(listed) == ids(live)[:k]
        assert [hit.score for hit in listed] == pytest.approx([hit.score for hit in live[:k]], abs=1e-5)
        assert (listed.total, listed.facets, listed.interpretation) == (live.total, live.facets, live.interpretation)
        assert (listed.next, listed.dropped, listed.corrected) == (None, (), None)


def test_stock_conditions_and_exclusions_hold_for_a_list(shop: lookup.Shop) -> None:
    assert {hit.source for hit in shop.search("  SPEAKERS ", 4)} == {"list"}
    assert ids(shop.search("speakers", 2, sort="price_up")) == ["c1", "s1"]
    dear = shop.search("speakers", 2, where=lookup.price(50, 120))
    assert ({hit.source for hit in dear}, set(ids(dear))) == ({"list"}, {"s2", "z1"})
    shop.patch_item("s2", price=10.0)
    shop.patch_item("z2", price=70.0)
    assert set(ids(shop.search("speakers", 2, where=lookup.price(50, 120)))) == {"z1", "z2"}
    assert ids(shop.search("speakers", 1, exclude=["z1"], where=lookup.price(50, 120))) == ["z2"]
    shop.patch_item("s1", in_stock=False)
    result = shop.search("speakers", 3)
    assert ("s1" in ids(result), {hit.source for hit in result}) == (False, {"list"})
    assert result.total == 4
    assert dict(result.facets.brands) == {"Acme": 1, "Zenith": 2, "Nordic": 1}


def test_a_list_gives_way_to_a_new_item_with_the_words_and_to_one_that_came_back(shop: lookup.Shop) -> None:
    shop.add_item("n1", title="Wooden board", price=7.0)
    assert {hit.source for hit in shop.search("speakers", 3)} == {"list"}
    shop.patch_item(SOLD_OUT, in_stock=True)
    assert SOLD_OUT in ids(shop.search("speakers", 6))
    assert {hit.source for hit in shop.search("cables", 1)} == {"list"}
    shop.add_item("n2", title="Cable", price=2.0)
    assert "n2" in ids(shop.search("cables", 3))


def test_a_list_stays_where_another_brand_changes_none_of_its_words(shop: lookup.Shop) -> None:
    shop.patch_item("c1", brand="Today")
    assert {hit.source for hit in shop.search("speakers", 3)} == {"list"}
    found = shop.search("nordic", 3)
    assert ("c1" in ids(found), "list" in {hit.source for hit in found}) == (False, False)
    shop.patch_item("b1", title="Speakers")
    found = shop.search("speakers", 3)
    assert ("b1" in ids(found), "list" in {hit.source for hit in found}) == (True, False)


def test_a_short_list_gives_way_to_a_search(shop: lookup.Shop) -> None:
    result = shop.search("cables", len(SHOP) - 1)
    assert len(result) == len(SHOP) - 1
    assert "list" not in {hit.source for hit in result}


def test_the_next_page_neither_repeats_nor_loses_an_item_of_the_list(shop: lookup.Shop) -> None:
    first = shop.search("speakers", 2)
    assert {hit.source for hit in first} == {"list"}
    assert first.next is not None
    seen, page = ids(first), first.next
    while page is not None:
        result = shop.search("speakers", 2, page=page)
        seen += ids(result)
        page = result.next
    assert len(seen) == len(set(seen))
    assert set(seen) >= {"s1", "s2", "z1", "z2", "c1"}


def test_a_known_user_moves_the_scores_of_a_list(shop: lookup.Shop) -> None:
    orders = set()
    for user in range(12):
        result = shop.search("speakers", 4, user=f"user-{user}")
        assert {hit.source for hit in result} == {"list"}
        assert sorted(result, key=lambda hit: -hit.score) == list(result)
        orders.add(tuple(ids(result)))
    assert len(orders) > 1
    assert ids(shop.search("speakers", 4, user="nobody")) == ids(shop.search("speakers", 4))


def test_items_beyond_those_that_are_ranked_follow_by_their_words(
    shop: lookup.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookup.search.searcher.RANKED", 2)
    monkeypatch.setattr("lookup.search.searcher.BY_WORDS", 1)
    whole = shop.search("speaker", 5)
    assert {hit.source for hit in whole} == {"search"}
    assert set(ids(whole)) == {"c1", "s1", "s2", "z1", "z2"}
    assert len({hit.score for hit in whole[2:]}) == 1
    assert whole[0].score >= whole[1].score >= whole[2].score
    seen, page = [], None
    while True:
        result = shop.search("speaker", 1, page=page)
        seen += ids(result)
        page = result.next
        if page is None:
            break
    assert seen == ids(whole)
