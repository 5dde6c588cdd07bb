"""Facets of very many items are counted right, though not all are looked at one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from lookup.serving.search.facets import FIRST, SAMPLED, _different, bands, once


@pytest.mark.parametrize("n", [1, 7, SAMPLED, 9 * SAMPLED + 5])
def test_bands_count_every_known_price_once(n: int) -> None:
    rng = np.random.default_rng(n)
    prices = np.round(rng.lognormal(3, 1, n), 2)
    prices[::5] = np.nan
    known = prices[np.isfinite(prices)]
    found = bands(prices)
    assert sum(band.count for band in found) == len(known)
    for place, band in enumerate(found):
        last = place == len(found) - 1
        inside = (known >= band.low) & (known <= band.high if last else known < band.high)
        assert np.count_nonzero(inside) == band.count
    if n > SAMPLED:
        assert max(band.count for band in found) < 0.6 * len(known)


@pytest.mark.parametrize("numbers", [[3, 0, 7], [0.5, 0.25], [-1, 2], [10**9, 1]], ids=str)
def test_numbers_are_counted_whatever_they_are(numbers: list[float]) -> None:
    drawn = np.random.default_rng(1).choice(np.array(numbers, np.float64), 2 * FIRST)
    values, counts = _different(drawn)
    assert values.tolist() == sorted(numbers)
    assert counts.tolist() == [int((drawn == value).sum()) for value in sorted(numbers)]


@given(arrays(np.int32, st.tuples(st.integers(0, 9), st.integers(0, 6)), elements=st.integers(0, 4)), st.data())
def test_a_name_that_comes_twice_in_a_path_counts_once(paths: NDArray[np.int32], data: st.DataObject) -> None:
    for path in paths:
        path[data.draw(st.integers(0, len(path))) :] = -1
    before = paths.copy()
    counts = np.bincount(once(paths).reshape(-1) + 1, minlength=6)[1:]
    assert counts.tolist() == [int((paths == name).any(axis=1).sum()) for name in range(5)]
    np.testing.assert_array_equal(paths, before)
