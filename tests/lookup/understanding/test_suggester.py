"""Completions of prefixes, in a small shop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.understanding.suggestions import SuggestedText, build_suggestions
from lookup.text.normalise import normalise
from lookup.understanding import arrays as stated
from lookup.understanding.completions import DISTINCT, begins_with_slip, one_slip
from lookup.understanding.suggester import MOST, Suggester
from tests import small_queries

SHOP = Suggester(small_queries.arrays())


def texts(prefix: str, **given: object) -> list[str]:
    """The completions' texts."""
    return [one.text for one in SHOP.suggest(prefix, **given)]  # type: ignore[arg-type]


def test_completions_are_of_every_kind_the_best_first() -> None:
    found = SHOP.suggest("", k=MOST)
    assert found[0].text == "bluetooth speaker"
    assert [one.score for one in SHOP.suggest("", k=4)] == sorted((one.score for one in found), reverse=True)[:4]
    assert {one.kind for one in found} == {"query", "category", "brand", "item"}


def test_a_prefix_begins_a_text_or_any_word_of_it_but_nothing_inside_a_word() -> None:
    assert texts("speak")[0] == "bluetooth speaker"
    assert "Bluetooth headphones wireless model 1" in texts("headph", k=20)
    assert all(one.corrected for one in SHOP.suggest("peaker"))
    assert texts("eaker") == []
    assert texts("blue")[0] == "bluetooth speaker"  # before "Blue kettle": more popular
    assert "Blue kettle 1.7 l" in texts("blue", k=20)


def test_what_begins_with_the_prefix_comes_before_what_has_it_further_on() -> None:
    made = [SuggestedText("case tv", "query", -1, 10.0), SuggestedText("tv stand", "query", -1, 9.0)]
    shop = Suggester(build_suggestions(made, small_queries.ANALYZER))
    assert [one.text for one in shop.suggest("tv")] == ["tv stand", "case tv"]


def test_a_blank_ends_the_word() -> None:
    assert texts("blue ", k=1) == ["Blue kettle 1.7 l"]


def test_words_may_come_in_another_order() -> None:
    assert texts("faucet kitch", k=2)[0] == "kitchen faucet"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("blutooth", "bluetooth speaker"),
        ("bluetoht", "bluetooth speaker"),
        ("bluettooth sp", "bluetooth speaker"),
        ("bluetooth spk", "bluetooth speaker"),
        ("bluetooth spaek", "bluetooth speaker"),
        ("nluetooth", "bluetooth speaker"),
        ("speeker", "bluetooth speaker"),
        ("kitchen fauset", "kitchen faucet"),
        ("mcro", "microwave"),
        ("mixr", "microwave"),
        ("ridgd", "ridgid saw"),
    ],
)
def test_one_letter_may_be_wrong(typed: str, meant: str) -> None:
    found = SHOP.suggest(typed)
    assert meant in [one.text for one in found]
    assert all(one.corrected for one in found)


def test_a_wrong_digit_is_not_corrected() -> None:
    assert texts("qe55") == ["电视 Samsung QE55"]
    assert texts("qe56") == []


def test_an_exact_completion_comes_before_a_corrected_one() -> None:
    made = [SuggestedText("brain", "query", -1, 1.0), SuggestedText("brinjal", "query", -1, 50.0)]
    shop = Suggester(build_suggestions(made, small_queries.ANALYZER))
    assert [(one.text, one.corrected) for one in shop.suggest("brain")] == [("brain", False), ("brinjal", True)]


def test_characters_of_chinese_begin_a_word() -> None:
    assert texts("电") == texts("电视") == texts("电视 sam") == ["电视 Samsung QE55"]


def test_blocked_items_are_never_offered_and_others_take_their_places() -> None:
    made = [SuggestedText(f"speaker {n}", "item", n, 5000.0 - n) for n in range(2 * DISTINCT)]
    shop = Suggester(build_suggestions(made, small_queries.ANALYZER))
    assert [one.row for one in shop.suggest("speak", k=3)] == [0, 1, 2]
    blocked = b"\1" * (2 * DISTINCT - 2)
    assert [one.row for one in shop.suggest("speak", k=3, blocked=blocked)] == [2 * DISTINCT - 2, 2 * DISTINCT - 1]
    assert [one.row for one in shop.suggest("speeker", k=3, blocked=b"\1\0\1")] == [1, 3, 4]


def test_kinds_are_chosen() -> None:
    assert [one.kind for one in SHOP.suggest("", k=20, kinds=["brand"])] == ["brand"] * 4
    with pytest.raises(ValueError, match="kind"):
        SHOP.suggest("", kinds=["brands"])


@pytest.mark.parametrize("k", [0, -1, MOST + 1])
def test_k_has_bounds(k: int) -> None:
    with pytest.raises(ValueError, match="k is 1 to"):
        SHOP.suggest("a", k=k)


def test_equal_texts_of_one_kind_are_shown_once() -> None:
    made = [SuggestedText("Sony speaker", "item", row, 1.0) for row in range(5)]
    shop = Suggester(
        build_suggestions([*made, SuggestedText("sony SPEAKER", "query", -1, 1.0)], small_queries.ANALYZER)
    )
    assert [(one.text, one.kind) for one in shop.suggest("sony")] == [
        ("sony SPEAKER", "query"),
        ("Sony speaker", "item"),
    ]
    assert [one.row for one in shop.suggest("sony", kinds=["item"], blocked=b"\1\1\0\0\0")] == [2]


def test_a_shop_without_suggestions_has_none() -> None:
    for arrays in (stated.empty(stated.SUGGESTIONS), build_suggestions([], small_queries.ANALYZER)):
        shop = Suggester(arrays)
        assert shop.suggest("") == shop.suggest("speaker") == shop.suggest("sony speaker") == []


def test_a_megabyte_costs_no_more_than_its_beginning() -> None:
    assert texts("bluetooth speaker" + " " * 1_000_000) == texts("bluetooth speaker ")
    assert texts("x" * 1_000_000) == []


@given(st.text(max_size=30) | st.text("bluetohspkr 62.-电视", max_size=20))
def test_any_prefix_is_answered_with_texts_that_have_it(prefix: str) -> None:
    found = SHOP.suggest(prefix)
    assert len(found) <= 8
    assert found == SHOP.suggest(prefix)
    for one in found:
        words = normalise(prefix).split(" ")
        assert one.corrected or all(word in normalise(one.text) for word in words)


PAIRS = st.tuples(st.text("abc1", max_size=6), st.text("abc1", max_size=6))


@given(PAIRS)
def test_a_prefix_with_a_slip_is_one_slip_away_from_a_beginning(pair: tuple[str, str]) -> None:
    text, prefix = pair
    near = any(one_slip(prefix, text[:n]) for n in range(len(text) + 1))
    if begins_with_slip(text, prefix):
        assert near
    elif near and "1" not in text + prefix:
        assert text.startswith(prefix) or begins_with_slip(text, prefix)
