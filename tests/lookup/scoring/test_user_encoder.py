"""The encoder against its formulas, written out."""

import dataclasses

import numpy as np
import pytest

from lookup import ReleaseError, UserEncoder
from lookup.scoring.user_encoder import HistoryShares, TransitionRows

NEVER = float("inf")
TWO = UserEncoder(
    half_lives=(2.0, NEVER),
    mix=((1.0, 0.0), (0.25, 0.75)),
    widths=(2, 1),
    next_mix=(0.5, 0.5),
    next_power=1.0,
    repeat_mix=(1.0, 0.5),
    repeat=3.0,
    kept=0.25,
)
INPUTS = np.array([[3.0, 0.0, 2.0, 9.0], [0.0, 4.0, -8.0, 9.0]], dtype=np.float32)


def test_each_head_has_its_own_fading_and_length_one():
    found = TWO.user_vector(INPUTS, np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    # Head one: 1 * [3, 0] + 2 / 2 * [0, 4] = [3, 4]. Head two: 1 * 2 + 2 * (0.25 / 2 + 0.75) * -8 = -12.
    np.testing.assert_allclose(found, [0.6, 0.8, -1.0, 1.0], rtol=1e-6)
    assert found.dtype == np.float32


def test_an_age_below_zero_counts_as_zero():
    early, now = (TWO.user_vector(INPUTS, np.array([age, 1.0]), np.ones(2)) for age in (-5.0, 0.0))
    np.testing.assert_array_equal(early, now)


def test_of_no_history_and_of_one_that_cancels_out_only_the_bias_is_left():
    nothing = np.zeros(0)
    np.testing.assert_array_equal(TWO.user_vector(INPUTS[:0], nothing, nothing), [0, 0, 0, 1])
    cancelling = np.stack([INPUTS[0], -INPUTS[0]])
    np.testing.assert_array_equal(TWO.user_vector(cancelling, np.zeros(2), np.ones(2)), [0, 0, 0, 1])


@pytest.mark.parametrize(
    ("power", "expected"), [(0.0, [1.0, 1.5]), (1.0, [0.4, 0.6]), (0.5, [0.4**0.5, 1.5 / 2.5**0.5])]
)
def test_shares_of_the_followers(power, expected):
    encoder = dataclasses.replace(TWO, next_power=power)
    found = encoder.next_shares(np.array([0.0, 2.0]), np.array([1.0, 2.0]))  # weigh 1 and 2 * (1/4 + 1/2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert encoder.next_shares(np.zeros(0), np.zeros(0)).shape == (0,)


def test_shares_of_what_was_had():
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
    follow, scores = TransitionRows(next_items, next_weights, item_repeat), np.array([8.0, -4.0, 8.0], dtype=np.float32)
    items, added = TWO.item_terms(HistoryShares(rows, shares, repeats), follow, scores)
    assert items.tolist() == [1, 4, 7]
    assert (items.dtype, added.dtype) == (np.int32, np.float32)
    # 1 follows 4 by 0.75 * 1 and was had by 3; 4 follows 1 by 2 * -1 and was had twice, by 1 together, but gains its
    # own number, and loses 3/4 of u . v, once; 7 follows 4 by 0.75 * 2 and was not had.
    expected = [0.75 + 3 * np.log(4) - 1 - 0.75 * -4, -2 + 3 * np.log(2) + 0.5 - 0.75 * 8, 1.5]
    np.testing.assert_allclose(added, expected, rtol=1e-6)


@pytest.mark.parametrize(("kept", "expected"), [(1.0, [7.0, -4.5]), (0.5, [3.5, -2.5]), (0.0, [0.0, -0.5])])
def test_of_the_score_of_what_was_had_only_a_part_is_kept(kept, expected):
    """kept * (u . v), once the term is added to u . v; item 1 gains its own number, too, and neither the other's."""
    encoder = dataclasses.replace(TWO, repeat=0.0, kept=kept)
    rows, nothing = np.array([0, 1], dtype=np.int32), np.zeros((2, 0), dtype=np.float32)
    follow = TransitionRows(nothing.astype(np.int32), nothing, np.array([0.0, -0.5], dtype=np.float32))
    products = np.array([7.0, -4.0], dtype=np.float32)
    ones = np.ones(2, dtype=np.float32)
    items, added = encoder.item_terms(HistoryShares(rows, ones, ones), follow, products)
    assert items.tolist() == [0, 1]
    np.testing.assert_allclose(products + added, expected, rtol=1e-6)


def test_an_empty_history_adds_nothing():
    rows, numbers = np.zeros(0, np.int32), np.zeros(0, np.float32)
    follow = TransitionRows(np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32), numbers)
    items, added = TWO.item_terms(HistoryShares(rows, numbers, numbers), follow, numbers)
    assert len(items) == len(added) == 0


def test_json_and_back():
    data = TWO.to_json()
    assert data["half_lives"] == [2.0, 0.0]  # JSON knows no infinity
    assert UserEncoder.from_json(data) == TWO
    with pytest.raises(ReleaseError, match="encoder is not readable: KeyError\\('widths'\\)"):
        UserEncoder.from_json({k: v for k, v in data.items() if k != "widths"})


def test_a_mapped_file_will_do(tmp_path):
    np.save(tmp_path / "x.npy", INPUTS)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for inputs in (mapped, mapped[[1, 0]]):
        found = TWO.user_vector(inputs, np.zeros(2), np.ones(2))
        np.testing.assert_array_equal(found, TWO.user_vector(np.array(inputs), np.zeros(2), np.ones(2)))
