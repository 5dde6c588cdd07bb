"""The score parameters against their formulas, written out."""

import dataclasses

import numpy as np
import pytest

from lookup import ReleaseError, UserEncoder
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows

TWO = ScoreParameters(
    UserEncoder(half_lives=(2.0, float("inf")), mix=((1.0, 0.0), (0.25, 0.75)), widths=(2, 1)),
    transition_mix=(0.5, 0.5),
    transition_power=1.0,
    repeat_mix=(1.0, 0.5),
    repeat_weight=3.0,
    kept_share=0.25,
    kept_next=0.5,
)


@pytest.mark.parametrize(
    ("power", "expected"), [(0.0, [1.0, 1.5]), (1.0, [0.4, 0.6]), (0.5, [0.4**0.5, 1.5 / 2.5**0.5])]
)
def test_shares_of_the_transitions(power, expected):
    parameters = dataclasses.replace(TWO, transition_power=power)
    found = parameters.transition_shares(np.array([0.0, 2.0]), np.array([1.0, 2.0]))  # weigh 1 and 2 * (1/4 + 1/2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert parameters.transition_shares(np.zeros(0), np.zeros(0)).shape == (0,)


def test_shares_of_the_repeats():
    found = TWO.repeat_shares(np.array([0.0, 2.0, -1.0]), np.array([1.0, 2.0, 3.0]))
    # 1 * (1 + 1/2), 2 * (1/2 + 1/2), and an age below 0 as 0: 3 * (1 + 1/2). They need not add up to anything.
    np.testing.assert_allclose(found, [1.5, 2.0, 4.5], rtol=1e-6)
    assert found.dtype == np.float32
    assert TWO.repeat_shares(np.zeros(0), np.zeros(0)).shape == (0,)


def test_what_a_history_adds_to_scores():
    rows = np.array([4, 1, 4], dtype=np.int32)  # item 4 twice
    next_items = np.array([[7, 1, -1], [4, -1, -1], [7, 1, -1]], dtype=np.int32)
    next_weights = np.array([[2.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [2.0, 1.0, 0.0]], dtype=np.float32)
    shares, repeats = np.array([0.5, 2.0, 0.25], dtype=np.float32), np.array([0.75, 3.0, 0.25], dtype=np.float32)
    item_repeat = np.array([0.5, -1.0, 0.5], dtype=np.float32)
    transitions, scores = (
        TransitionRows(next_items, next_weights, item_repeat),
        np.array([8.0, -4.0, 8.0], dtype=np.float32),
    )
    items, added = TWO.item_terms(HistoryShares(rows, shares, repeats), transitions, scores)
    assert items.tolist() == [1, 4, 7]
    assert (items.dtype, added.dtype) == (np.int32, np.float32)
    # Item 1: half of a transition from 4, 0.75; repeats of 3. Item 4: half of a transition from 1, 2 * -1; two repeats
    # of 1 in all, its own number, and 3/4 of u . v taken away, once. Item 7: a whole transition from 4, 0.75 * 2, and
    # no repeat.
    expected = [0.75 / 2 + 3 * np.log(4) - 1 - 0.75 * -4, -2 / 2 + 3 * np.log(2) + 0.5 - 0.75 * 8, 1.5]
    np.testing.assert_allclose(added, expected, rtol=1e-6)


@pytest.mark.parametrize(("kept", "expected"), [(1.0, [7.0, -4.5]), (0.5, [3.5, -2.5]), (0.0, [0.0, -0.5])])
def test_an_item_of_the_history_keeps_a_share_of_its_product(kept, expected):
    """With the term added to u . v, kept * (u . v) remains. Item 1 alone also gains its own number."""
    parameters = dataclasses.replace(TWO, repeat_weight=0.0, kept_share=kept)
    rows, nothing = np.array([0, 1], dtype=np.int32), np.zeros((2, 0), dtype=np.float32)
    transitions = TransitionRows(nothing.astype(np.int32), nothing, np.array([0.0, -0.5], dtype=np.float32))
    products = np.array([7.0, -4.0], dtype=np.float32)
    ones = np.ones(2, dtype=np.float32)
    items, added = parameters.item_terms(HistoryShares(rows, ones, ones), transitions, products)
    assert items.tolist() == [0, 1]
    np.testing.assert_allclose(products + added, expected, rtol=1e-6)


def test_an_empty_history_adds_nothing():
    rows, numbers = np.zeros(0, np.int32), np.zeros(0, np.float32)
    transitions = TransitionRows(np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32), numbers)
    items, added = TWO.item_terms(HistoryShares(rows, numbers, numbers), transitions, numbers)
    assert len(items) == len(added) == 0


def test_json_and_back():
    data = TWO.to_json()
    assert list(data) == [
        "half_lives",
        "mix",
        "widths",
        "parts",
        "next_mix",
        "next_power",
        "repeat_mix",
        "repeat",
        "kept",
        "kept_next",
        "repeat_power",
    ]
    assert ScoreParameters.from_json(data) == TWO
    for missing in ("widths", "next_mix", "next_power", "repeat_mix", "repeat", "kept"):
        with pytest.raises(ReleaseError, match=f"encoder is not readable: KeyError\\('{missing}'\\)"):
            ScoreParameters.from_json({k: v for k, v in data.items() if k != missing})


def test_repeats_count_on_which_part_of_the_days():
    """Seven events on four days: each counts 4 ** -power of what it did, whichever item it is of."""
    ages, weights = np.array([9.0, 9.0, 9.0, 5.0, 2.0, 2.0, 0.0]), np.linspace(0.5, 2.0, 7)
    plain = TWO.repeat_shares(ages, weights)
    for power in (0.0, 0.5, 1.0):
        found = dataclasses.replace(TWO, repeat_power=power).repeat_shares(ages, weights)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, plain / 4**power, rtol=1e-6)
    nothing = np.zeros(0)
    assert len(dataclasses.replace(TWO, repeat_power=0.5).repeat_shares(nothing, nothing)) == 0


def test_a_power_above_one_is_refused():
    with pytest.raises(ReleaseError, match="both powers are from 0 to 1"):
        ScoreParameters.from_json(TWO.to_json() | {"repeat_power": 1.5})


def test_before_there_was_a_power_only_the_times_counted():
    data = {name: value for name, value in TWO.to_json().items() if name != "repeat_power"}
    assert ScoreParameters.from_json(data).repeat_power == 0.0
