"""Spelling of whole queries, in a small shop."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.understanding.spelling import build_speller
from lookup.understanding import arrays as stated
from lookup.understanding.spelling.speller import LONGEST_QUERY, Speller
from tests import small_queries

SPELLER = Speller(small_queries.arrays(), small_queries.ANALYZER)


def corrected(text: str) -> str:
    """The query that was meant, or the typed one."""
    found = SPELLER.correct(text)
    return text if found is None else found.text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("bluetoth speker", "bluetooth speaker"),
        ("BLUETOOHT Speaker", "bluetooth speaker"),
        ("portable speaker bluetotoh", "portable speaker bluetooth"),
        ("micro wave", "microwave"),
        ("windowair conditioner", "window air conditioner"),
        ("pvcsch 40", "pvc sch 40"),
        ("kichen fawcet", "kitchen faucet"),
        ("8 inch kitchn faucet!", "8 inch kitchen faucet!"),
        ("stainles steel microwave", "stainless steel microwave"),
        ("windowairconditioner", "window air conditioner"),
        ("MiterSawRidgid", "miter saw ridgid"),
        ("compoundmiter saw", "compound miter saw"),
    ],
)
def test_misspelt_queries_become_what_was_meant(typed: str, meant: str) -> None:
    assert corrected(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "ridgid saw",  # a brand that looks like a misspelt word
        "rigid pipe",
        "6204-2RS",
        "6204",
        "6024-2rs bearing",
        "bluetooth speaker 16gb",
        "pipe 1/2",
        "005",
        "24/7",
        "tn-2110",
        "speakers",  # the plural of a known word
        "kitchen faucet",
        "xqzwv",
        "asdfjklafjdlkasjfklads",
        "xyz-123",
        "2001 bluetooth",
        "电视",
        "of",
        "!!!",
        "",
    ],
)
def test_what_is_right_or_no_word_stays(text: str) -> None:
    assert SPELLER.correct(text) is None


def test_a_correction_says_what_changed_and_how_sure_it_is() -> None:
    found = SPELLER.correct("black bluetoth speeker 5 w")
    assert found is not None
    assert found.changes == (("bluetoth", "bluetooth"), ("speeker", "speaker"))
    assert found.text == "black bluetooth speaker 5 w"
    assert found.gain > 0


def test_numbers_beside_a_misspelt_word_are_kept_even_where_a_known_query_has_others() -> None:
    assert corrected("pvc shc 70") == "pvc sch 70"
    assert corrected("pvc shc 80") == "pvc sch 80"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("калонка bluetooth", "колонка bluetooth"),
        ("наушнеки", "наушники"),
        ("waschmaschiene", "waschmaschine"),
        ("Kühlschank", "kuhlschrank"),
        ("kaffe maschine", "kaffeemaschine"),
        ("samsng 电视", "samsung 电视"),
        ("电视samsng", "电视samsung"),
    ],
)
def test_other_languages_and_scripts(typed: str, meant: str) -> None:
    titles = [
        *["Колонка bluetooth портативная", "Стиральная машина 6 кг", "Наушники беспроводные"] * 5,
        *["Waschmaschine 8 kg", "Kaffeemaschine schwarz", "Kühlschrank groß", "电视 samsung"] * 5,
    ]
    found = Speller(build_speller(titles, {}, small_queries.ANALYZER), small_queries.ANALYZER).correct(typed)
    assert found is not None
    assert found.text == meant


def test_words_beside_it_decide_between_two_candidates() -> None:
    titles = ["steel cable black"] * 30 + ["kitchen table oak"] * 30
    speller = Speller(build_speller(titles, {}, small_queries.ANALYZER), small_queries.ANALYZER)
    for typed, meant in ("steel xable black", "steel cable black"), ("kitchen xable oak", "kitchen table oak"):
        found = speller.correct(typed)
        assert found is not None
        assert found.text == meant


def test_a_rare_known_word_gives_way_only_to_overwhelming_context() -> None:
    titles = ["bluetooth speaker loud"] * 300 + ["blutooth thing"] + ["speaked word poem"]
    speller = Speller(build_speller(titles, {}, small_queries.ANALYZER), small_queries.ANALYZER)
    found = speller.correct("blutooth speaker")
    assert found is not None
    assert found.text == "bluetooth speaker"
    assert speller.correct("blutooth thing") is None
    assert speller.correct("speaked word") is None


def test_candidates_of_a_word_come_with_how_likely_each_is_beside_the_best() -> None:
    best, *others = SPELLER.candidates("speeker")
    assert best == ("speaker", 0.0)
    assert all(log <= 0 for _, log in others)
    assert SPELLER.candidates("") == []


def test_a_shop_without_words_corrects_nothing() -> None:
    for arrays in (stated.empty(stated.SPELLING), build_speller([], {}, small_queries.ANALYZER)):
        assert Speller(arrays, small_queries.ANALYZER).correct("bluetoth speker") is None


def test_long_texts_are_left_as_they_are() -> None:
    assert SPELLER.correct("bluetoth " * LONGEST_QUERY) is None
    assert SPELLER.correct("bluetoth" * 1_000_000) is None


@given(st.text(max_size=60) | st.text("bluetohspkr 0123-/' ", max_size=40))
def test_any_text_is_answered_and_a_correction_is_a_fixed_point(text: str) -> None:
    found = SPELLER.correct(text)
    if found is not None:
        digits = [[one for one in each if one in "0123456789"] for each in (found.text, text)]
        assert digits[0] == digits[1] or not text.isascii()
        again = SPELLER.correct(found.text)
        assert again is None or again.gain > 0


def made(titles: list[str], **more: Any) -> Speller:
    """The speller of a shop that has no query log."""
    return Speller(build_speller(titles, {}, small_queries.ANALYZER, **more), small_queries.ANALYZER)


def test_a_wrong_first_letter_and_a_first_word_that_begins_no_title_are_corrected() -> None:
    speller = made(["Acme camera black", "Acme camera case", "Zenith printer"] * 40)
    for typed, meant in ("namera", "camera"), ("grinter", "printer"), ("bprinter", "printer"):
        found = speller.correct(typed)
        assert found is not None
        assert found.text == meant


def test_words_of_descriptions_are_known_unless_they_are_there_once() -> None:
    titles = ["Acme in-ear set", "Acme charger"] * 20
    assert made(titles).correct("eparbuds") is None
    found = made(titles, indexed={"earbuds": 20.0, "eparbuds": 1.0}).correct("eparbuds")
    assert found is not None
    assert found.text == "earbuds"


def test_a_word_of_the_language_stays_though_the_shop_lacks_it() -> None:
    titles = ["outer shell", "plush family", *(f"thing {place}" for place in "abcdefghij" * 30)] * 10
    assert made(titles).correct("otter family") is not None
    assert made(titles, language=["otter"]).correct("otter family") is None


def test_a_known_word_beside_none_of_its_neighbours_gives_way_to_one_that_is() -> None:
    titles = ["car jump starter"] * 60 + ["water pump"] * 3 + [f"thing {word}" for word in ("a", "b", "c")] * 1500
    found = made(titles).correct("car pump starter")
    assert found is not None
    assert found.text == "car jump starter"
    assert made(titles).correct("water pump") is None


def test_what_a_misspelt_word_may_have_been_as_well_is_guessed() -> None:
    speller = made(["steel lock", "oak lot"] * 40)
    reading = speller.read("lotk")
    words = {reading.correction.text if reading.correction else "lotk"}
    words |= {guess.instead for guess in reading.guesses}
    assert {"lock", "lot"} <= words
    assert all(0 < guess.weight < 1 for guess in reading.guesses)
    assert speller.read("lock").guesses == ()


def test_a_last_word_is_corrected_unless_it_more_likely_begins_another() -> None:
    speller = made(["power bank", "power bank slim"] * 40)
    assert speller.correct("power bak", {"bak": 0.0}) is None
    assert speller.correct("power bak", {"bak": -1.0}) is None
    found = speller.correct("power bak", {"bak": -12.0})
    assert found is not None
    assert found.text == "power bank"
