"""The user encoder against its formula, written out."""

import numpy as np
import pytest

from lookup import ReleaseError, UserEncoder
from lookup.scoring.parts import Part

NEVER = float("inf")
TWO = UserEncoder(half_lives=(2.0, NEVER), mix=((1.0, 0.0), (0.25, 0.75)), widths=(2, 1))
INPUTS = np.array([[3.0, 0.0, 2.0, 9.0], [0.0, 4.0, -8.0, 9.0]], dtype=np.float32)


def test_each_head_has_its_own_decay_and_length_one():
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


THREE = UserEncoder(
    half_lives=(NEVER,),
    mix=((1.0,),) * 4,
    widths=(1, 1, 1, 2),
    parts=(Part("behaviour", 2), Part("text", 1, weight=0.5), Part("look", 1, newcomer="nothing")),
)
VECTORS = np.array([[3.0, 4.0, -2.0, 0.0, 5.0, 7.0], [6.0, 8.0, 0.0, 0.0, 0.0, 7.0]], dtype=np.float32)


def test_parts_stand_side_by_side():
    assert [THREE.place(name) for name in ("behaviour", "text", "look", "smell")] == [
        slice(0, 2), slice(2, 3), slice(3, 5), None,
    ]  # fmt: skip
    assert [THREE.width(name) for name in ("behaviour", "look", "smell")] == [2, 2, 0]
    assert UserEncoder.from_json(THREE.to_json()) == THREE


def test_directions_meet_in_the_mean_of_the_cosines_of_all_parts():
    one, other = THREE.directions(VECTORS)
    np.testing.assert_allclose(one @ one, 1.0, rtol=1e-6)
    np.testing.assert_allclose(one @ other, 1 / 3, rtol=1e-6)  # the other has neither text nor look
    two = UserEncoder((NEVER,), ((1.0,),) * 2, (2, 1))
    np.testing.assert_allclose(two.directions(VECTORS[:, :4]) @ two.directions(VECTORS[:, :4])[0], [1.0, 0.5])


def test_directions_by_one_part():
    np.testing.assert_allclose(THREE.directions(VECTORS, "behaviour"), [[0.6, 0.8], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(THREE.directions(VECTORS, "look"), [[0.0, 1.0], [0.0, 0.0]], rtol=1e-6)


def test_without_parts_the_last_head_reads_the_text():
    assert [(part.name, part.heads) for part in TWO.parts] == [("behaviour", 1), ("text", 1)]
