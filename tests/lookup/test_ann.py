from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from jobs.build.index import build_index, exact_top
from lookup import ReleaseError
from lookup.ann import norms, open_index, reduce_items, reduce_query, scan

numbers = st.floats(-100, 100, width=32)


@settings(deadline=None)
@given(numpy_arrays(np.float32, (20, 5), elements=numbers), numpy_arrays(np.float32, (5,), elements=numbers))
def test_the_cosine_after_the_reduction_is_the_inner_product(items: np.ndarray, user: np.ndarray) -> None:
    norm = float(norms(items).max())
    reduced, query = reduce_items(items, norm), np.array(reduce_query(user))
    # Every item has the length M afterwards, so that cosine x M x |u| = u . v.
    np.testing.assert_allclose(norms(reduced), norm, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(reduced @ query, items @ user, rtol=1e-3, atol=1e-2)


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(3000, 8)).astype(np.float32)


def test_finds_what_an_exact_scan_finds(vectors: np.ndarray, tmp_path: Path) -> None:
    users = np.random.default_rng(4).normal(size=(100, 8)).astype(np.float32)
    fact, search = build_index(tmp_path, vectors, users, trees=10, recall=0.95)
    index = open_index(tmp_path, fact, vectors)
    exact = np.argsort(-(users @ vectors.T), axis=1)[:, :20]
    found = [
        len(set(index.candidates(user, 20, search.search_k).tolist()) & set(row.tolist())) / 20
        for user, row in zip(users, exact, strict=True)
    ]
    assert search.annoy_recall >= 0.95
    assert np.mean(found) == pytest.approx(search.annoy_recall)
    assert search.recall == (1.0 if search.method == "scan" else search.annoy_recall)
    for user, row in zip(users, exact, strict=True):
        np.testing.assert_array_equal(scan(vectors, user, 20), row)


def test_effort_follows_the_recall_that_is_asked(vectors: np.ndarray, tmp_path: Path) -> None:
    low, high = (build_index(tmp_path, vectors, vectors[:50], 10, recall)[1] for recall in (0.3, 0.99))
    assert low.search_k < high.search_k
    assert low.annoy_recall < 0.99 <= high.annoy_recall


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 8192, 8193])
def test_the_exact_scan_is_exact(size: int) -> None:
    rng = np.random.default_rng(5)
    items, users = rng.normal(size=(size, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    expected = np.sort(np.argsort(-(users @ items.T), axis=1)[:, :20], axis=1)
    np.testing.assert_array_equal(np.sort(exact_top(items, users, 20), axis=1), expected)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_tiny_shop_without_users(size: int, tmp_path: Path) -> None:
    items = np.eye(3, dtype=np.float32)[:size]
    fact, search = build_index(tmp_path, items, np.empty((0, 3), np.float32), trees=2, recall=0.9)
    found = open_index(tmp_path, fact, items).candidates(items[0], 20, search.search_k)
    assert sorted(found) == sorted(scan(items, items[0], 20)) == list(range(size))


def test_an_index_of_other_vectors_is_refused(vectors: np.ndarray, tmp_path: Path) -> None:
    fact, _ = build_index(tmp_path, vectors, vectors, trees=2, recall=0.1)
    with pytest.raises(ReleaseError, match=r"items\.ann: the vector of item row 0 .*another space or order"):
        open_index(tmp_path, fact, vectors[::-1].copy())
    with pytest.raises(ReleaseError, match=r"items\.ann: 3000 items found, 3000 by the manifest, 10 in item_vector"):
        open_index(tmp_path, fact, vectors[:10])
    with pytest.raises(ReleaseError, match=r"items\.ann: .*9 numbers a vector; expected 'angular', 8"):
        open_index(tmp_path, fact, vectors[:, :7])
