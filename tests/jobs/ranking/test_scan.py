"""Top-K by the kernel of int8: it equals sorting everything, whatever int8 takes away.

All numbers are whole and so small that float32 holds their products and sums exactly.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.infra.compiled import library as compiled
from jobs.ranking import exact
from jobs.ranking.exact import ItemLists, Terms, resident, top_k
from jobs.ranking.scan import items as packing
from jobs.ranking.scan import library, search
from jobs.ranking.scan.items import BLOCK, ScanItems, turned
from tests.jobs.ranking.test_device import best, csr

pytestmark = pytest.mark.skipif(library.library() is None, reason="the kernel is not built, or cannot run here")

BIAS = -(2.0**30)


def one_large_dimension(rng, shape):
    rows = rng.integers(-3, 4, shape)
    rows[:, 0] = rng.integers(-100_000, 100_001, shape[0])
    return rows


def hidden_by_bias(rng, shape):
    """The last number is that of an item that is not there, as in an incumbent's vectors, or 0."""
    rows = rng.integers(-15, 16, shape) * 64.0
    rows[:, -1] = rng.choice([0.0, BIAS], shape[0])
    return rows


DATA = {
    "wide": lambda rng, shape: rng.integers(-1000, 1001, shape),
    "narrow": lambda rng, shape: rng.integers(990, 1001, shape),
    "ties": lambda rng, shape: rng.integers(-2, 3, shape),
    "zeros": lambda rng, shape: rng.integers(-1000, 1001, shape) * (rng.random((shape[0], 1)) < 0.02),
    "norms": lambda rng, shape: rng.integers(-1000, 1001, shape) >> rng.integers(0, 10, (shape[0], 1)),
    "one large item": lambda rng, shape: (
        rng.integers(-9, 10, shape) * np.where(rng.random((shape[0], 1)) < 0.01, 9999, 1)
    ),
    "one large dimension": one_large_dimension,
    "bias": hidden_by_bias,
}


@pytest.fixture(autouse=True, scope="module")
def small():
    """Few items are enough, and calls of the kernel are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "SHARE", 1)
        patch.setattr(packing, "PART", 3)
        patch.setattr(search, "BLOCK", 7)
        yield


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(DATA)),
    st.tuples(st.integers(0, 20), st.integers(1, 2500), st.integers(1, 9)),
    st.integers(1, 60),
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, 1.0, 0.9, 0.4, 0.1, 0.0])),
    st.integers(0, 2**32),
)
def test_equals_brute_force(data, shape, k, also, seed):
    (n, size, d), (excluding, adding, share) = shape, also
    rng = np.random.default_rng(seed)
    items = DATA[data](rng, (size, d)).astype(np.float32)
    queries = DATA["ties" if data.startswith("one large") else data](rng, (n, d)).astype(np.float32)
    if data == "bias":
        queries[:, -1] = 1.0
    scores = queries.astype(np.float64) @ items.astype(np.float64).T
    exclude = terms = None
    if adding:
        rows = [rng.permutation(size)[: rng.integers(0, 30)] for _ in range(n)]
        values = rng.integers(-5, 6, sum(map(len, rows))) * 2.0**20
        terms = Terms(*csr(rows), values.astype(np.float32))
        scores[np.repeat(np.arange(n), [len(row) for row in rows]), terms.items] += values
    if excluding:  # some of the best, and others, some twice
        rows = [
            rng.permutation([*order[: 2 * k][rng.random(len(order[: 2 * k])) < 0.5], *rng.integers(0, size, 5)])
            for order in np.argsort(-scores, axis=1)
        ]
        exclude = ItemLists(*csr(rows))
        scores[np.repeat(np.arange(n), [len(row) for row in rows]), exclude.items] = -np.inf
    where = None if share is None else rng.random(size) < share
    if where is not None:
        scores[:, ~where] = -np.inf
    found, values = top_k(queries, ScanItems.of(items), k, terms=terms, exclude=exclude, where=where, threads=2)
    expected, expected_values = best(scores, k)
    assert (found.dtype, values.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, expected_values)


def real(n, size, d, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, d), dtype=np.float32) for rows in (n, size))


@pytest.mark.parametrize("d", [1, 3, 64, 193])
def test_most_lists_are_proven_and_one_of_ties_is_made_by_tiles(monkeypatch, d):
    queries, items = real(400, 3000, d)
    queries[5] = 0.0
    asked = []

    def by_tiles(queries, *args, **kwargs):
        asked.append(queries.tolist())
        return as_it_was(queries, *args, **kwargs)

    as_it_was = exact._by_tiles
    monkeypatch.setattr(exact, "_by_tiles", by_tiles)
    monkeypatch.setattr(search, "BLOCK", 384)  # several chunks of the kernel
    found, scores = top_k(queries, ScanItems.of(items), 20)
    assert asked == [[[0.0] * d]]
    assert found[5].tolist() == list(range(20))
    expected, expected_scores = as_it_was(
        queries, items, 20, None, None, user_block=64, item_block=512, device="cpu", threads=1
    )
    np.testing.assert_allclose(scores, expected_scores, atol=1e-6 * d)
    assert (found == expected).mean() > 0.999  # products that differ in the last bit only may change places


def test_a_list_does_not_depend_on_the_others():
    queries, items = real(20, 3000, 33)
    held = ScanItems.of(items)
    together = top_k(queries, held, 30)
    for row in range(20):
        for one, all_ in zip(top_k(queries[row : row + 1], held, 30), together, strict=True):
            np.testing.assert_array_equal(one[0], all_[row])


@pytest.mark.parametrize(
    ("of_queries", "of_items"), [(1e-30, 1e-30), (1e-30, 1e18), (1e-38, 1.0), (1e3, 1e3), (1e18, 1e18)]
)
def test_of_any_size(of_queries, of_items):
    """Products of 1e36 are near the end of float32, those of 1e-60 are zero."""
    queries, items = real(5, 2000, 8)
    queries, items = queries * np.float32(of_queries), items * np.float32(of_items)
    found, scores = top_k(queries, ScanItems.of(items), 10)
    expected, expected_scores = top_k(queries, items, 10)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(0, 2**32), st.floats(-20, 20), st.floats(0, 1e5))
def test_scores_differ_by_less_than_the_bound(d, seed, size, large):
    queries, items = real(30, 300, d, seed)
    items *= np.float32(2**size)
    items[::7, 0] *= np.float32(large)
    held, own = ScanItems.of(items), search.lower(torch.from_numpy(queries))
    blocks = held.packed.astype(np.float64) - 128
    vectors = blocks.transpose(0, 2, 1, 3).reshape(len(held.order), -1)[: len(items)]
    block = np.arange(len(items)) // BLOCK
    coarse = own.packed.astype(np.float64) @ vectors.T * own.step[:, None] * held.step[block]
    there = queries.astype(np.float64) @ items[held.order[: len(items)]].astype(np.float64).T
    bound = np.outer(own.lost + own.noise, held.norm[block]) + np.outer(own.kept, held.error[block]) + 1e-30
    assert (np.abs(coarse - there) <= bound).all()


def test_turning_keeps_products():
    for d in (1, 7, 64):
        turn = turned(d).double()
        np.testing.assert_allclose((turn @ turn.T).numpy(), np.eye(d), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_named(bad):
    good = np.ones((600, 3), dtype=np.float32)
    wrong = good.copy()
    wrong[417, 1] = bad
    with pytest.raises(ValueError, match="row 417 of items"):
        ScanItems.of(wrong)
    with pytest.raises(ValueError, match="row 417 of queries"):
        top_k(wrong, ScanItems.of(good), 5)


@pytest.mark.parametrize(
    ("offsets", "rows", "said"),
    [
        ([0, 1], [600], "600"),
        ([0, 1], [-1], "-1"),
        ([0, 2], [1], "offsets"),
        ([1, 0], [1], "offsets"),
        ([0], [], "offsets"),
    ],
)
def test_lists_that_do_not_fit_are_refused(offsets, rows, said):
    held = ScanItems.of(np.ones((600, 3), dtype=np.float32))
    lists = ItemLists(np.array(offsets), np.array(rows, dtype=np.int32))
    with pytest.raises(ValueError, match=said):
        top_k(np.ones((1, 3), dtype=np.float32), held, 5, exclude=lists)
    if said.lstrip("-").isdigit():
        with pytest.raises(ValueError, match=said):
            top_k(np.ones((1, 3), dtype=np.float32), held, 5, exclude=lists, where=np.arange(600) < 9)


def test_a_term_that_is_no_number_is_refused():
    held = ScanItems.of(np.ones((600, 3), dtype=np.float32))
    terms = Terms(np.array([0, 1]), np.array([7]), np.array([np.nan], dtype=np.float32))
    with pytest.raises(ValueError, match="a term is NaN"):
        top_k(np.ones((1, 3), dtype=np.float32), held, 5, terms=terms)


def test_few_items_or_queries_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(packing, "FEW_ITEMS", 3)
    items = np.ones((3, 2), dtype=np.float32)
    few = items[:2]
    assert isinstance(resident(items, "cpu", 8), ScanItems)
    assert resident(items, "cpu", 7) is items
    assert resident(few, "cpu", 8) is few


def test_without_the_kernel_items_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(packing, "FEW_ITEMS", 3)
    monkeypatch.setattr(packing, "library", lambda: None)
    items = np.ones((3, 2), dtype=np.float32)
    assert resident(items, "cpu", 8) is items


@pytest.mark.parametrize("there", [[], [Path("_library.so")]])
def test_a_kernel_that_is_missing_or_does_not_run_is_told(monkeypatch, there):
    monkeypatch.setattr(compiled, "library", lambda: None)
    monkeypatch.setattr(compiled, "built", lambda: there)
    assert library.library() is None
    assert "float32" in library.state()[0]
    assert bool(library.state()[1]) == (not there)
