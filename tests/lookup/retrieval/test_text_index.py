"""The text index against brute force over the same codes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.models.query_encoder.table import quantise, units
from jobs.ranking import text_index
from jobs.ranking.text_index import build_text_index, choose_probes, fit_centres
from lookup import ReleaseError
from lookup.retrieval.text_index import TEXT_ARRAYS, TextIndex

ITEMS, DIMENSIONS = 3_000, 16


def made(count: int, seed: int) -> np.ndarray:
    """Vectors around 30 themes, as texts of a shop are."""
    rng = np.random.default_rng(seed)
    themes = np.random.default_rng(9).normal(size=(30, DIMENSIONS))
    return units((themes[rng.integers(30, size=count)] + 0.6 * rng.normal(size=(count, DIMENSIONS))).astype(np.float32))


VECTORS, QUERIES = made(ITEMS, 1), made(60, 2)
ARRAYS = build_text_index(VECTORS)
CODES, SCALES = quantise(VECTORS)


def brute(vector: np.ndarray, n: int, allowed: np.ndarray | None = None) -> np.ndarray:
    scores = (CODES.astype(np.float32) @ vector) * SCALES
    rows = np.arange(ITEMS) if allowed is None else np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[rows]))][:n]


def test_through_all_lists_it_is_brute_force() -> None:
    index = TextIndex(ARRAYS, probes=len(ARRAYS["text_centre"]))
    assert index.lists == round(1.6 * ITEMS**0.5)
    for query in QUERIES:
        rows, scores = index.search(query, 50)
        assert rows.dtype == np.int32
        wanted = brute(query, 50)
        np.testing.assert_allclose(scores, (CODES[wanted].astype(np.float32) @ query) * SCALES[wanted], atol=1e-6)
        assert len(np.intersect1d(rows, wanted)) >= 49  # sums of another order may swap the last two
        np.testing.assert_allclose(index.scores(query, rows), scores, atol=1e-6)


def test_more_lists_find_more_and_the_night_takes_as_many_as_are_needed() -> None:
    probes = choose_probes(ARRAYS, VECTORS, QUERIES, 0.95)
    assert 1 < probes < len(ARRAYS["text_centre"]) / 2

    def recall(lists: int) -> float:
        index = TextIndex(ARRAYS, lists)
        exact = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :100]
        found = [index.search(query, 100)[0] for query in QUERIES]
        return sum(len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True)) / exact.size

    assert recall(probes // 2) < 0.95 <= recall(probes)


@settings(deadline=None, max_examples=30)
@given(share=st.floats(0, 1), n=st.integers(1, 200), seed=st.integers(0, 99))
def test_as_many_as_are_wanted_come_back_where_so_many_are_allowed(share: float, n: int, seed: int) -> None:
    allowed = np.random.default_rng(seed).random(ITEMS) < share
    rows, scores = TextIndex(ARRAYS, probes=2).search(QUERIES[seed % len(QUERIES)], n, allowed)
    assert len(rows) == len(set(rows.tolist())) == min(n, allowed.sum())
    assert allowed[rows].all()
    assert np.all(np.diff(scores) <= 0)


def test_a_strict_filter_finds_what_brute_force_does() -> None:
    allowed = np.zeros(ITEMS, dtype=bool)
    allowed[::200] = True
    rows, _ = TextIndex(ARRAYS, probes=1).search(QUERIES[0], 15, allowed)
    np.testing.assert_array_equal(rows, brute(QUERIES[0], 15, allowed))


def test_equal_scores_are_in_the_order_of_rows() -> None:
    same = np.repeat(VECTORS[:1], 40, axis=0)
    rows, _ = TextIndex(build_text_index(same), 1).search(VECTORS[0], 7)
    assert rows.tolist() == list(range(7))


def test_few_items_are_one_list_and_none_are_no_error() -> None:
    few = build_text_index(VECTORS[:5])
    assert few["text_start"].tolist() == [0, 5]
    assert len(TextIndex(few, 9).search(QUERIES[0], 10)[0]) == 5
    none = build_text_index(VECTORS[:0])
    assert len(TextIndex(none, 1).search(QUERIES[0], 10)[0]) == 0
    assert choose_probes(none, VECTORS[:0], QUERIES, 0.9) == 1


def test_items_without_text_score_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_index, "LARGEST_SCAN", 10)
    vectors = VECTORS[:300].copy()
    vectors[7] = 0
    index = TextIndex(build_text_index(vectors), 4)
    assert index.scores(QUERIES[0], np.array([7])).tolist() == [0.0]
    assert 7 in index.search(QUERIES[0], 300)[0]


def test_the_same_vectors_give_the_same_lists() -> None:
    again = build_text_index(VECTORS)
    for name in TEXT_ARRAYS:
        np.testing.assert_array_equal(again[name], ARRAYS[name])
    np.testing.assert_allclose(np.linalg.norm(fit_centres(VECTORS, 20, 3), axis=1), 1, rtol=1e-5)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ReleaseError, match="needs text_place"):
        TextIndex({name: ARRAYS[name] for name in TEXT_ARRAYS if name != "text_place"}, 1)
    for name in ("text_centre", "text_start", "text_place", "text_code", "text_scale"):
        with pytest.raises(ReleaseError, match="do not belong together"):
            TextIndex(ARRAYS | {name: ARRAYS[name][:-1]}, 1)
    with pytest.raises(ReleaseError, match="do not belong together"):
        TextIndex(ARRAYS | {"text_code": ARRAYS["text_code"].astype(np.float32)}, 1)


def test_items_with_one_text_do_not_make_a_search_look_through_all_lists() -> None:
    """Of hundreds of equal items any hundred are the nearest: which, says nothing about the search."""
    different = VECTORS[:3000]
    many = np.repeat(different[:40], 200, axis=0)
    vectors = np.concatenate([different, many])
    arrays = build_text_index(vectors)
    assert choose_probes(arrays, vectors, different[:40], 0.95) <= len(arrays["text_centre"]) // 8
