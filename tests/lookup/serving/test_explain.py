"""A score taken apart: the shares add up to it, and the sentence says what they are."""

from pathlib import Path

import pytest

import lookup
from lookup.scoring.explain import Because, Explanation, Feature
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.patched import SECOND, now, opened


@pytest.fixture
def shop(built: Two, tmp_path: Path) -> Shop:
    return opened(built.releases, tmp_path)


def total(found: Explanation) -> float:
    return sum(one.share for one in found.because) + found.bias + found.again


def test_the_shares_add_up_to_the_score(shop: Shop) -> None:
    shop.add_item("new", title="Item größe", category=["FOOD", "DAIRY"], brand="Ünder")
    shop.record("user-2", "item-3")
    shop.record("user-2", "new")
    shop.record("stranger", "new")
    shop.record("stranger", "item-7", at=now() - 10**12)
    repeated = 0
    for user in ("user-1", "user-2", "stranger"):
        hits = shop.recommend(user, 60)
        assert len(hits) > 25
        for hit in hits:
            found = shop.explain(user, hit.item_id)
            assert found.score == pytest.approx(hit.score, rel=1e-5, abs=1e-5)
            assert total(found) == pytest.approx(found.score, rel=1e-5, abs=1e-5)
            assert found.item_id == hit.item_id
            assert [one.share for one in found.because] == sorted((one.share for one in found.because), reverse=True)
            assert found.sentence.startswith(f"{shop.item(hit.item_id)['title']}: ")  # type: ignore[index]
            repeated += found.again != 0
    assert repeated > 5
    soldout = next(n for n in range(60) if not shop.item(f"item-{n}")["in_stock"])  # type: ignore[index]
    found = shop.explain("user-2", f"item-{soldout}")
    assert total(found) == pytest.approx(found.score, rel=1e-5, abs=1e-5)


def test_the_sentence_names_titles_and_ids_where_there_are_none(shop: Shop) -> None:
    shop.add_item("new", title="Blue kettle", category=["FOOD"])
    shop.add_item("bare", category=["FOOD"])
    shop.record("fan", "new")
    assert "Blue kettle" in shop.explain("fan", "new").sentence
    assert shop.explain("fan", "new").because[0].title == "Blue kettle"
    shop.patch_item("new", title=" ")
    assert shop.explain("fan", "new").sentence.startswith("new: ")
    assert shop.explain("fan", "bare").title is None


def test_an_added_item_has_every_field(shop: Shop) -> None:
    shop.add_item("new", title="Blue kettle")
    added, old = shop.item("new"), shop.item("item-1")
    assert added is not None
    assert old is not None
    assert set(added) == set(old)
    known = {"item_id": "new", "title": "Blue kettle", "features": {}, "events": 0, "in_stock": True}
    assert {name: value for name, value in added.items() if value is not None} == known


def test_what_is_patched_is_said_with_its_age(shop: Shop) -> None:
    shop.patch_item("item-3", price=4, at=now() - 90 * SECOND, source="erp")
    shop.patch_item("item-3", brand="Acme", until=now() + 3600 * SECOND)
    found = shop.explain("user-1", "item-3")
    brand, price = found.patches
    assert (brand.field, brand.value, brand.source) == ("brand", "Acme", "shop")
    assert (price.field, price.value, price.source) == ("price", 4.0, "erp")
    assert 90 <= price.age < 90 + 3600
    assert 0 <= brand.age < 3600
    assert shop.explain("user-1", "item-5").patches == ()


def test_nobody_and_nothing_are_told(shop: Shop) -> None:
    with pytest.raises(KeyError, match="'no such': no such item in release"):
        shop.explain("user-1", "no such")
    with pytest.raises(KeyError, match="'stranger': nothing is known of this user"):
        shop.explain("stranger", "item-1")


@pytest.mark.parametrize(
    ("because", "again", "features", "sentence"),
    [
        ([Because("a", 0.5, 3, 2.0), Because("b", 0.25, 1, 9.0)], 0.0, [], "x: it goes with a and b"),
        (
            [Because("x", 0.5, 3, 2.0), Because("b", 0.25, 1, 9.0)],
            1.0,
            [],
            "x: it was bought or viewed before, 3 times; it goes with b",
        ),
        ([Because("a", -0.5, 3, 2.0)], 0.0, [], "x: it is the best of what is left"),
        ([], 0.0, [], "x: it is popular"),
        (
            [Because("a", 0.5, 1, 2.0)],
            0.0,
            [
                Feature("score", 2.0, 0.0),
                Feature("popularity", 1.2, 0.0),
                Feature("price", -0.4, -0.001),
                Feature("discount", 0.2, 0.5),
            ],
            "x: it goes with a; popularity raises it and price lowers it; its new discount raises it",
        ),
    ],
)
def test_the_sentence(because: list[Because], again: float, features: list[Feature], sentence: str) -> None:
    assert Explanation("x", 1.0, tuple(because), 0.0, again, 0.0, tuple(features)).sentence == sentence
    assert lookup.Explanation is Explanation
