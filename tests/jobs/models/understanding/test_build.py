"""Everything that a release knows about queries, as its arrays."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jobs.models.understanding.build import QuerySources, build_understanding, without_misspelt
from jobs.models.understanding.spelling import build_speller
from lookup.keys import Keys
from lookup.understanding.arrays import MEANING, SPELLING, SUGGESTIONS, StatedArray, empty
from lookup.understanding.spelling.near_words import NearWords
from lookup.understanding.spelling.slips import DEFAULT_COSTS
from lookup.understanding.spelling.speller import Speller
from lookup.understanding.suggester import Suggester
from tests import small_queries

NOTHING = QuerySources(
    titles=[],
    category=np.zeros(0, np.int32),
    brand=np.zeros(0, np.int32),
    popularity=np.zeros(0, np.float32),
    categories=[],
    brands=[],
)


@pytest.mark.parametrize("sources", [small_queries.SOURCES, NOTHING], ids=["a small shop", "a shop with nothing"])
@pytest.mark.parametrize("stated", [SPELLING, MEANING, SUGGESTIONS], ids=["spelling", "meaning", "suggestions"])
def test_the_arrays_are_those_that_are_stated(sources: QuerySources, stated: tuple[StatedArray, ...]) -> None:
    made = build_understanding(sources, small_queries.ANALYZER)
    sizes: dict[str, int] = {}
    for one in stated:
        array = made[one.name]
        assert array.dtype == one.dtype, one.name
        assert array.ndim == len(one.shape), one.name
        for letter, size in zip(one.shape, array.shape, strict=True):
            if letter.isdigit():
                assert size == int(letter), one.name
            elif letter != "*":
                known = sizes.setdefault(letter[0], size - int(letter[2:] or 0))
                assert size == known + int(letter[2:] or 0), one.name


def test_nothing_more_is_made_than_stated() -> None:
    stated = {one.name for one in (*SPELLING, *MEANING, *SUGGESTIONS)}
    assert set(small_queries.arrays()) == stated == set(empty((*SPELLING, *MEANING, *SUGGESTIONS)))


def test_two_nights_make_the_same() -> None:
    again = build_understanding(small_queries.SOURCES, small_queries.ANALYZER)
    for name, array in small_queries.arrays().items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


def test_words_after_a_word_and_words_alone_are_probabilities() -> None:
    made = small_queries.arrays()
    alone = np.exp(made["spell_word_log"].astype(np.float64))
    assert alone.sum() == pytest.approx(1, abs=1e-4)
    left, right = made["spell_pairs"] >> np.uint64(32), made["spell_pairs"] & np.uint64(0xFFFFFFFF)
    seen = np.exp(made["spell_pair_log"].astype(np.float64))
    for row in set(left.tolist()):
        its = left == row
        rest = np.exp(np.float64(made["spell_word_backoff"][row])) * (1 - alone[right[its].astype(int)].sum())
        assert seen[its].sum() + rest == pytest.approx(1, abs=1e-3)
    letters = np.exp(made["spell_letter_log"].astype(np.float64)).sum(2)
    np.testing.assert_allclose(letters, 1, atol=1e-4)


def test_misspelt_searches_count_for_what_was_meant() -> None:
    asked = {
        "bluetooth speaker": 40.0,
        "Bluetoth speaker": 5.0,
        "ridgyd saw": 90.0,
        "ridgid saw": 12.0,
        "hdx": 3.0,
    }
    sources = replace(small_queries.SOURCES, queries=asked)
    assert without_misspelt(sources, small_queries.ANALYZER, DEFAULT_COSTS) == {
        "bluetooth speaker": 45.0,
        "ridgyd saw": 90.0,  # more frequent than what it might be
        "ridgid saw": 12.0,
        "hdx": 3.0,
    }


def test_what_few_people_searched_for_is_shown_to_others_only_in_words_of_the_catalogue() -> None:
    asked = {"wilhelmina 12 mill lane": 1.0, "0151 2345678": 2.0, "black speaker": 1.0, "zanzibar": 9.0}
    sources = replace(small_queries.SOURCES, queries=asked, personal={"Wilhelmina  12 mill lane", *list(asked)[1:3]})
    assert without_misspelt(sources, small_queries.ANALYZER, DEFAULT_COSTS) == {"black speaker": 1.0, "zanzibar": 9.0}
    made = build_understanding(sources, small_queries.ANALYZER)
    assert [one.text for one in Suggester(made).suggest("wilh")] == []
    assert Speller(made, small_queries.ANALYZER).correct("wilhelmine 12 mill lane") is None


def test_nothing_is_corrected_to_the_name_of_a_colour_that_the_shop_does_not_have() -> None:
    speller = Speller(small_queries.arrays(), small_queries.ANALYZER)
    assert speller.knows("jaune")
    assert speller.correct("jane speaker") is None
    found = speller.correct("blak speaker")
    assert found is not None
    assert found.text == "black speaker"


WORDS = ["bluetooth", "speaker", "kitchen", "saw", "pipe", "refrigerator", "conditioner", "äußerst"]
NEAR = NearWords(build_speller(WORDS, {}, small_queries.ANALYZER))


@given(st.data())
def test_every_word_within_its_edits_is_found(data: st.DataObject) -> None:
    """All edits in the first seven letters, so that no other word of the shop lies nearer."""
    word = data.draw(st.sampled_from(WORDS[:-1]))
    typed = word
    edits = 2 if len(word) >= 6 else 1
    for _ in range(edits):
        at = data.draw(st.integers(0, min(len(typed), 7) - 1))
        kind = data.draw(st.sampled_from(["drop", "add", "swap", "replace"]))
        letter = data.draw(st.sampled_from("aeqz"))
        typed = {
            "drop": typed[:at] + typed[at + 1 :],
            "add": typed[:at] + letter + typed[at:],
            "swap": typed[:at] + typed[at : at + 2][::-1] + typed[at + 2 :],
            "replace": typed[:at] + letter + typed[at + 1 :],
        }[kind]
    assert word in [NEAR.words.id(row) for row in NEAR.near(typed, edits)]


def test_accents_do_not_matter() -> None:
    assert [NEAR.words.id(row) for row in NEAR.near("ausserst", 1)] == ["ausserst"]


def queries(made: dict[str, NDArray[Any]]) -> list[str]:
    """The known queries."""
    keys = Keys(made["spell_queries_hash"], made["spell_queries_offsets"], made["spell_queries_bytes"])
    return [keys.id(row) for row in range(len(keys))]


def test_queries_are_known_once_normalised_and_without_those_never_searched() -> None:
    made = build_speller(
        [], {"Blue  KETTLE": 2, "blue kettle": 1, "": 5, "never": 0, "x" * 500: 1}, small_queries.ANALYZER
    )
    assert queries(made) == ["blue kettle"]
    assert np.exp(made["spell_query_log"][0]) == pytest.approx(1)
