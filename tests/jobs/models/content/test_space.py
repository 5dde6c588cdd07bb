"""Text and behaviour in one space, against plain numpy."""

import numpy as np
import pytest

from jobs.models.attributes import Vocabulary
from jobs.models.content.space import (
    Basis,
    ColdStartModel,
    Content,
    Space,
    WithinCategories,
    gram,
    shop_repeats,
    shop_transitions,
    with_one,
)

RNG = np.random.default_rng(5)


def texts(n, d=8):
    rows = (RNG.normal(size=(n, d)) * np.arange(d, 0, -1)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_gram_adds_up_and_weighs():
    rows, weights = texts(30), RNG.integers(1, 4, size=30).astype(float)
    repeated = np.repeat(rows, weights.astype(int), axis=0)
    np.testing.assert_allclose(gram(rows, weights), gram(repeated))
    np.testing.assert_allclose(gram(rows[:11]) + gram(rows[11:]), gram(rows))


def test_basis_is_that_of_a_singular_value_decomposition():
    rows = texts(200)
    basis = Basis.of(gram(with_one(rows)), 3)
    centred = rows - rows.mean(axis=0)
    right = np.linalg.svd(centred, full_matrices=False)[2][:3].T
    np.testing.assert_allclose(basis.mean, rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(np.abs((right * basis.components).sum(axis=0)), 1.0, atol=1e-4)
    assert (basis.components[np.abs(basis.components).argmax(axis=0), range(3)] > 0).all()


def test_cut_has_length_one_and_leaves_blank_items_at_zero():
    rows = texts(50)
    basis = Basis.of(gram(with_one(rows)), 100)
    assert basis.components.shape == (8, 8)
    cut = basis.cut(np.concatenate([rows, np.zeros((1, 8), dtype=np.float32)]))
    assert cut.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(cut[:-1], axis=1), 1.0, atol=1e-5)
    assert not cut[-1].any()
    centred = rows - rows.mean(axis=0)
    cosines = centred @ centred[0] / np.linalg.norm(centred, axis=1) / np.linalg.norm(centred[0])
    np.testing.assert_allclose(cut[:-1] @ cut[0], cosines, atol=1e-4)  # all components: nothing is lost


def scattered(n=200):
    """Vectors of three categories that differ in the last two coordinates; the first vary more and say nothing."""
    codes = RNG.integers(0, 3, n)
    rows = RNG.normal(size=(n, 6)) * np.array([9.0, 5.0, 1.0, 1.0, 0.3, 0.3])
    rows[:, 4:] += np.array([[0.0, 2.0], [1.7, -1.0], [-1.7, -1.0]])[codes]
    return rows.astype(np.float32), codes


def test_categories_tell_which_directions_matter():
    rows, codes = scattered()
    plain = Basis.of(gram(with_one(rows)), 2)
    told = Basis.of(gram(with_one(rows)), 2, WithinCategories.of(rows, codes, 3).covariance())
    assert plain.components.shape == told.components.shape == (6, 2)

    def alike(basis):
        cut = basis.cut(rows)
        scores = cut @ cut.T
        np.fill_diagonal(scores, -9)
        return (codes[scores.argmax(axis=1)] == codes).mean()

    assert alike(plain) < 0.6
    assert alike(told) > 0.95


def test_the_covariance_within_categories_adds_up_and_leaves_out_what_has_none():
    rows, codes = scattered(60)
    codes[::7], rows[3] = -1, 0.0
    there = (codes >= 0) & rows.any(axis=1)
    left = np.concatenate([rows[there & (codes == code)] - rows[there & (codes == code)].mean(0) for code in range(3)])
    halves = [WithinCategories.of(rows[part], codes[part], 3) for part in (slice(0, 25), slice(25, 60))]
    np.testing.assert_allclose((halves[0] + halves[1]).covariance(), left.T @ left / len(left), atol=1e-4)


def test_one_category_tells_nothing():
    rows, _ = scattered(9)
    assert WithinCategories.of(rows, np.array([0, 0, 0, 1, -1, -1, -1, -1, -1]), 2).covariance() is None


@pytest.mark.parametrize("count", [0, 1])
def test_a_basis_of_no_or_one_text_is_finite(count):
    rows = texts(count)
    cut = Basis.of(gram(with_one(rows)), 3).cut(rows)
    assert cut.shape == (count, 3)
    assert np.isfinite(cut).all()


def cold_start(attributes=3, heads=2, d=2):
    vectors = RNG.normal(size=(attributes, heads * d)).astype(np.float32)
    maps = RNG.normal(size=(heads, d, d)).astype(np.float32)
    return ColdStartModel(Vocabulary([f"l{n}" for n in range(attributes)]), vectors, maps, temperature=0.5)


def test_cold_items_get_the_vectors_of_their_attributes():
    made = cold_start()
    x, y = made.vectors([["l0"], ["l1", "l2", "other"], []], ["", "", "words unknown"])
    assert (x.shape, y.shape, x.dtype, y.dtype) == ((3, 4), (3, 4), np.float32, np.float32)
    sums = [made.attribute_vectors[0], (made.attribute_vectors[1] + made.attribute_vectors[2]) / np.sqrt(2)]
    for row, e in enumerate(sums):
        for head, part in enumerate((slice(0, 2), slice(2, 4))):
            np.testing.assert_allclose(x[row, part], e[part] @ made.maps[head], rtol=1e-5)
            # A cosine over the temperature, and the mean of two heads.
            np.testing.assert_allclose(y[row, part], e[part] / np.linalg.norm(e[part]) / 0.5 / 2, rtol=1e-5)
    assert not x[2].any()
    assert not y[2].any()


def test_without_attributes_cold_items_have_zero_vectors():
    x, y = cold_start(attributes=0).vectors([["a"], []], ["b", ""])
    assert not x.any()
    assert not y.any()
    assert x.shape == y.shape == (2, 4)


def test_join():
    rows = texts(60, 8)
    basis = Basis.of(gram(with_one(rows)), 4)
    t = basis.cut(rows)
    inputs, outputs = (RNG.normal(size=(60, 4)).astype(np.float32) for _ in range(2))
    looks = rows[::-1].copy()
    look = Content("look", Basis.of(gram(with_one(looks)), 3), 2.0)
    space = Space((Content("text", basis, 0.5), look), cold_start(), cold_bias=-7.0)
    cold = np.arange(60) % 2 == 0
    biases = RNG.normal(size=60).astype(np.float32)
    x, v = space.join([rows, looks], inputs, outputs, biases, cold)
    assert (space.behaviour, space.dimensions) == (4, 4 + 4 + 3 + 1)
    np.testing.assert_array_equal(x[:, :4], inputs)
    np.testing.assert_array_equal(v[:, :4], outputs)
    np.testing.assert_array_equal(x[:, 4:8], t)
    np.testing.assert_allclose(v[:, 4:8], 0.5 * t)
    np.testing.assert_array_equal(x[:, 8:11], look.basis.cut(looks))
    np.testing.assert_allclose(v[:, 8:11], 2.0 * x[:, 8:11])
    assert not x[:, 11].any()
    np.testing.assert_array_equal(v[:, 11], np.where(cold, np.float32(-7.0), biases))


def test_transitions_get_the_rows_of_the_shop():
    """The model's items 0 … 3 are rows 2, gone, 0 and 4 of a shop of five items."""
    rows = np.array([2, -1, 0, 4])
    next_item = np.array([[3, 1, -1], [0, 2, 3], [-1, -1, -1], [1, 2, 0]], dtype=np.int32)
    next_weight = np.array([[5, 4, 0], [9, 9, 9], [0, 0, 0], [3, -2, 1]], dtype=np.float32)
    found, weights = shop_transitions(rows, 5, next_item, next_weight)
    assert (found.dtype, weights.dtype) == (np.int32, np.float32)
    none = [-1, -1, -1]
    assert found.tolist() == [none, none, [4, -1, -1], none, [-1, 0, 2]]
    assert weights.tolist() == [[0, 0, 0], [0, 0, 0], [5, 0, 0], [0, 0, 0], [0, -2, 1]]


def test_unknown_items_get_the_median_repeat():
    found = shop_repeats(np.array([2, -1, 0]), 4, np.array([0.5, 9.0, -1.0], dtype=np.float32))
    assert (found.tolist(), found.dtype) == ([-1.0, 0.5, 0.5, 0.5], np.float32)
    assert not shop_repeats(np.zeros(0, dtype=np.int64), 3, np.zeros(0, dtype=np.float32)).any()
