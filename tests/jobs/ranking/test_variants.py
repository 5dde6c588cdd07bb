"""The best things of each query, against sorting everything."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranking.exact import ItemLists, top_k
from jobs.ranking.inputs import Terms
from jobs.ranking.variants import Variants, top_k_things


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
