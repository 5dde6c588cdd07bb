"""Likeness of items: against cosines worked out one by one."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.models import item_likeness
from jobs.models.behaviour.fit import fit_transitions
from jobs.models.item_likeness import with_likeness
from jobs.models.item_transitions import TRANSITIONS, FittedTransitions
from tests.jobs.models import made
from tests.jobs.models.test_item_transitions import dense


def cosines(attributes: np.ndarray) -> np.ndarray:
    there = attributes > 0
    rows = there * np.log(len(there) / np.maximum(there.sum(0), 1))
    lengths = np.linalg.norm(rows, axis=1)
    result = (rows @ rows.T) / np.where(lengths > 0, lengths, 1)[:, None] / np.where(lengths > 0, lengths, 1)
    np.fill_diagonal(result, 0)
    return result


def transitions(matrix: np.ndarray) -> FittedTransitions:
    n = len(matrix)
    order = np.argsort(-matrix, axis=1, kind="stable")
    weights = np.take_along_axis(matrix, order, 1).astype(np.float32)
    return FittedTransitions(np.where(weights > 0, order, -1).astype(np.int32).reshape(n, n), weights)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 3.0]), st.sampled_from([7, 1000]))
def test_it_adds_the_cosine_of_rare_attributes(seed, weight, block):
    rng = np.random.default_rng(seed)
    attributes = np.where(rng.random((9, 5)) < 0.4, rng.random((9, 5)) + 0.1, 0)
    before = np.where(rng.random((9, 9)) < 0.3, rng.random((9, 9)), 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_likeness, "BLOCK", block)
        found = with_likeness(transitions(before), sp.csr_array(attributes), weight)
    assert found.items.shape == found.weights.shape == (9, TRANSITIONS)
    assert (found.items.dtype, found.weights.dtype) == (np.int32, np.float32)
    np.testing.assert_allclose(dense(found), before + weight * cosines(attributes), atol=1e-5)


def test_only_the_largest_sums_stay_and_of_equal_ones_the_lower_item():
    n = TRANSITIONS + 20
    attributes = np.ones((n, 2))
    attributes[-1] = 0  # so that both are rare enough to tell something
    before = np.zeros((n, n))
    before[0, n - 1], before[0, n - 2] = 5.0, 1.0
    found = with_likeness(transitions(before), sp.csr_array(attributes), 2.0)
    assert found.items[0, :3].tolist() == [n - 1, n - 2, 1]
    assert found.items[0].tolist()[2:] == list(range(1, TRANSITIONS - 1))
    assert found.items[n - 1].tolist() == [-1] * TRANSITIONS


def test_items_without_attributes_keep_their_transitions():
    before = np.array([[0.0, 2.0], [0.0, 1.0]])
    found = with_likeness(transitions(before), sp.csr_array((2, 0), dtype=np.float32), 3.0)
    np.testing.assert_array_equal(dense(found), before)


def test_a_fit_adds_likeness_to_what_it_learned(tmp_path):
    files, inputs = made.round_and_round(tmp_path), made.inputs(8)

    def fitted(**changed: float) -> np.ndarray:
        found = fit_transitions(files, inputs, made.settings(**changed))
        return dense(FittedTransitions(found["next_item"], found["next_weight"]))

    learned, alike = fitted(follow=20.0), fitted(follow=0.0, follow_alike=2.0)
    assert learned.any()
    np.testing.assert_allclose(alike, 2.0 * cosines(inputs.attributes.toarray()), atol=1e-5)
    np.testing.assert_allclose(fitted(follow=20.0, follow_alike=2.0), learned + alike, rtol=1e-5)
    assert not fitted(follow=0.0).any()
