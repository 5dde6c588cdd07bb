"""Lists joined, against sorting all of their items."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.ranking.join import join


@given(st.data(), st.integers(1, 12))
def test_the_best_of_two_halves_are_the_best_of_all(data, k):
    """Ties by the lower row; short lists end with -1 and 0."""
    scores = np.array(data.draw(st.lists(st.integers(-2, 2), max_size=20)), dtype=np.float32)
    first = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))), dtype=bool)

    def best(rows):
        order = rows[np.lexsort((rows, -scores[rows]))][:k]
        items = np.pad(order, (0, k - len(order)), constant_values=-1).astype(np.int32)
        return items[None], np.pad(scores[order], (0, k - len(order)))[None]

    items, values = join(best(np.flatnonzero(first)), best(np.flatnonzero(~first)), k)
    expected, expected_values = best(np.arange(len(scores)))
    np.testing.assert_array_equal(items, expected)
    np.testing.assert_array_equal(values, expected_values)
