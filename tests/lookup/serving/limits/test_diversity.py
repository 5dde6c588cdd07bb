"""Variety: maximal marginal relevance against its formula, caps against counting, in lists and alone."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import lookup
from lookup.serving.limits.diversity import MOST, Counting
from tests.lookup.conftest import Two
from tests.lookup.patched import opened


def chosen_by_the_formula(weight: float, scores: Any, vectors: Any, k: int, before: Any) -> list[int]:
    units = [v / (np.linalg.norm(v) or 1.0) for v in vectors]
    there = [v / (np.linalg.norm(v) or 1.0) for v in before]
    low, high = min(scores), max(scores)
    relevance = [(s - low) / ((high - low) or 1.0) for s in scores]
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        rest = [n for n in range(len(scores)) if n not in chosen]
        gains = {
            n: weight * relevance[n] - (1 - weight) * max([float(units[n] @ t) for t in there], default=0.0)
            for n in rest
        }
        best = max(rest, key=lambda n: (gains[n], -n))
        chosen.append(best)
        there.append(units[best])
    return chosen


@settings(deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(1, 14),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
)
def test_mmr_is_its_formula(seed: int, n: int, k: int, m: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    scores: NDArray[np.float32] = rng.normal(size=n).astype(np.float32)
    vectors, before = (rng.normal(size=(count, 4)).astype(np.float32) for count in (n, m))
    found = lookup.MMR(weight).order(scores, vectors, k, before).tolist()
    assert found == chosen_by_the_formula(weight, scores.tolist(), vectors, k, before)


def test_mmr_in_a_list(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    plain = shop.recommend("user-1", 10)
    assert shop.recommend("user-1", 10, diversity=lookup.MMR(1.0)) == plain
    varied = shop.recommend("user-1", 10, diversity=lookup.MMR(0.1))
    assert varied[0] == plain[0]
    release = shop._live.follower.current()

    def alike(hits: list[lookup.Hit]) -> float:
        vectors = release.item_vector[[release.items.find(hit.item_id) for hit in hits[:4]], :-1]
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return float((units @ units.T).sum())

    session = [shop.recommend("new", 30, history=["item-3"], diversity=d) for d in (None, lookup.MMR(0.1))]
    assert alike(session[1]) < alike(session[0])
    # What is pinned counts as chosen.
    pinned = shop.recommend("new", 5, history=["item-3"], pins=["item-1"], diversity=lookup.MMR(0.0))
    rows = [release.items.find(hit.item_id) for hit in pinned[:2]]
    units = release.item_vector[:, :-1] / np.linalg.norm(release.item_vector[:, :-1], axis=1, keepdims=True)
    pool = [release.items.find(hit.item_id) for hit in shop.recommend("new", 60, history=["item-3"])]
    assert rows[1] == min((row for row in pool if row != rows[0]), key=lambda row: float(units[row] @ units[rows[0]]))
    assert len(shop.popular(10**30, diversity=lookup.MMR())) == len(shop.popular(60)) < MOST


def test_caps_hold_as_long_as_there_is_anything_else(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)

    def path(hit: lookup.Hit) -> list[str]:
        found: list[str] = shop.item(hit.item_id)["category"]  # type: ignore[index]
        return found

    hits = shop.popular(60, diversity=lookup.Cap(category=2, depth=1))
    narrow = Counter(path(hit)[1] for hit in hits[:4] if path(hit))
    assert max(narrow.values()) <= 2
    assert len(hits) == len(shop.popular(60))
    without = sum(not path(hit) for hit in hits)
    kinds = len({path(hit)[1] for hit in hits if path(hit)})
    assert max(Counter(path(hit)[1] for hit in hits[: 2 * kinds + without] if path(hit)).values()) == 2
    wide = shop.popular(60, diversity=lookup.Cap(category=3))
    assert [bool(path(hit)) for hit in wide[: 3 + without]].count(True) == 3
    branded = shop.popular(1, where=lookup.brand("Ünder"))[0].item_id
    brands = shop.popular(60, diversity=lookup.Cap(brand=1), pins=[branded])
    others = [hit for hit in brands[1:] if shop.item(hit.item_id)["brand"] is None]  # type: ignore[index]
    assert brands[1 : len(others) + 1] == others  # the pinned one is the brand's only one


def test_a_cap_looks_at_the_first_items_of_each_source(
    built: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a shop of many items is ranked whole, where few items pass the cap."""
    shop, looked = opened(built.releases, tmp_path), []
    kinds = Counting.kinds

    def counted(self: Counting, rows: list[int]) -> list[tuple[int, int]]:
        looked.append(len(rows))
        return kinds(self, rows)

    monkeypatch.setattr(Counting, "kinds", counted)
    monkeypatch.setattr("lookup.serving.request.REACH", 12)
    for asked in ({"history": ["item-3"]}, {}, {"history": ["item-3"], "where": lookup.price(0, 100)}):
        looked.clear()
        hits = shop.recommend("user-1", 3, diversity=lookup.Cap(category=1), **asked)  # type: ignore[arg-type]
        assert len({hit.item_id for hit in hits}) == 3
        assert 0 < max(looked) <= 30
    everything = shop.popular(1000, diversity=lookup.Cap(brand=1, category=1))
    assert {hit.item_id for hit in everything} == {hit.item_id for hit in shop.popular(1000)}


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(0, [7, -1, 7]), (1, [8, -1, 7]), (5, [9, -1, 7]), (-1, [9, -1, 7]), (-2, [8, -1, 7]), (-9, [7, -1, 7])],
)
def test_the_depth_of_a_cap(depth: int, expected: list[int]) -> None:
    class Items:
        brand = np.array([1, 2, -1])
        category = np.array([[7, 8, 9], [-1, -1, -1], [7, -1, -1]])

    counting = Counting(lookup.Cap(category=1, depth=depth), Items, [])  # type: ignore[arg-type]
    assert counting.kinds([0, 1, 2]) == [(-1, one) for one in expected]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: lookup.MMR(float("nan")), "a number from 0 to 1, not nan"),
        (lambda: lookup.MMR("a lot"), "a number from 0 to 1, not 'a lot'"),
        (lookup.Cap, "a cap names the most items"),
        (lambda: lookup.Cap(brand=0), "the cap of a brand is a number of items, 1 or more, not 0"),
        (lambda: lookup.Cap(category=1.5), "the cap of a category is a number of items"),
        (lambda: lookup.Cap(category=1, depth="deep"), "the depth of a cap is a level of the category path"),
    ],
)
def test_what_cannot_be_is_told(wrong: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wrong()


def test_other_things_are_no_variety(built: Two, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="diversity is lookup"):
        opened(built.releases, tmp_path).popular(diversity=0.5)  # type: ignore[arg-type]
