"""Lists that are said to hold are those that a whole search makes, whatever changed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranking.exact import ItemLists, top_k
from jobs.ranking.unchanged import same_rows, still_hold

K, DIMENSIONS = 3, 2
VECTOR = st.lists(st.integers(-3, 3), min_size=DIMENSIONS, max_size=DIMENSIONS)
"""Whole numbers, so that scores have no rounding and many are equal."""


def lists(vectors):
    itself = ItemLists(np.arange(len(vectors) + 1), np.arange(len(vectors)))
    return top_k(vectors, vectors, K, exclude=itself)


@st.composite
def nights(draw):
    """The items of two nights by id, in the order of rows."""
    before = draw(st.dictionaries(st.integers(0, 40), VECTOR, min_size=K + 1, max_size=25))
    tonight = {item: vector for item, vector in before.items() if draw(st.integers(0, 9))}
    for item in draw(st.lists(st.integers(0, 40), max_size=4)):
        tonight[item] = draw(VECTOR)
    return dict(sorted(before.items())), dict(sorted(tonight.items()))


@given(nights())
@settings(deadline=None, max_examples=150)
def test_what_holds_is_what_a_whole_search_makes(both):
    before, tonight = both
    if not tonight:
        return
    old, new = (np.array(list(one.values()), dtype=np.float32) for one in both)
    place = {item: row for row, item in enumerate(before)}
    known = np.array([place.get(item, -1) for item in tonight], dtype=np.int64)
    rows = same_rows(known, old, new)
    asked = np.flatnonzero(rows.before >= 0)
    items, scores = lists(old)
    mine = rows.before[asked]
    hold, moved = still_hold(rows, items[mine], scores[mine], new[asked], new[rows.changed])
    wanted, wanted_scores = lists(new)
    np.testing.assert_array_equal(moved[hold], wanted[asked[hold]])
    np.testing.assert_array_equal(scores[mine][hold], wanted_scores[asked[hold]])


def test_everything_holds_where_nothing_changed():
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    rows = same_rows(np.arange(50), vectors, vectors.copy())
    items, scores = lists(vectors)
    assert len(rows.changed) == 0
    hold, moved = still_hold(rows, items, scores, vectors, vectors[:0])
    assert hold.all()
    np.testing.assert_array_equal(moved, items)


def test_an_item_that_comes_far_behind_changes_no_list():
    vectors = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    far = np.concatenate([vectors[:20], np.zeros((1, 4), np.float32), vectors[20:]])
    known = np.concatenate([np.arange(20), [-1], np.arange(20, 50)])
    rows = same_rows(known, vectors, far)
    assert rows.changed.tolist() == [20]
    items, scores = lists(vectors)
    asked = np.flatnonzero(rows.before >= 0)
    hold, moved = still_hold(rows, items, scores, far[asked], far[rows.changed])
    assert hold.sum() >= 45
    np.testing.assert_array_equal(moved[hold], lists(far)[0][asked[hold]])


def test_a_last_bit_is_a_change():
    vectors = np.ones((6, 4), dtype=np.float32)
    other = vectors.copy()
    other[2, 1] = np.nextafter(np.float32(1.0), np.float32(2.0))
    rows = same_rows(np.arange(6), vectors, other)
    assert rows.changed.tolist() == [2]
    assert rows.few
    assert not same_rows(np.full(6, -1), vectors, other).few
