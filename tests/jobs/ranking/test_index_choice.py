"""The choice of an index: the fastest good one is taken, and its recall is as stated."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ranking.index_choice import ask, choose, exact_top, measure_recall
from jobs.stages.build.annoy_writer import build_index
from lookup.retrieval.annoy_index import Index
from lookup.retrieval.scan import fit_projections, largest, scan, scan_projections
from tests.vectors import made_parameters

RNG = np.random.default_rng(3)


def shop(items: int, dimensions: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Items and users of whose taste few directions matter much, as in shops."""
    falling = (0.8 ** np.arange(dimensions)).astype(np.float32)
    return tuple(RNG.normal(size=(n, dimensions)).astype(np.float32) * falling for n in (items, 400))  # type: ignore


def test_a_scan_is_exact_and_ordered() -> None:
    items, users = shop(300)
    for user in users[:20]:
        order = np.argsort(-(items @ user))
        for n in (1, 20, 299, 300, 1000):
            found = scan(items, user, n)
            assert found.dtype == np.int32
            np.testing.assert_array_equal(found, order[:n])


def test_sketches_find_nearly_all_and_score_exactly() -> None:
    items, users = shop(5000)
    maps = fit_projections(items, users[:200], 12)
    assert maps.shape == (2, 40, 12)
    sketches = (items @ maps[0], maps[1])
    asked = users[200:]
    one = partial(scan_projections, items, *sketches, n=20, survivors=100)
    assert measure_recall(one, asked, exact_top(items, asked, 20)) > 0.98
    for n in (5, 50, 6000):
        found = scan_projections(items, *sketches, asked[0], n=n, survivors=100)
        assert len(set(found.tolist())) == min(n, 5000)
        assert (np.diff(items[found] @ asked[0]) <= 1e-5).all()


def test_a_whole_sketch_is_the_score() -> None:
    items, users = shop(100, dimensions=7)
    maps = fit_projections(items, users, 7)
    np.testing.assert_allclose((users @ maps[1]) @ (items @ maps[0]).T, users @ items.T, rtol=1e-2, atol=1e-3)


def test_the_sketch_of_a_size_is_the_best_of_its_rank() -> None:
    """Of the mean square error over the users that it was fitted to; against a singular value decomposition."""
    items, users = shop(200, dimensions=10)
    maps = fit_projections(items, users, 3).astype(np.float64)
    error = ((users @ maps[1]) @ (items @ maps[0]).T - users @ items.T).std()
    values = np.linalg.svd(users.astype(np.float64) @ items.T, compute_uv=False)
    assert error == pytest.approx(np.sqrt((values[3:] ** 2).sum() / (len(users) * len(items))), rel=0.05)


def test_the_quickest_that_finds_enough_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are set; what is found is real."""
    items, users = shop(3000)
    annoy, _ = build_index(tmp_path, items, trees=5)
    asked = users[200:300]
    exact = exact_top(items, asked, 20)
    kinds = {scan: "scan", scan_projections: "sketch"}
    for times, expected in (
        ({"scan": 1.0, "sketch": 2.0, "annoy": 3.0}, "scan"),
        ({"scan": 3.0, "sketch": 2.0, "annoy": 4.0}, "sketch"),
        ({"scan": 3.0, "sketch": 2.0, "annoy": 1.0}, "annoy"),
        ({"scan": 3.0, "sketch": 5.0, "annoy": 4.0}, "scan"),
    ):
        monkeypatch.setattr(
            "jobs.ranking.index_choice.microseconds", lambda one, _, t=times: t[kinds.get(one.func, "annoy")]
        )
        fact, sketches = choose(items, annoy, users, asked, 0.95)
        assert fact.method == expected
        assert fact.recall >= 0.95
        assert bool(sketches.items.size) == (fact.sketch_us is not None) == (fact.survivors > 0)
        if expected == "sketch":
            one = partial(scan_projections, items, *sketches, n=20, survivors=fact.survivors)
            assert fact.recall == measure_recall(one, asked, exact)
        found = [Index(annoy).candidates(user, 20, fact.search_k) for user in asked]
        reached = np.mean([len(set(f.tolist()) & set(e)) / 20 for f, e in zip(found, exact.tolist(), strict=True)])
        assert fact.annoy_recall == pytest.approx(reached)


def test_what_is_asked_are_nights_and_sessions() -> None:
    encoder = made_parameters(6).encoder
    items, users = (RNG.normal(size=(n, 6)).astype(np.float32) for n in (20, 8))
    histories = [RNG.integers(0, 20, n) for n in range(8)]
    asked = ask(encoder, items, len(users), users.__getitem__, histories.__getitem__)
    for place, vector in enumerate(asked):
        newest = (None, 1, 5, 20)[place % 4]
        rows = histories[place][-newest:] if newest else []
        expected = encoder.user_vector(items[rows], np.zeros(len(rows)), np.ones(len(rows))) if newest else users[place]
        np.testing.assert_array_equal(vector, expected)
    assert ask(encoder, items, 0, users.__getitem__, histories.__getitem__).shape == (0, 6)


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 8192, 8193])
def test_the_exact_first_are_exact(size: int) -> None:
    items, users = RNG.normal(size=(size, 3)).astype(np.float32), RNG.normal(size=(4, 3)).astype(np.float32)
    expected = np.sort(np.argsort(-(users @ items.T), axis=1)[:, :20], axis=1)
    np.testing.assert_array_equal(np.sort(exact_top(items, users, 20), axis=1), expected)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_tiny_shop_without_users(size: int, tmp_path: Path) -> None:
    items = np.eye(3, dtype=np.float32)[:size]
    annoy, _ = build_index(tmp_path, items, trees=2)
    nobody = np.empty((0, 3), np.float32)
    fact, sketches = choose(items, annoy, nobody, nobody, 0.9)
    assert fact.recall == 1.0
    assert sketches.items.shape == (size, 0)
    assert sorted(scan(items, items[0], 20)) == list(range(size))


@given(st.integers(0, 2**32), st.integers(1, 6000), st.integers(1, 400), st.integers(1, 1000))
def test_the_largest_are_among_what_is_found(seed: int, count: int, n: int, different: int) -> None:
    """However they lie: in order, so that the sample is wrong, or many of them equal."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, different, count).astype(np.float32)
    for given_scores in (scores, np.sort(scores), np.sort(scores)[::-1]):
        found = largest(given_scores, n)
        assert len(np.unique(found)) == len(found)
        np.testing.assert_array_equal(np.sort(given_scores[found])[-n:], np.sort(scores)[-n:])
