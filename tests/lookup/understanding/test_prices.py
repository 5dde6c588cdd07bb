"""The price that a query asks for, and what is no price."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.understanding.prices import Prices, amount

ENGLISH = Prices(("english",))
ALL = Prices(("english", "german", "french", "spanish"))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("bluetooth speaker under 50", None, 50),
        ("below $50", None, 50),
        ("laptop < 50", None, 50),
        ("<50 tv", None, 50),
        ("tv &lt; 500", None, 500),
        ("shoes 50 bucks", None, 50),
        ("up to $30 shirt", None, 30),
        ("under 1,299.50 laptop", None, 1299.5),
        ("under 1k", None, 1000),
        ("over 100", 100, None),
        ("at least 20 dollars", 20, None),
        ("between 20 and 30", 20, 30),
        ("between 30 and 20", 20, 30),
        ("$20-$30 shirt", 20, 30),
        ("from $20 to $30", 20, 30),
        ("20 to 30 dollars", 20, 30),
        ("20-30 €", 20, 30),
        ("around 50 dollars", 40, 60),
        ("24 inch monitor under 200", None, 200),
        ("5.1 speakers under 300", None, 300),
        ("pack of 3 under 20", None, 20),
        ("$50 headphones", None, 50),
        ("headphones $50 and up", 50, None),
        ("headphones $50+", 50, None),
        ("headphones 50 dollars or less", None, 50),
    ],
)
def test_prices_in_english(text: str, low: float | None, high: float | None) -> None:
    found = ENGLISH.find(text)
    assert found is not None
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Lampe unter 50 Euro", None, 50),
        ("lampe bis 50 €", None, 50),
        ("unter 1.299,50 €", None, 1299.5),
        ("höchstens 30 EUR", None, 30),
        ("über 100", 100, None),
        ("zwischen 20 und 30", 20, 30),
        ("von 20 bis 30 Euro", 20, 30),
        ("ca. 50 €", 40, 60),
        ("lampe unter 49,-", None, 49),
        ("lampe ab 49,- €", 49, None),
        ("lampe 50 euro oder mehr", 50, None),
        ("lampe moins de 50", None, 50),
        ("entre 20 et 30 euros", 20, 30),
        ("à partir de 20 €", 20, None),
        ("lámpara menos de 50", None, 50),
        ("entre 20 y 30", 20, 30),
        ("hasta 50 €", None, 50),
    ],
)
def test_prices_in_other_languages(text: str, low: float | None, high: float | None) -> None:
    found = ALL.find(text)
    assert found is not None
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        "under armour",
        "under desk light",
        "over the range microwave",
        "50 inch tv",
        'tv under 50"',
        "under 50 inch",
        "under 5 kg",
        "over 40lbs",
        "under 20 ft",
        "windows 10",
        "iphone 12",
        "4 x 6 frame",
        "under 4 x 6",
        "20-30",
        "6204-2rs",
        "under 6204-2rs",
        "100-240v",
        "vitamins for women over 50",
        "toys for kids under 5",
        "puzzle over 1000 pieces",
        "from 2 to 4 years",
        "bis 12 jahre",
        "spiel ab 18",
        "moins de 3 ans",
        "under 100%",
        "heater over 500 square feet",
        "bike under 20 mph",
        "under 3.5mm",
        "usb 2-in-1",
        "$100 gift card",
        "50 dollar bill",
        "up to 12",
        "between 20 and 30 inches",
        "under",
        "$",
        "under $",
        "under 99999999999999999999",
        "",
    ],
)
def test_what_is_no_price(text: str) -> None:
    assert ALL.find(text) is None


def test_a_price_says_its_words_and_currency() -> None:
    found = ENGLISH.find("Speaker UNDER €50 black")
    assert found is not None
    assert (found.words, found.currency) == ("under €50", "EUR")
    assert "speaker under €50 black"[found.start : found.end] == "under €50"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,299.50", 1299.5), ("1.299,50", 1299.5), ("49,99", 49.99), ("1.5k", 1500), ("1.000", 1000), ("0.5", 0.5)],
)
def test_numbers_of_either_style(text: str, value: float) -> None:
    assert amount(text) == value


@given(st.text(max_size=60) | st.text("0123456789 $€<>-.,kunder between and", max_size=40))
def test_any_text_is_answered_in_order(text: str) -> None:
    found = ALL.find(text)
    if found is not None and found.low is not None and found.high is not None:
        assert found.low <= found.high


def test_a_megabyte_is_answered() -> None:
    assert ALL.find("9" * 1_000_000) is None
    assert ALL.find("under " * 200_000 + "50") is None
