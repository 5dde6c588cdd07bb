"""What people reported of other searches: numbers that find their neighbours, right words that are corrected away."""

import pytest

import lookup
from tests.searchable import make_searchable

TITLES = (
    "Galaxy S24",
    "Galaxy S 24 cover",
    "Galaxy 24 pack",
    "iPhone 15 case",
    "iPhone 14 case",
    "pop up toaster",
    "Gasket XYZ-123",
    "Gasket XYZ-223",
    "24/7 alarm",
    "7 dwarfs",
    "Berries mix",
    "Ferry toy boat",
    "Ferry toy model",
    "Painted chair",
    "Paint brush",
    "Printing paper",
    "Printing ink",
    "Saver bag",
    "Phone P9",
    "Phone P9 Ultra",
    "Phone P9+",
    "Shaver for men",
    "Shaving foam",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> lookup.Shop:
    base = tmp_path_factory.mktemp("reported")
    make_searchable(base, [{"item_id": title, "title": title, "price": 5.0} for title in TITLES])
    return lookup.open(base / "releases")


def matches(shop: lookup.Shop, query: str) -> set[str]:
    result = shop.search(query, 20)
    found = {hit.item_id for hit in result if hit.source in ("exact", "search", "corrected")}
    assert result.total == len(found)
    return found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("s24", {"Galaxy S24", "Galaxy S 24 cover"}),
        ("galaxy s24", {"Galaxy S24", "Galaxy S 24 cover"}),
        ("iphone15", {"iPhone 15 case"}),
        ("7up", set()),
        ("xyz123", {"Gasket XYZ-123"}),
        ("xyz133", set()),
        ("24/7", {"24/7 alarm"}),
    ],
)
def test_an_item_with_a_part_of_a_code_is_another_one(shop: lookup.Shop, query: str, found: set[str]) -> None:
    assert matches(shop, query) == found
    assert shop.search(query).corrected is None


def test_a_code_that_no_item_has_is_given_up_first(shop: lookup.Shop) -> None:
    result = shop.search("galaxy s25")
    assert result.dropped == ("s25",)
    assert result.total == 3


@pytest.mark.parametrize(("query", "first"), [("p9+", "Phone P9+"), ("phone p9 plus", "Phone P9+"), ("p9", "Phone P9")])
def test_a_plus_behind_a_code_says_which_one_is_meant(shop: lookup.Shop, query: str, first: str) -> None:
    assert shop.search(query)[0].item_id == first
    assert shop.search("p9+").total == shop.search("p9").total == 3
    assert shop.search("p9 plus").total == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("berry", {"Berries mix"}),
        ("painting", {"Painted chair", "Paint brush"}),
        ("shave", {"Shaving foam"}),
    ],
)
def test_a_word_that_finds_items_by_its_stem_is_not_corrected(shop: lookup.Shop, query: str, found: set[str]) -> None:
    assert matches(shop, query) == found
    assert shop.search(query).corrected is None
