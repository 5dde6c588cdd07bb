"""The best things of each query, against sorting everything."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranking import variants
from jobs.ranking.exact import ItemLists, top_k
from jobs.ranking.inputs import Terms
from jobs.ranking.variants import Variants, best_with_had, top_k_things


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 20), st.integers(1, 12))
def test_k_things_each_by_its_best_item(seed: int, items: int, k: int, families: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(-1, families, items).astype(np.int32)
    groups[rng.random(items) < 0.4] = 0  # one large group
    scores = rng.permutation(3 * items).reshape(3, items).astype(np.float32)
    gone = ItemLists(np.array([0, 2, 2, 3]), rng.integers(0, items, 3))

    def search(queries: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        eye = np.eye(items, dtype=np.float32)
        return top_k(scores[queries], eye, n, exclude=gone.of(queries))

    found, values = top_k_things(search, 3, k, groups)
    for query in range(3):
        out = set(gone.items[gone.offsets[query] : gone.offsets[query + 1]].tolist())
        seen: set[int] = set()
        expected = []
        for item in np.argsort(-scores[query]).tolist():
            if item not in out and (groups[item] == -1 or groups[item] not in seen):
                expected.append(item)
                seen.add(groups[item])
        there = found[query][found[query] >= 0].tolist()
        assert there == expected[:k]
        assert values[query][: len(there)].tolist() == scores[query][there].tolist()


def test_the_parts_of_some_queries() -> None:
    offsets, items = np.array([0, 2, 2, 5]), np.array([7, 8, 1, 2, 3])
    some = ItemLists(offsets, items).of(np.array([2, 0]))
    assert (some.offsets.tolist(), some.items.tolist()) == ([0, 3, 5], [1, 2, 3, 7, 8])
    terms = Terms(offsets, items, items.astype(np.float32)).of(np.array([1, 2]))
    assert (terms.offsets.tolist(), terms.values.tolist()) == ([0, 0, 3], [1.0, 2.0, 3.0])


def test_an_item_and_its_variants() -> None:
    own = Variants(np.array([1, -1, 0, 1], dtype=np.int32)).of(np.array([3, 1]))
    assert (own.offsets.tolist(), own.items.tolist()) == ([0, 2, 3], [0, 3, 1])
    assert Variants(None).of(np.array([3, 1])).items.tolist() == [3, 1]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_what_users_had_is_ranked_a_few_users_at_a_time(seed: int, k: int) -> None:
    """The result does not depend on how many."""
    rng = np.random.default_rng(seed)
    items, queries = (rng.integers(-9, 10, (rows, 2)).astype(np.float32) for rows in (40, 7))
    groups = rng.integers(-1, 6, 40).astype(np.int32)
    mine = [rng.permutation(40)[: rng.integers(0, 30)] for _ in range(7)]
    had = ItemLists(np.cumsum([0, *map(len, mine)]), np.concatenate(mine).astype(np.int32))
    others = top_k_things(lambda some, n: top_k(queries[some], items, n, exclude=had.of(some)), 7, k, groups)
    whole = best_with_had(queries, items, had, others, k=k, groups=groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, "PLACES", 50)
        parts = best_with_had(queries, items, had, others, k=k, groups=groups)
    everything = top_k_things(lambda some, n: top_k(queries[some], items, n), 7, k, groups)
    for one, other, third in zip(whole, parts, everything, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)


def test_a_program_that_had_most_of_a_shop_takes_no_memory_for_all_users() -> None:
    rng = np.random.default_rng(1)
    items, queries = (rng.standard_normal((rows, 4), dtype=np.float32) for rows in (20_000, 600))
    mine = [np.arange(20_000), *([np.arange(3)] * 599)]
    had = ItemLists(np.cumsum([0, *map(len, mine)]), np.concatenate(mine).astype(np.int32))
    others = top_k(queries, items, 5, exclude=had)
    tracemalloc.start()
    best_with_had(queries, items, had, others, k=5, groups=np.full(20_000, -1, dtype=np.int32))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 250 << 20  # one matrix of all users and items alone has 12 million places
