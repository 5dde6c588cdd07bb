"""What histories add to scores: at night for many users at once, by day for one. They must be the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.topk.exact import Lists
from jobs.topk.followers import terms
from lookup import Encoder
from tests.jobs.small_run import follow_some

ITEMS = 12


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, ITEMS - 1), st.floats(0, 2, width=32)), max_size=7), max_size=5),
    st.integers(0, 100),
    st.sampled_from([0.0, -20.0, 0.5]),
)
def test_the_night_adds_what_the_day_adds(histories, seed, repeat):
    """Histories in any order, with items that come again, of users with and without any."""
    follow = follow_some(ITEMS, seed)
    next_items, next_weights = follow["item_next_item"], follow["item_next_weight"]
    encoder = Encoder((1.0,), (), (), (1.0,), 0.0, repeat)
    rows = np.asarray([item for own in histories for item, _ in own], dtype=np.int32)
    shares = np.asarray([share for own in histories for _, share in own], dtype=np.float32)
    offsets = np.cumsum([0, *map(len, histories)])
    before = rows.copy(), shares.copy(), offsets.copy()
    for array in (rows, shares, offsets):
        array.flags.writeable = False  # as columns of Arrow are
    found = terms(Lists(offsets, rows), shares, next_items, next_weights, repeat)
    for array, copy in zip((rows, shares, offsets), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert (len(found.offsets), found.values.dtype) == (len(histories) + 1, np.float32)
    for user in range(len(histories)):
        own = slice(offsets[user], offsets[user + 1])
        items, added = encoder.item_terms(rows[own], next_items[rows[own]], next_weights[rows[own]], shares[own])
        expected = np.zeros(ITEMS)
        expected[items] = added
        part = slice(found.offsets[user], found.offsets[user + 1])
        assert len(set(found.items[part])) == part.stop - part.start
        night = np.zeros(ITEMS)
        night[found.items[part]] = found.values[part]
        np.testing.assert_allclose(night, expected, atol=1e-5)
