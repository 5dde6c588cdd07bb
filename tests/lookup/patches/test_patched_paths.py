"""Patched category paths read like an array in which each of them was written."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookup.patches.patched_paths import NONE, PatchedPaths

codes = st.lists(st.integers(0, 9), max_size=6)
rows = st.integers(0, 7)


@given(st.lists(st.dictionaries(rows, st.none() | codes, max_size=5), max_size=4), st.lists(rows, max_size=9))
def test_they_read_like_an_array(changes: list[dict[int, list[int] | None]], asked: list[int]) -> None:
    released = np.array([[1, 2], [3, NONE], [NONE, NONE], [4, 5], [1, 1]], dtype=np.int32)
    plain = {row: [code for code in path if code != NONE] for row, path in enumerate(released.tolist())}
    expected = dict(plain)
    paths = PatchedPaths.of(released)
    for change in changes:
        before = paths
        paths = PatchedPaths.of(paths).replaced(change)
        assert paths is not before
        expected |= {row: plain.get(row, []) if path is None else path for row, path in change.items()}
    found = paths.take(np.array(asked, dtype=np.int32), axis=0)
    assert found.dtype == np.int32
    assert [[code for code in row if code != NONE] for row in found.tolist()] == [
        expected.get(row, []) for row in asked
    ]
    for row in asked:
        assert [code for code in paths[row].tolist() if code != NONE] == expected.get(row, [])
    assert released.tolist()[0] == [1, 2]


def test_a_long_path_costs_its_own_row() -> None:
    released = np.zeros((100_000, 4), dtype=np.int32)
    paths = PatchedPaths.of(released).replaced({5: list(range(32)), 7: [1]})
    assert paths.nbytes < 1000
    assert paths.take(np.arange(6, 100)).shape == (94, 32)
    assert paths.take(np.arange(8, 100)).shape == (92, 4)
    assert paths.replaced({5: None}).take(np.array([5, 7])).tolist() == [[0] * 4, [1, -1, -1, -1]]
