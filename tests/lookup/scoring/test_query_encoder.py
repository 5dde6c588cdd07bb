"""The static query encoder: its tokens, and its vectors against the formula written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup import ReleaseError
from lookup.keys import build, hash_id
from lookup.scoring.query_encoder import (
    ARRAYS,
    LONGEST_WORD,
    MOST_WORDS,
    QueryEncoder,
    piece_rows,
    token_rows,
)

TOKENS = ["head", "headphone", "phone", "##phone", "##s", "##z", "wireless", "wireless headphone", "日", "##本"]
PLACES = {token: row for row, token in enumerate(TOKENS)}
CODES = np.arange(-15, 15, dtype=np.int8).reshape(len(TOKENS), 3)
SCALES = np.linspace(0.1, 1.0, len(TOKENS)).astype(np.float32)


def find(token: str) -> int:
    return PLACES.get(token, -1)


def encoder_arrays() -> dict[str, np.ndarray]:
    order = sorted(range(len(TOKENS)), key=lambda row: hash_id(TOKENS[row].encode()))
    return dict(zip(ARRAYS, (*build(TOKENS), CODES[order], SCALES[order]), strict=True))


ENCODER = QueryEncoder.of(encoder_arrays())


def named(*tokens: str) -> list[int]:
    return [PLACES[token] for token in tokens]


def test_an_unknown_word_is_its_longest_pieces() -> None:
    assert piece_rows("headphonez", find) == named("headphone", "##z")
    assert piece_rows("headsphone", find) == named("head", "##s", "##phone")
    assert piece_rows("日本", find) == named("日", "##本")
    assert piece_rows("qheads", find) == named("##s")  # q, h, e, a and d begin nothing within a word
    assert piece_rows("", find) == []


def test_words_come_in_order_and_then_known_pairs() -> None:
    found = token_rows(["wireless", "headphone", "headphonez"], find)
    assert found == named("wireless", "headphone", "headphone", "##z", "wireless headphone")


def test_a_vector_is_the_unit_sum_of_its_tokens() -> None:
    rows = named("wireless", "headphone", "##z")
    summed = (SCALES[rows, None] * CODES[rows]).sum(axis=0)
    found = ENCODER.vector(["wireless", "headphonez"])
    np.testing.assert_allclose(found, summed / np.linalg.norm(summed), rtol=1e-5)
    assert found.dtype == np.float32
    assert ENCODER.dimensions == 3


def test_of_nothing_known_the_vector_is_zeros() -> None:
    for words in ([], ["xyq"], ["\ud800"], [" "]):
        np.testing.assert_array_equal(ENCODER.vector(words), np.zeros(3))


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=8))
def test_any_words_give_a_vector_of_length_one_or_zeros(words: list[str]) -> None:
    length = float(np.linalg.norm(ENCODER.vector(words)))
    assert length == 0 or abs(length - 1) < 1e-5


def test_long_queries_and_words_are_bounded() -> None:
    asked = []

    def counted(token: str) -> int:
        asked.append(token)
        return -1

    token_rows(["x" * 10_000] * 10_000, counted)
    assert len(asked) < MOST_WORDS * (LONGEST_WORD * 20 + 2)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    good = encoder_arrays()
    with pytest.raises(ReleaseError, match="needs query_token_scale"):
        QueryEncoder.of({name: array for name, array in good.items() if name != "query_token_scale"})
    for name, wrong in (
        ("query_token_code", CODES[:-1]),
        ("query_token_code", CODES.astype(np.float32)),
        ("query_token_scale", SCALES[:-1]),
        ("query_token_offsets", good["query_token_offsets"][:-1]),
    ):
        with pytest.raises(ReleaseError, match="a query encoder of 10 tokens needs"):
            QueryEncoder.of(good | {name: wrong})
