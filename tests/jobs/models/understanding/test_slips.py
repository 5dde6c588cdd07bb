"""What slips cost, learned from pairs."""

import pytest

from jobs.models.understanding.slips import Searched, aligned, learn_costs, typos_of
from lookup.understanding.spelling.slips import (
    DEFAULT_COSTS,
    EXTRA_DOUBLE,
    MISSING,
    MISSING_BLANK,
    OTHER,
    SWAPPED,
    SlipCosts,
)


@pytest.mark.parametrize(
    ("typed", "meant", "slips"),
    [
        ("speaker", "speaker", []),
        ("speakre", "speaker", [(SWAPPED, False)]),
        ("pvcsch 40", "pvc sch 40", [(MISSING_BLANK, False)]),
        ("lpeaker", "speaker", [(OTHER, True)]),
        ("6204", "6205", None),
    ],
)
def test_pairs_are_aligned_by_their_cheapest_slips(
    typed: str, meant: str, slips: list[tuple[int, bool]] | None
) -> None:
    assert aligned(typed, meant, DEFAULT_COSTS) == slips


def test_without_pairs_the_defaults_stay() -> None:
    assert learn_costs([]) == pytest.approx(DEFAULT_COSTS, abs=1e-6)


def test_slips_that_this_shop_sees_often_become_cheap() -> None:
    pairs = [("bluetoooth speaker", "bluetooth speaker"), ("kitcheen faucet", "kitchen faucet")] * 100
    learned = learn_costs(pairs)
    assert learned[EXTRA_DOUBLE] < DEFAULT_COSTS[EXTRA_DOUBLE] - 1
    assert learned[MISSING] > DEFAULT_COSTS[MISSING]
    assert SlipCosts(learned).cost("toool", "tool") < SlipCosts().cost("toool", "tool")


def test_pairs_that_are_no_misspellings_teach_nothing() -> None:
    pairs = [("washing machine", "dish soap"), ("6204", "6205"), ("", "saw")] * 50
    assert learn_costs(pairs) == pytest.approx(DEFAULT_COSTS, abs=1e-6)


def test_what_a_user_types_again_at_once_with_a_click_is_what_was_meant() -> None:
    searches = [
        Searched("1", 130.0, "bluetooth speaker", True),
        Searched("1", 100.0, "Bluetoth speaker", False),
        Searched("2", 100.0, "kichen faucet", False),
        Searched("2", 900.0, "kitchen faucet", True),  # much later
        Searched("3", 100.0, "kichen faucet", True),  # found what it was after
        Searched("3", 110.0, "kitchen faucet", True),
        Searched("4", 100.0, "saw", False),
        Searched("4", 110.0, "washing machine", True),  # something else
        Searched("5", 100.0, "kichen faucet", False),
        Searched("6", 110.0, "kitchen faucet", True),  # somebody else
    ]
    assert typos_of(searches) == [("bluetoth speaker", "bluetooth speaker")]
