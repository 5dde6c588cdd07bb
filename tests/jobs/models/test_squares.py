"""Square parts of a sparse matrix: the same compiled and by numpy."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.infra.compiled.library import library
from jobs.models import squares
from jobs.models.squares import Squares


def symmetric(seed: int, n: int, filled: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = np.triu(np.where(rng.random((n, n)) < filled, rng.random((n, n)), 0.0))
    return (half + np.triu(half, 1).T).astype(np.float32)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 400), st.sampled_from([0.0, 0.05, 0.5, 1.0]), st.data())
def test_they_are_what_they_are_in_the_dense_matrix(seed, n, filled, data):
    dense = symmetric(seed, n, filled)
    cut = Squares(sp.csr_array(dense))
    for _ in range(3):  # nothing is left behind for the next
        drawn = data.draw(st.sets(st.integers(0, n - 1), max_size=100))
        chosen = np.asarray(sorted(drawn), dtype=np.int32)
        wanted = dense[np.ix_(chosen, chosen)]
        np.testing.assert_array_equal(cut.of(chosen), wanted)
        np.testing.assert_array_equal(cut._by_numpy(chosen), wanted)


def test_both_ways_through_a_row_are_taken():
    """A short row is read through; in a long one each number is looked for. The compiled code chooses by the length."""
    dense = symmetric(1, 2000, 1.0)
    cut = Squares(sp.csr_array(dense))
    for count in (1, 2, 30, 100):
        chosen = np.linspace(0, 1999, count).astype(np.int32)
        np.testing.assert_array_equal(cut.of(chosen), dense[np.ix_(chosen, chosen)])


@pytest.mark.skipif(library() is None, reason="the library is not built")
def test_numpy_takes_over_where_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(squares, "library", lambda: None)
    cut = Squares(sp.csr_array(np.eye(3, dtype=np.float32)))
    monkeypatch.setattr(cut, "_by_compiled", None)
    assert cut.of(np.array([0, 2], dtype=np.int32)).tolist() == [[1.0, 0.0], [0.0, 1.0]]
