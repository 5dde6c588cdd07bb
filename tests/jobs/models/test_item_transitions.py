"""Item transitions: the regression against a dense ridge, worked out column by column."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.models import item_transitions
from jobs.models.behaviour.examples import transition_examples
from jobs.models.behaviour.fit import fit_transitions
from jobs.models.item_transitions import FittedTransitions, Penalty
from tests.jobs.models import made

RIDGE, SHRINK = 0.7, 0.4


def dense(found: FittedTransitions) -> np.ndarray:
    """W: rows are the items of the history, columns the next items."""
    result = np.zeros((len(found.items), len(found.items)))
    for row, (items, weights) in enumerate(zip(found.items, found.weights, strict=True)):
        there = items >= 0
        assert np.all(np.diff(weights[there]) <= 0)
        assert not weights[~there].any()
        assert len(set(items[there])) == there.sum()
        result[row, items[there]] = weights[there]
    return result


def by_hand(x: np.ndarray, y: np.ndarray, itself: bool) -> np.ndarray:
    result = np.zeros((x.shape[1], x.shape[1]))
    for item in range(x.shape[1]):
        before = [j for j in range(x.shape[1]) if x[:, j] @ y[:, item] > 0 and (itself or j != item)]
        part = x[:, before]
        square = part.T @ part
        result[before, item] = np.linalg.solve(
            square + RIDGE * np.eye(len(before)) + SHRINK * np.diag(np.diag(square)), part.T @ y[:, item]
        )
    return np.maximum(result, 0)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.booleans())
def test_it_is_a_ridge_regression_on_the_neighbourhood(seed, itself):
    rng = np.random.default_rng(seed)
    x, y = (np.where(rng.random((9, 6)) < 0.4, rng.random((9, 6)), 0).astype(np.float32) for _ in range(2))
    found = item_transitions.fit(sp.csr_array(x), sp.csr_array(y), Penalty(RIDGE, SHRINK), itself=itself)
    assert (found.items.dtype, found.weights.dtype) == (np.int32, np.float32)
    assert found.items.shape == found.weights.shape
    assert found.items.shape in {(6, item_transitions.TRANSITIONS), (6, 1)}
    np.testing.assert_allclose(dense(found), by_hand(x.astype(float), y.astype(float), itself), atol=1e-4)
    if not itself:
        assert not np.diag(dense(found)).any()


def test_any_number_of_threads_fits_the_same(monkeypatch):
    monkeypatch.setattr(item_transitions, "BLOCK", 3)
    rng = np.random.default_rng(5)
    x, y = (sp.random_array((80, 20), density=0.3, rng=rng, dtype=np.float32, format="csr") for _ in range(2))
    one, three = (
        item_transitions.fit(x, y, Penalty(RIDGE, SHRINK), itself=True, threads=threads) for threads in (1, 3)
    )
    np.testing.assert_array_equal(one.items, three.items)
    np.testing.assert_array_equal(one.weights, three.weights)
    assert (one.items >= 0).any()


def test_only_the_largest_weights_stay(monkeypatch):
    rng = np.random.default_rng(4)
    x, y = (sp.csr_array(rng.random((30, 8)).astype(np.float32)) for _ in range(2))
    whole = dense(item_transitions.fit(x, y, Penalty(RIDGE, SHRINK), itself=True))
    monkeypatch.setattr(item_transitions, "TRANSITIONS", 2)
    few = item_transitions.fit(x, y, Penalty(RIDGE, SHRINK), itself=True)
    assert few.items.shape == (8, 2)
    np.testing.assert_allclose(few.weights, -np.sort(-whole, axis=1)[:, :2], rtol=1e-6)
    monkeypatch.setattr(item_transitions, "CANDIDATES", 3)
    found = dense(item_transitions.fit(x, y, Penalty(RIDGE, SHRINK), itself=True))
    assert (found > 0).sum(0).max() <= 3


def test_no_examples_give_no_transitions():
    nothing = sp.csr_array((0, 4), dtype=np.float32)
    found = item_transitions.fit(nothing, nothing, Penalty(RIDGE, SHRINK), itself=True)
    assert (found.items == -1).all()
    assert not found.weights.any()


def test_examples_worked_out_by_hand(tmp_path):
    """Fading by a half-life of a day and none, half each; the plain sum counts (follow_power 0)."""
    file = made.write(tmp_path / "0.parquet", [[(3, 0, 1.0), (5, 0, 2.0), (3, 1, 1.0), (4, 3, 1.0), (5, 3, 3.0)]])
    options = made.settings(half_lives=[1.0, 0.0], targets_per_user=5)
    x, y = (side.toarray() for side in transition_examples([file], made.ROWS, options))
    assert x.shape == y.shape == (2, 20)
    # Day 1: both of day 0 faded to 3/4. Day 3: by 1, 3 days 9/16 and 2 days 5/8.
    np.testing.assert_allclose(x[0, [3, 5]], [0.75, 1.5])
    np.testing.assert_allclose(x[1, [3, 5]], [9 / 16 + 5 / 8, 2 * 9 / 16])
    np.testing.assert_allclose((y[0, 3], y[1, 4], y[1, 5]), (1.0, 0.25, 0.75))
    assert (np.count_nonzero(x), np.count_nonzero(y)) == (4, 3)
    newest = dataclasses.replace(options, targets_per_user=1)
    np.testing.assert_array_equal(transition_examples([file], made.ROWS, newest)[0].toarray(), x[1:])
    mean = dataclasses.replace(options, follow_power=1.0)
    np.testing.assert_allclose(transition_examples([file], made.ROWS, mean)[0].sum(axis=1), 1.0, rtol=1e-6)
    x, y = (
        side.toarray() for side in transition_examples([file], made.ROWS, dataclasses.replace(options, ordered=False))
    )
    np.testing.assert_array_equal(x, y)
    assert np.flatnonzero(x[0]).tolist() == [3, 4, 5]


def test_no_user_with_two_days_gives_no_example(tmp_path):
    file = made.write(tmp_path / "0.parquet", [[(3, 0, 1.0), (5, 0, 2.0)]])
    assert [side.shape for side in transition_examples([file], made.ROWS, made.settings())] == [(0, 20)] * 2


@pytest.mark.parametrize("ordered", [True, False])
def test_next_items_are_found_and_weights_multiplied(tmp_path, ordered):
    """After item n comes item n + 1; in unordered data an item does not lead to itself."""
    options = made.settings(follow=3.0, ordered=ordered)
    files = made.round_and_round(tmp_path)
    found = fit_transitions(files, made.inputs(), options)
    once = fit_transitions(files, made.inputs(), dataclasses.replace(options, follow=1.0))
    np.testing.assert_allclose(found["next_weight"], 3 * once["next_weight"])
    if ordered:
        assert [items[0] for items in found["next_item"]] == [(n + 1) % 20 for n in range(20)]
    else:
        assert all(max(items) >= 0 for items in found["next_item"].tolist())
        assert all(n not in items for n, items in enumerate(found["next_item"].tolist()))


def test_transitions_that_add_nothing_are_not_fitted(tmp_path):
    found = fit_transitions([tmp_path / "none.parquet"], made.inputs(), made.settings(follow=0.0))
    assert (found["next_item"].tolist(), found["next_weight"].tolist()) == ([[-1]] * 20, [[0.0]] * 20)


def test_transitions_of_some_items_among_all():
    found = FittedTransitions(np.int32([[1, -1], [0, 1]]), np.float32([[2.0, 0.0], [3.0, 1.0]]))
    whole = found.among(np.array([1, 3]), 5)
    assert whole.items.tolist() == [[-1, -1], [3, -1], [-1, -1], [1, 3], [-1, -1]]
    assert whole.weights.tolist() == [[0, 0], [2, 0], [0, 0], [3, 1], [0, 0]]
