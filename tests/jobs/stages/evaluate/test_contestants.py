"""Metrics and baselines, by hand and by property; the job on a small run."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.evaluation.metrics.ranking import measure
from jobs.stages.evaluate.contestants import fill, most_popular, own_items


def rows(*items: int) -> np.ndarray:
    return np.asarray(items, dtype=np.int32)


def test_a_case_worked_out_by_hand():
    recall, ndcg = measure(np.stack([rows(5, 7, 9, -1)]), [rows(7, 2)])
    assert recall == [0.5]
    assert ndcg == pytest.approx([(1 / math.log2(3)) / (1 / math.log2(2) + 1 / math.log2(3))])


def test_a_list_cannot_hold_more_than_its_length():
    recall, ndcg = measure(np.stack([rows(1, 2)]), [rows(1, 2, 3, 4)])
    assert recall == [0.5]
    assert ndcg == [1.0]


@settings(deadline=None)
@given(st.permutations(range(8)), st.sets(st.integers(0, 11), min_size=1))
def test_the_best_order_scores_one_and_none_is_better(order, wanted):
    truth = [rows(*sorted(wanted))]
    _, found = measure(np.stack([rows(*order)]), truth)
    first = sorted(order, key=lambda i: i not in wanted)
    _, best = measure(np.stack([rows(*first)]), truth)
    assert 0 <= found[0] <= best[0] + 1e-12 <= 1 + 1e-9


def test_a_list_is_filled_up_without_repeats_and_without_what_must_not_be_there():
    assert fill(rows(3, 1), rows(1, 2, 3, 4, 5), rows(2), 4).tolist() == [3, 1, 4, 5]
    assert fill(rows(), rows(9, 8), rows(9), 3).tolist() == [8, -1, -1]


def test_the_most_frequent_come_first_and_the_more_popular_where_that_is_equal():
    items, ones = rows(4, 2, 4, 9, 2, 1), np.ones(6)
    popularity = np.asarray([0, 5, 1, 0, 7, 0, 0, 0, 0, 6], dtype=np.float32)
    assert own_items(items, ones, popularity).tolist() == [4, 2, 9, 1]
    assert own_items(items, ones, np.zeros(10, np.float32)).tolist() == [2, 4, 1, 9]  # then by row
    assert own_items(items, np.exp2(-np.asarray([90.0, 0, 90, 0, 180, 400]) / 90), popularity).tolist() == [2, 4, 9, 1]


def test_the_popular_list_has_what_is_popular_at_all():
    assert most_popular(np.asarray([0, 2, 0, 3, 2], dtype=np.float32), 10).tolist() == [3, 1, 4]
    assert most_popular(np.asarray([0, 2, 0, 3, 2], dtype=np.float32), 1).tolist() == [3]
