"""From attributes to text parts, by ridge regression."""

import numpy as np
import pytest
import scipy.sparse as sp

from jobs.models.content.attribute_parts import fit_parts, held_out, ridge

RNG = np.random.default_rng(2)


def attributes(items: int, size: int) -> sp.csr_array:
    return sp.csr_array((RNG.random((items, size)) < 0.2).astype(np.float32))


@pytest.mark.parametrize("weight", [0.5, 20.0])
def test_ridge_is_the_closed_form(weight: float) -> None:
    x, y = attributes(200, 12), RNG.normal(size=(200, 3)).astype(np.float32)
    dense = x.toarray().astype(np.float64)
    expected = np.linalg.solve(dense.T @ dense + weight * np.eye(12), dense.T @ y)
    found = ridge(x, y, weight)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_cosine_is_that_of_items_held_out_from_the_fit() -> None:
    x, truth = attributes(2000, 15), RNG.normal(size=(15, 6))
    texts = x @ truth
    texts = (texts / np.maximum(np.linalg.norm(texts, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    measured = np.arange(2000) % 10 == 0
    _, cosine = fit_parts(x, texts, measured)
    assert cosine is not None
    assert 0.9 < cosine <= 1.0
    noise = texts.copy()
    noise[measured] = RNG.normal(size=(200, 6))
    noise[measured] /= np.linalg.norm(noise[measured], axis=1, keepdims=True)
    fitted, wrong = fit_parts(x, noise, measured)
    np.testing.assert_array_equal(fitted, fit_parts(x, texts, measured)[0])
    assert abs(wrong) < 0.2


def test_no_text_or_no_attribute_to_learn_from() -> None:
    nothing = np.zeros((3, 2), dtype=np.float32)
    fitted, cosine = fit_parts(attributes(3, 4), nothing, np.ones(3, bool))
    assert not fitted.any()
    assert cosine is None
    assert fit_parts(attributes(3, 0), np.ones((3, 2), np.float32), np.zeros(3, bool))[0].shape == (0, 2)


def test_items_of_one_text_are_held_out_together() -> None:
    texts = [f"text {n % 500}" for n in range(1000)]
    measured = held_out(texts)
    np.testing.assert_array_equal(measured[:500], measured[500:])
    assert 0.02 < measured.mean() < 0.1
