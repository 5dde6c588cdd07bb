"""A query, understood as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.understanding.spelling import build_speller
from jobs.models.understanding.texts import Arrays
from lookup.understanding import arrays as stated
from lookup.understanding.interpreter import PARTS, Interpreter
from lookup.understanding.rewrites import Redirect
from tests import small_queries
from tests.small_queries import BRANDS, CATEGORIES

SHOP = Interpreter(small_queries.arrays(), small_queries.ANALYZER)


def test_every_part_of_a_query_is_understood_at_once() -> None:
    found = SHOP.interpret("Black bluetoth SPEAKER size XL under $50")
    assert found.typed == "black bluetoth speaker size xl under $50"
    assert found.text == "black bluetooth speaker size xl"
    assert found.corrected == (("bluetoth", "bluetooth"),)
    assert found.price is not None
    assert (found.price.high, found.price.currency) == (50, "USD")
    assert found.colours == ("black",)
    assert found.sizes == ("xl",)
    assert CATEGORIES[found.categories[0].row] == "audio"
    assert found.categories[0].probability > 0.8
    assert [token.text for token in found.tokens] == ["black", "bluetooth", "speaker", "size", "xl"]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_switched_off(part: str) -> None:
    text = "blue ridgid bluetoth tap size 8 under 50"
    fields = {
        "price": "price",
        "spelling": "corrected",
        "size": "sizes",
        "colour": "colours",
        "values": "values",
        "brand": "named_brands",
        "category": "categories",
        "synonyms": "synonyms",
    }
    text, field = ("returns", "redirect") if part == "redirect" else (text, fields[part])
    assert getattr(SHOP.interpret(text), field)
    assert not getattr(SHOP.interpret(text, without=[part]), field)
    for other in set(fields.values()) - {field, "corrected"}:
        assert getattr(SHOP.interpret(text), other) == getattr(SHOP.interpret(text, without=[part]), other) or part in (
            "price",
            "spelling",
        )


def test_an_unknown_part_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'colours'; there are redirect, price"):
        SHOP.interpret("saw", without=["colours"])


def test_a_misspelt_word_of_a_price_is_still_a_price() -> None:
    found = SHOP.interpret("kitchen faucet undr 50")
    assert found.price is not None
    assert found.price.high == 50
    assert found.text == "kitchen faucet"


def test_a_brand_is_named_where_its_words_stand_and_seldom_mean_something_else() -> None:
    found = SHOP.interpret("glacier bay faucet")
    assert found.brand is not None
    assert BRANDS[found.brand.row] == "Glacier Bay"
    assert BRANDS[found.brands[0].row] == "Glacier Bay"
    black = SHOP.interpret("black speaker")
    assert [BRANDS[one.row] for one in black.named_brands] == ["Black"]
    assert black.brand is None  # most of what has "black" in its title is of another brand


def test_categories_are_probabilities_and_unknown_words_mean_none() -> None:
    found = SHOP.interpret("saw fitting")
    assert CATEGORIES[found.categories[0].row] == "tools"
    assert sum(one.probability for one in found.categories) <= 1 + 1e-6
    assert SHOP.interpret("xqzwv").categories == ()


def test_synonyms_are_one_way_or_both_and_weigh_less_than_the_word() -> None:
    assert [(one.words, one.instead) for one in SHOP.interpret("earphones").synonyms] == [("earphones", "headphones")]
    assert SHOP.interpret("headphones").synonyms == ()
    assert [one.instead for one in SHOP.interpret("kitchen tap").synonyms] == ["faucet"]
    both = SHOP.interpret("kitchen faucet 8").synonyms
    assert [(one.instead, one.first, one.end) for one in both] == [("tap", 1, 2)]
    assert both[0].weight < 1
    assert [one.instead for one in SHOP.interpret("s.w.a.t. vest").synonyms] == ["police"]


def test_synonyms_are_those_of_the_corrected_word() -> None:
    assert [one.instead for one in SHOP.interpret("kitchen fuacet").synonyms] == ["tap"]


def test_words_that_the_shop_has_joined_only_are_looked_for_joined_too() -> None:
    found = SHOP.interpret("head phones wireless")
    assert found.corrected == (("head phones", "headphones"),)
    shop = Interpreter({**small_queries.arrays(), **joined_shop()}, small_queries.ANALYZER)
    found = shop.interpret("basket ball hoop")
    assert found.corrected == ()
    assert [(one.words, one.instead, one.first, one.end) for one in found.synonyms] == [
        ("basket ball", "basketball", 0, 2)
    ]
    assert shop.interpret("bedroom lamp").synonyms == ()


def joined_shop() -> Arrays:
    """A shop with a basketball, baskets, and balls."""
    titles = ["basketball hoop"] * 4 + ["laundry basket", "tennis ball", "bedroom lamp"] * 4
    return build_speller(titles, {}, small_queries.ANALYZER)


def test_redirects_need_the_whole_query() -> None:
    assert SHOP.interpret("RETURNS").redirect == Redirect("url", "https://shop.example/returns")
    assert SHOP.interpret("saws").redirect == Redirect("category", "tools")
    assert SHOP.interpret("cheap saws").redirect is None
    assert SHOP.interpret("saw").redirect is None


def test_values_of_declared_features_are_found_longest_first() -> None:
    found = SHOP.interpret("stainless steel kettle blue 42").values
    assert [(one.feature, one.value, one.words) for one in found] == [(0, 7, "stainless steel"), (1, 3, "blue")]


@pytest.mark.parametrize(
    ("text", "colours", "sizes"),
    [
        ("rotes hemd grösse 42", ("red",), ("42",)),
        ("robe noire taille 38", ("black",), ("38",)),
        ("gray shoes size 10 1/2", ("grey",), ("10 1/2",)),
        ("xxl shirt navy blue", ("navy", "blue"), ("xxl",)),
        ("m audio interface", (), ()),
        ("plus size dress", (), ()),
    ],
)
def test_colours_and_sizes(text: str, colours: tuple[str, ...], sizes: tuple[str, ...]) -> None:
    found = SHOP.interpret(text, without=["spelling"])
    assert (found.colours, found.sizes) == (colours, sizes)


def test_a_shop_that_learned_nothing_understands_prices_still() -> None:
    nothing = stated.empty((*stated.SPELLING, *stated.MEANING))
    found = Interpreter(nothing, small_queries.ANALYZER).interpret("red speaker under 50")
    assert found.price is not None
    assert found.colours == ("red",)
    assert (found.brands, found.categories, found.corrected, found.redirect) == ((), (), (), None)


@given(st.text(max_size=80))
def test_any_text_is_understood(text: str) -> None:
    found = SHOP.interpret(text)
    assert len(found.tokens) <= 64
    assert all(0 < one.probability <= 1 for one in (*found.brands, *found.categories))


@pytest.mark.parametrize("text", ["\ud800 saw", "saw" * 400_000, "'; DROP TABLE items; --", "(.*)+$", "\0\x07", " \t "])
def test_hostile_texts_are_understood(text: str) -> None:
    assert SHOP.interpret(text) is not None
