from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from jobs.stages.build.annoy_writer import build_index
from lookup import ReleaseError
from lookup.retrieval.annoy_index import norms, open_index, reduce_items, reduce_query

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


def test_more_effort_finds_more_of_what_is_nearest(vectors: np.ndarray, tmp_path: Path) -> None:
    _, fact = build_index(tmp_path, vectors, trees=10)
    index = open_index(tmp_path, fact, vectors)
    users = np.random.default_rng(4).normal(size=(50, 8)).astype(np.float32)
    found = []
    for effort in (40, 30_000):
        rows = [index.candidates(user, 20, effort) for user in users]
        scores = [vectors[own] @ user for own, user in zip(rows, users, strict=True)]
        assert all(np.all(np.diff(own) <= 1e-4) for own in scores)
        exact = [set(np.argsort(-(vectors @ user))[:20].tolist()) for user in users]
        found.append(np.mean([len(set(own.tolist()) & best) / 20 for own, best in zip(rows, exact, strict=True)]))
    assert found[0] < 0.9 < found[1] == 1.0


def test_an_index_of_other_vectors_is_refused(vectors: np.ndarray, tmp_path: Path) -> None:
    _, fact = build_index(tmp_path, vectors, trees=2)
    with pytest.raises(ReleaseError, match=r"items\.ann: the vector of item row 0 .*another space or order"):
        open_index(tmp_path, fact, vectors[::-1].copy())
    with pytest.raises(ReleaseError, match=r"items\.ann: 3000 items found, 3000 by the manifest, 10 in item_vector"):
        open_index(tmp_path, fact, vectors[:10])
    with pytest.raises(ReleaseError, match=r"items\.ann: .*9 numbers a vector; expected 'angular', 8"):
        open_index(tmp_path, fact, vectors[:, :7])
