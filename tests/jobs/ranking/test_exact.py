"""Exact top-K against sorting everything. Small whole numbers make every product exact, and ties common."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jobs.ranking.exact import ItemLists, Terms, rank, top_k


def brute(queries, items, k, allowed, added=0.0):
    """Sort every score, highest first, ties by row. allowed: bool (n, N). added: to the products, (n, N)."""
    found = np.full((len(queries), k), -1, dtype=np.int32)
    scores = np.zeros((len(queries), k), dtype=np.float32)
    for row, product in enumerate(queries.astype(np.float64) @ items.astype(np.float64).T + added):
        order = [i for i in np.lexsort((np.arange(len(items)), -product)) if allowed[row, i]][:k]
        found[row, : len(order)] = order
        scores[row, : len(order)] = product[order]
    return found, scores


def lists(pairs):
    """CSR of a bool matrix, each list backwards, since order must not matter."""
    rows = [np.flatnonzero(row)[::-1] for row in pairs]
    return ItemLists(
        np.concatenate([[0], np.cumsum([len(r) for r in rows])]), np.concatenate([*rows, []]).astype(np.int32)
    )


@st.composite
def cases(draw):
    n, size, d = draw(st.integers(0, 7)), draw(st.integers(0, 70)), draw(st.integers(1, 4))
    small = st.integers(-2, 2).map(float)
    queries = draw(hnp.arrays(np.float32, (n, d), elements=small))
    items = draw(hnp.arrays(np.float32, (size, d), elements=small))
    excluded = draw(hnp.arrays(np.bool_, (n, size), elements=st.booleans()))
    return queries, items, excluded


BLOCKS = st.fixed_dictionaries(
    {"user_block": st.integers(1, 5), "item_block": st.integers(1, 40), "threads": st.integers(1, 2)}
)


@settings(max_examples=300, deadline=None)
@given(cases(), st.integers(1, 40), st.booleans(), BLOCKS)
def test_equals_brute_force(case, k, excluding, blocks):
    queries, items, excluded = case
    allowed = ~excluded if excluding else np.ones_like(excluded)
    found, scores = top_k(queries, items, k, exclude=lists(excluded) if excluding else None, **blocks)
    expected, expected_scores = brute(queries, items, k, allowed)
    assert found.dtype == np.int32
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)


class Read:
    """A matrix that is no array, and tells how many rows it was asked for at a time."""

    def __init__(self, rows):
        self.rows, self.shape, self.most = rows, rows.shape, 0

    def __getitem__(self, part):
        self.most = max(self.most, part.stop - part.start)
        return self.rows[part]


@settings(max_examples=200, deadline=None)
@given(cases(), st.data(), st.integers(1, 40), st.booleans(), BLOCKS)
def test_a_mask_holds_for_all_queries(case, data, k, array, blocks):
    queries, items, excluded = case
    where = data.draw(hnp.arrays(np.bool_, len(items), elements=st.booleans()))
    added = data.draw(hnp.arrays(np.float32, excluded.shape, elements=st.sampled_from([0.0, 3.0, -50.0])))
    some = {"terms": as_terms(added), "exclude": lists(excluded), "where": where}
    found, scores = top_k(queries, items if array else Read(items), k, **some, **blocks)
    expected, expected_scores = brute(queries, items, k, ~excluded & where, added)
    assert (found.dtype, scores.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)


def test_a_mask_reads_no_more_rows_at_a_time():
    """However far what it leaves lies apart."""
    rng = np.random.default_rng(1)
    items = rng.integers(-50, 50, (3000, 2)).astype(np.float32)
    where = rng.random(3000) < 0.1
    read = Read(items)
    found, _ = top_k(items[:3], read, 9, where=where, item_block=64)
    np.testing.assert_array_equal(found, top_k(items[:3], items, 9, where=where)[0])
    assert 0 < read.most <= 64


@pytest.mark.parametrize("where", [np.ones(4, dtype=bool), np.ones((5, 1), dtype=bool), np.ones(5)])
def test_a_mask_that_does_not_fit_is_refused(where):
    rows = np.ones((5, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="one an item: 5"):
        top_k(rows, rows, 1, where=where)


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 10))
def test_rank_equals_brute_force(case, k):
    queries, items, own = case
    found, scores = rank(queries, items, lists(own), k)
    expected, expected_scores = brute(queries, items, k, own)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)


def as_terms(added):
    """CSR of a dense matrix, each row backwards; what is 0 is there or not."""
    rows = [[i for i in range(len(row))[::-1] if row[i] or i % 2] for row in added]
    values = np.concatenate([*(row[own] for row, own in zip(added, rows, strict=True)), []]).astype(np.float32)
    items = np.concatenate([*rows, []]).astype(np.int32)
    return Terms(np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64), items, values)


@settings(max_examples=300, deadline=None)
@given(cases(), st.data(), st.integers(1, 40), st.booleans(), BLOCKS)
def test_terms_of_either_sign_count(case, data, k, excluding, blocks):
    queries, items, excluded = case
    allowed = ~excluded if excluding else np.ones_like(excluded)
    some = st.sampled_from([0.0, 0.0, 0.0, 3.0, -3.0, 50.0, -50.0])
    added = data.draw(hnp.arrays(np.float32, excluded.shape, elements=some))
    left_out = lists(excluded) if excluding else None
    found, scores = top_k(queries, items, k, terms=as_terms(added), exclude=left_out, **blocks)
    expected, expected_scores = brute(queries, items, k, allowed, added)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)
    found, scores = rank(queries, items, lists(excluded), k, as_terms(added))
    expected, expected_scores = brute(queries, items, k, excluded, added)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("order", ["random", "rising", "falling", "equal"])
def test_any_order_of_items(order):
    """Rising scores are the worst case: every item is the best so far."""
    rng = np.random.default_rng(1)
    items = rng.integers(-50, 50, size=(3000, 1)).astype(np.float32)
    if order == "equal":
        items[:] = 1.0
    elif order != "random":
        items = np.sort(items, axis=0)[:: 1 if order == "rising" else -1]
    queries = np.array([[1.0], [2.0], [-1.0], [0.0]], dtype=np.float32)
    found, scores = top_k(queries, items, 20, item_block=64)
    expected, expected_scores = brute(queries, items, 20, np.ones((4, 3000), dtype=bool))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, expected_scores)


def test_real_numbers():
    rng = np.random.default_rng(2)
    queries = rng.standard_normal((40, 32), dtype=np.float32)
    items = rng.standard_normal((5000, 32), dtype=np.float32)
    found, scores = top_k(queries, items, 50, user_block=16, item_block=512)
    expected, expected_scores = brute(queries, items, 50, np.ones((40, 5000), dtype=bool))
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert (found == expected).mean() > 0.999  # products that differ in the last bit only may change places
    assert all(len(set(row)) == 50 for row in found.tolist())


def test_reads_a_memory_mapped_file(tmp_path):
    rng = np.random.default_rng(3)
    items = rng.standard_normal((500, 8), dtype=np.float32)
    np.save(tmp_path / "v.npy", items)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    for got, expected in zip(top_k(items[:5], mapped, 9), top_k(items[:5], items, 9), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_negative_zero_is_zero():
    items = np.array([[-0.0], [0.0], [1.0]], dtype=np.float32)
    found, _ = top_k(np.array([[-1.0]], dtype=np.float32), items, 3)
    assert found.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(bad):
    good = np.ones((90, 3), dtype=np.float32)
    wrong = good.copy()
    wrong[77, 1] = bad
    with pytest.raises(ValueError, match="row 77 of queries"):
        top_k(wrong, good, 5, user_block=16)
    with pytest.raises(ValueError, match="row 77 of items"):
        top_k(good, wrong, 5, item_block=16)


def test_large_numbers_are_finite():
    """Their sum is not, but each is."""
    big = np.full((4, 2), 3e38, dtype=np.float32)
    found, _ = top_k(np.full((1, 2), 0.1, dtype=np.float32), big, 2)
    assert found.tolist() == [[0, 1]]


def test_wrong_arguments():
    rows = np.ones((3, 2), dtype=np.float32)
    with pytest.raises(ValueError, match=r"\(3, 2\) do not fit items of shape \(3, 1\)"):
        top_k(rows, rows[:, :1], 1)
    with pytest.raises(ValueError, match="k must be 1 or more"):
        top_k(rows, rows, 0)


def test_threads_of_torch_stay_as_they_are():
    before = torch.get_num_threads()
    top_k(np.ones((3, 2), dtype=np.float32), np.ones((3, 2), dtype=np.float32), 1)
    assert torch.get_num_threads() == before
