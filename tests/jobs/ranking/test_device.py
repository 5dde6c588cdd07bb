"""Top-K of resident items: it equals sorting everything, whatever bfloat16 takes away.

Most tests are by plain torch on a CPU. On a machine with a GPU, Triton's kernels are tested too.

Whole numbers of some ten bits are rounded by bfloat16, and their float32 products are exact.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranking import tiles
from jobs.ranking.device import DeviceItems, blocks, device_top_k, plain, search
from jobs.ranking.device.items import TILE
from jobs.ranking.exact import ItemLists, Terms, resident, top_k

DATA = {
    "wide": lambda rng, shape, most: rng.integers(-most, most + 1, shape),
    "narrow": lambda rng, shape, most: rng.integers(most - 10, most + 1, shape),  # bfloat16 sees hardly any difference
    "ties": lambda rng, shape, most: rng.integers(-2, 3, shape),
    "zeros": lambda rng, shape, most: rng.integers(-most, most + 1, shape) * (rng.random((shape[0], 1)) < 0.02),
    "norms": lambda rng, shape, most: rng.integers(-most, most + 1, shape) >> rng.integers(0, 10, (shape[0], 1)),
}
"""Most: the largest number, such that sums of products are exact in float32."""


@pytest.fixture(autouse=True, scope="module")
def small():
    """A coarse pass of few items."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "SMALL", TILE)
        patch.setattr(blocks, "SHARE", 8)
        patch.setattr(blocks, "BLOCK", 5)
        patch.setattr(search, "LEAST", TILE)
        patch.setattr(search, "SAMPLE_TILE", 4)
        patch.setattr(search, "MARGIN", 1.0)
        yield


def csr(rows):
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return offsets, np.concatenate([*rows, []]).astype(np.int32)


def best(scores, k):
    """Items and scores of the k best of each row, ties by item; -infinity is none."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.full((len(scores), k), -1, dtype=np.int32)
    values = np.zeros((len(scores), k), dtype=np.float32)
    found[:, : order.shape[1]] = order
    values[:, : order.shape[1]] = np.take_along_axis(scores, order, 1)
    found[np.isneginf(values)] = -1
    values[np.isneginf(values)] = 0.0
    return found, values


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(DATA)),
    st.tuples(st.integers(0, 12), st.integers(1, 1500), st.integers(1, 8)),
    st.integers(1, 40),
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, 1.0, 0.9, 0.4, 0.1, 0.0])),
    st.tuples(st.integers(0, 2**32), st.sampled_from([-0.5, 0.0, 0.5, search.SIGMAS])),
)
def test_equals_brute_force(data, shape, k, also, chance):
    """With few sigmas the threshold is often above the last score of a list, or so near that bfloat16 loses some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "SIGMAS", chance[1])
        check(data, shape, k, also, seed=chance[0], device="cpu")


def check(data, shape, k, also, *, seed, device):
    (n, size, d), (excluding, adding, left) = shape, also
    rng = np.random.default_rng(seed)
    most = min(1000, int(((2**24 - 500_000) / d) ** 0.5))
    items, queries = (DATA[data](rng, (rows, d), most).astype(np.float32) for rows in (size, n))
    scores = queries.astype(np.float64) @ items.astype(np.float64).T
    exclude = terms = None
    if adding:
        rows = [rng.permutation(size)[: rng.integers(0, 30)] for _ in range(n)]
        values = rng.integers(-5, 6, sum(map(len, rows))) * 100_000
        terms = Terms(*csr(rows), values.astype(np.float32))
        scores[np.repeat(np.arange(n), [len(row) for row in rows]), terms.items] += values
    if excluding:  # some of the best, and others
        share = rng.random()
        rows = [
            rng.permutation(np.unique([*order[:20][rng.random(len(order[:20])) < share], *rng.integers(0, size, 3)]))
            for order in np.argsort(-scores, axis=1)
        ]
        exclude = ItemLists(*csr(rows))
        scores[np.repeat(np.arange(n), [len(row) for row in rows]), exclude.items] = -np.inf
    where = None if left is None else rng.random(size) < left
    if where is not None:
        scores[:, ~where] = -np.inf
    held = DeviceItems.of(items, device)
    found, values = top_k(queries, held, k, terms=terms, exclude=exclude, where=where, device=device)
    expected, expected_values = best(scores, k)
    assert found.dtype == np.int32
    assert values.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, expected_values)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.filterwarnings("error")  # of a coarse pass that fails, and is done without
@pytest.mark.parametrize("data", sorted(DATA))
@pytest.mark.parametrize("also", [(False, False, None), (True, True, 0.5), (True, False, None), (False, True, 0.1)])
@pytest.mark.parametrize("d", [1, 17, 64, 96, 128])
def test_on_a_gpu_equals_brute_force(monkeypatch, data, also, d):
    for name, value in {"SMALL": 4096, "SHARE": 50, "BLOCK": 128}.items():
        monkeypatch.setattr(blocks, name, value)
    for name, value in {"LEAST": 2048, "SAMPLE_TILE": 128, "MARGIN": 1.15}.items():
        monkeypatch.setattr(search, name, value)
    check(data, (300, 20_011, d), 100, also, seed=d, device="cuda")


def test_most_lists_need_no_whole_pass(monkeypatch):
    """And those that do get one: here the second query, which is zero, so that all items tie."""
    rng = np.random.default_rng(1)
    items, queries = (rng.standard_normal((rows, 16), dtype=np.float32) for rows in (8000, 5))
    queries[1] = 0.0
    asked = []
    monkeypatch.setattr(blocks, "CHECKED", 1)

    def whole(queries, *args, **kwargs):
        asked.append(queries.tolist())
        return as_it_was(queries, *args, **kwargs)

    as_it_was = tiles.search
    monkeypatch.setattr(tiles, "search", whole)
    found, _ = device_top_k(queries, DeviceItems.of(items, "cpu"), 10, None, None)
    assert asked == [queries[:2].tolist()]  # the one that is checked, and the one that is not proven
    assert found[1].tolist() == list(range(10))


def test_more_candidates_than_there_is_room_for_are_not_all():
    held = DeviceItems.of(np.arange(300, dtype=np.float32)[:, None], "cpu")
    halves = torch.zeros((2, held.coarse.shape[1]), dtype=torch.bfloat16)
    halves[:, 0] = 1.0
    _, found, complete = plain.survivors(halves, held, torch.tensor([99.0, 197.0]), 100.0, 128)
    assert found.tolist() == [200, 102]
    assert complete.tolist() == [False, True]


def test_what_bfloat16_hides_is_found():
    """To bfloat16 all numbers of item 7 are 1000, as those of most items, and six of item 8 are 1004."""
    items = np.full((300, 8), 1000.0, dtype=np.float32)
    items[7] = 1001.9
    items[8] = [1002.1] * 6 + [998.1] * 2
    found, _ = device_top_k(np.ones((1, 8), dtype=np.float32), DeviceItems.of(items, "cpu"), 1, None, None)
    assert found.tolist() == [[7]]


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e3, 1e18])
def test_of_any_size(scale):
    """Products of 1e36 are near the end of float32, those of 1e-60 are zero."""
    rng = np.random.default_rng(2)
    items, queries = ((rng.standard_normal((rows, 8)) * scale).astype(np.float32) for rows in (2000, 5))
    found, scores = device_top_k(queries, DeviceItems.of(items, "cpu"), 10, None, None)
    expected, expected_scores = top_k(queries, items, 10)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32), st.floats(-20, 20))
def test_scores_differ_by_less_than_the_bound(d, seed, size):
    rng = np.random.default_rng(seed)
    items, queries = ((rng.standard_normal((300, d)) * 2**size).astype(np.float32) for _ in range(2))
    held = DeviceItems.of(items, "cpu")
    own = torch.from_numpy(queries)
    halves = own.bfloat16().float()
    coarse = (halves.double() @ held.coarse[:300, :d].double().T).numpy()
    exact = queries.astype(np.float64) @ items[held.order[:300]].astype(np.float64).T
    bound = search.error_bound(own, halves, held, 0.0).numpy()
    assert (np.abs(coarse - exact).max(1) <= bound).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_named(bad):
    good = np.ones((600, 3), dtype=np.float32)
    wrong = good.copy()
    wrong[17, 1] = bad
    with pytest.raises(ValueError, match="row 17 of items"):
        DeviceItems.of(wrong, "cpu")
    with pytest.raises(ValueError, match="row 17 of queries"):
        device_top_k(wrong, DeviceItems.of(good, "cpu"), 5, None, None)


def test_on_a_cpu_few_items_stay_as_they_are():
    items = np.ones((3, 2), dtype=np.float32)
    assert resident(items, "cpu") is items


class Broken:
    """A coarse pass that finds candidates and gives them wrong scores, or fails."""

    ROUNDING = plain.ROUNDING
    maxima, survivors, products = (staticmethod(one) for one in (plain.maxima, plain.survivors, plain.products))

    def __init__(self, error=None):
        self.error = error

    def rescore(self, queries, rows, candidates, found):
        if self.error:
            raise self.error
        return plain.rescore(queries + 1.0, rows, candidates, found)


@pytest.mark.parametrize("coarse", [Broken(), Broken(RuntimeError("no such kernel"))], ids=["wrong", "fails"])
def test_a_coarse_pass_that_is_wrong_or_fails_makes_no_list(monkeypatch, coarse):
    rng = np.random.default_rng(3)
    items, queries = (rng.integers(0, 1001, (rows, 8)).astype(np.float32) for rows in (1500, 12))
    monkeypatch.setattr(blocks, "coarse_pass", lambda items: coarse)
    with pytest.warns(UserWarning, match="the coarse pass fails"):
        found, scores = device_top_k(queries, DeviceItems.of(items, "cpu"), 5, None, None)
    expected, values = best(queries @ items.T, 5)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, values)
