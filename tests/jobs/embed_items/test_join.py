"""Text and behaviour in one space, against plain numpy."""

import numpy as np
import pytest

from jobs.embed_items.join import RIDGE, Basis, Space, gram, ridge, with_one

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


@pytest.mark.parametrize("count", [0, 1])
def test_basis_of_next_to_nothing_is_finite(count):
    rows = texts(count)
    cut = Basis.of(gram(with_one(rows)), 3).cut(rows)
    assert cut.shape == (count, 3)
    assert np.isfinite(cut).all()


def test_ridge_solves_its_normal_equations():
    t, y = texts(40, 5), RNG.normal(size=(40, 6)).astype(np.float32)
    z = with_one(t).astype(float)
    found = ridge(gram(with_one(t, y)), 5)
    np.testing.assert_allclose((z.T @ z + RIDGE * np.eye(6)) @ found, z.T @ y, atol=1e-4)


def test_ridge_without_warm_items_guesses_zero():
    np.testing.assert_array_equal(ridge(np.zeros((12, 12)), 5), np.zeros((6, 6)))


def test_join():
    rows = texts(60, 8)
    basis = Basis.of(gram(with_one(rows)), 4)
    t = basis.cut(rows)
    truth = RNG.normal(size=(5, 6)).astype(np.float32)
    known = with_one(t) @ truth  # behaviour that follows from the text
    many = [np.tile(part, (1000, 1)) for part in (t, known)]
    space = Space(basis, ridge(gram(with_one(*many)), 4), weight=0.5, cold_bias=-7.0, bias_mean=-2.0)
    cold = np.arange(60) % 2 == 0
    biases = RNG.normal(size=60).astype(np.float32)
    x, v = space.join(rows, known[:, :3], known[:, 3:], biases, cold)
    assert (space.behaviour, space.text, space.dimensions) == (3, 4, 8)
    np.testing.assert_allclose(x[:, :3], known[:, :3], atol=1e-2)  # cold ones were found from the text
    np.testing.assert_array_equal(v[~cold, :3], known[~cold, 3:])
    np.testing.assert_array_equal(x[:, 3:7], t)
    np.testing.assert_allclose(v[:, 3:7], 0.5 * t)
    assert not x[:, 7].any()
    np.testing.assert_array_equal(v[:, 7], np.where(cold, np.float32(-7.0), biases) + np.float32(2.0))
