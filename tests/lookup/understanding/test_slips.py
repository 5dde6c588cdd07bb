"""The cost of having typed one text for another."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.understanding.spelling.slips import (
    DEFAULT_COSTS,
    EXTRA,
    EXTRA_BLANK,
    EXTRA_DOUBLE,
    FIRST,
    MISSING,
    MISSING_BLANK,
    MISSING_DOUBLE,
    MISSING_VOWEL,
    NEIGHBOUR,
    OTHER,
    SOUND,
    SWAPPED,
    VOWEL,
    SlipCosts,
)

SLIPS = SlipCosts()
WORDS = st.text("abcde ", max_size=7)


@pytest.mark.parametrize(
    ("typed", "meant", "kinds"),
    [
        ("speaker", "speaker", ()),
        ("spelker", "speaker", (OTHER,)),
        ("speajer", "speaker", (NEIGHBOUR,)),
        ("speeker", "speaker", (VOWEL,)),
        ("speacer", "speaker", (SOUND,)),
        ("speaer", "speaker", (MISSING,)),
        ("colated", "collated", (MISSING_DOUBLE,)),
        ("spaker", "speaker", (MISSING_VOWEL,)),
        ("speahker", "speaker", (EXTRA,)),
        ("speakker", "speaker", (EXTRA_DOUBLE,)),
        ("speakre", "speaker", (SWAPPED,)),
        ("pvcsch", "pvc sch", (MISSING_BLANK,)),
        ("micro wave", "microwave", (EXTRA_BLANK,)),
        ("apeaker", "speaker", (NEIGHBOUR, FIRST)),
        ("new apeaker", "new speaker", (NEIGHBOUR, FIRST)),
        ("spaekker", "speaker", (SWAPPED, EXTRA_DOUBLE)),
    ],
)
def test_each_kind_of_slip_has_its_cost(typed: str, meant: str, kinds: tuple[int, ...]) -> None:
    total = pytest.approx(sum(DEFAULT_COSTS[kind] for kind in kinds))
    assert SLIPS.cost(typed, meant) == SLIPS.of_few(typed, meant, 2) == total


def test_digits_are_never_a_slip() -> None:
    for typed, meant in (
        ("6204", "6205"),
        ("6204", "620"),
        ("620", "6204"),
        ("a1", "ab"),
        ("62040", "6204"),
        ("12", "21"),
    ):
        assert SLIPS.cost(typed, meant) == inf


def test_above_the_limit_nothing_is_measured_further() -> None:
    cost = SLIPS.cost("speeker", "speaker")
    assert SLIPS.cost("speeker", "speaker", cost) == cost
    assert SLIPS.cost("speeker", "speaker", cost - 0.1) == inf


def plain(typed: str, meant: str) -> float:
    """Edits by the textbook's recursion: all cost 1, swaps too."""
    table = [[0.0] * (len(meant) + 1) for _ in range(len(typed) + 1)]
    for i in range(len(typed) + 1):
        for j in range(len(meant) + 1):
            if i == 0 or j == 0:
                table[i][j] = i + j
                continue
            same = typed[i - 1] == meant[j - 1]
            table[i][j] = min(
                table[i - 1][j - 1] + (0 if same else 1 if " " not in (typed[i - 1], meant[j - 1]) else inf),
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
            )
            pair = typed[i - 2 : i]
            if i > 1 and j > 1 and pair == meant[j - 2 : j][::-1] and " " not in pair:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(WORDS, WORDS)
def test_with_equal_costs_it_is_the_distance_of_the_textbook(typed: str, meant: str) -> None:
    equal = SlipCosts([1.0] * FIRST + [0.0])
    assert equal.cost(typed, meant, band=10) == plain(typed, meant)


@given(WORDS, WORDS, st.integers(0, 3))
def test_by_few_slips_it_is_the_same_where_few_are_enough(typed: str, meant: str, slips: int) -> None:
    equal = SlipCosts([1.0] * FIRST + [0.0])
    distance = plain(typed, meant)
    assert equal.of_few(typed, meant, slips) == (distance if distance <= slips else inf)


@given(st.text(max_size=12), st.text(max_size=12))
def test_it_never_raises_and_is_0_for_equal_texts_alone(typed: str, meant: str) -> None:
    assert (SLIPS.cost(typed, meant) == 0) == (typed == meant)
