"""What people do in one shop is known in another that has other items, by the texts alone."""

import numpy as np
import pytest

from jobs.models.pretrained.texts import whitened
from tests.jobs.models.pretrained.made import STEP, circle, taught


@pytest.mark.parametrize("shops", [(24,), (18, 12)])
def test_another_shop_knows_what_comes_next(tmp_path, monkeypatch, shops):
    made = taught(tmp_path, monkeypatch, shops)
    e = made.vectors(circle(30))[0]
    scores = (e @ made.map[0]) @ (e / np.linalg.norm(e, axis=1, keepdims=True)).T
    best = (scores.argmax(1) - np.arange(30)) % 30 * 2 * np.pi / 30
    assert np.abs(best - STEP).max() < STEP / 3  # text similarity would say 0


def test_the_same_data_give_the_same_model(tmp_path, monkeypatch):
    assert taught(tmp_path, monkeypatch).id == taught(tmp_path, monkeypatch).id
    assert taught(tmp_path, monkeypatch, seed=8).id != taught(tmp_path, monkeypatch).id


def test_what_all_texts_of_a_shop_share_counts_nothing():
    rng = np.random.default_rng(0)
    texts = rng.normal(size=(50, 6)).astype(np.float32)
    found = whitened(texts)
    np.testing.assert_allclose(whitened(texts + 3.0), found, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)
    stretched = whitened(texts * np.float32([9, 1, 1, 1, 1, 1]))
    assert np.abs(stretched[:, 0]).mean() < 4 * np.abs(stretched[:, 1]).mean()


def test_an_item_without_a_text_has_no_vector():
    texts = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    texts[4] = 0.0
    assert not whitened(texts)[4].any()
    np.testing.assert_allclose(whitened(texts)[np.arange(9) != 4], whitened(np.delete(texts, 4, 0)), rtol=1e-5)
    assert not whitened(np.zeros((3, 2), np.float32)).any()
