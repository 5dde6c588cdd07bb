"""User metrics against ir-measures; metrics of all lists against slow, obvious computations."""

import math
from itertools import combinations

import ir_measures
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, Success, nDCG

from jobs.evaluation.metrics import ranking
from jobs.evaluation.metrics.ranking import user_metrics
from jobs.evaluation.problems.problem import distinct
from jobs.ranking.exact import ItemLists

LENGTHS = (1, 3, 5, 10)
THEIRS = {"recall": R, "ndcg": nDCG, "mrr": RR, "hit_rate": Success}


@st.composite
def ranked(draw):
    """Lists of at most 10 different items, -1 after the last, and the wanted items of each user."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    users, items = draw(st.integers(1, 6)), draw(st.integers(10, 25))
    lists = np.stack([rng.permutation(items)[:10] for _ in range(users)]).astype(np.int32)
    for own in lists:
        own[rng.integers(0, 11) :] = -1
    wanted = rng.integers(1, 14, users)
    pairs = np.repeat(np.arange(users), wanted), rng.integers(0, items, wanted.sum())
    return lists, distinct(pairs[0], users, pairs[1])


@settings(max_examples=60, deadline=None)
@given(ranked())
def test_metrics_of_users_are_those_of_ir_measures(case):
    lists, truth = case
    ours = user_metrics(lists, truth, LENGTHS)
    qrels = [
        ir_measures.Qrel(str(u), str(i), 1)
        for u in range(len(lists))
        for i in truth.items[truth.offsets[u] : truth.offsets[u + 1]]
    ]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(-place))
        for u, own in enumerate(lists)
        for place, i in enumerate(own)
        if i >= 0
    ]
    names = {THEIRS[name] @ k: f"{name}@{k}" for name in THEIRS for k in LENGTHS}
    compared = 0
    for value in ir_measures.iter_calc(list(names), qrels, run):
        assert ours[names[value.measure]][int(value.query_id)] == pytest.approx(value.value, abs=1e-9)
        compared += 1
    assert compared == len(names) * len(lists)


def test_an_empty_list_finds_nothing():
    found = user_metrics(np.full((1, 4), -1, np.int32), ItemLists(np.array([0, 1]), np.array([3], np.int32)), (4,))
    assert {name: own.tolist() for name, own in found.items()} == {
        "recall@4": [0.0],
        "ndcg@4": [0.0],
        "mrr@4": [0.0],
        "hit_rate@4": [0.0],
    }


@settings(deadline=None)
@given(ranked())
def test_coverage_gini_and_novelty_are_those_counted_slowly(case):
    lists, _ = case
    taken = np.arange(25.0)
    exposed = ranking.exposure(lists, 25)
    listed = [int(i) for own in lists for i in own if i >= 0]
    assert exposed.tolist() == [listed.count(i) for i in range(25)]
    assert ranking.coverage(exposed) == len(set(listed)) / 25
    assert ranking.gini(exposed) == pytest.approx(
        sum(abs(int(a) - int(b)) for a in exposed for b in exposed) / (2 * 25 * len(listed)) if listed else 0.0
    )
    bits = [-math.log2((taken[i] + 1) / (taken.sum() + 25)) for i in listed]
    assert ranking.novelty(exposed, taken) == pytest.approx(sum(bits) / len(bits) if bits else 0.0)


@settings(deadline=None)
@given(ranked(), st.integers(0, 2**32))
def test_diversity_is_that_of_all_pairs(case, seed):
    lists, _ = case
    attributes = (np.random.default_rng(seed).random((25, 6)) < 0.25).astype(np.float32)
    means = []
    for own in lists:
        known = [attributes[i] / np.linalg.norm(attributes[i]) for i in own if i >= 0 and attributes[i].any()]
        if len(known) > 1:
            means.append(np.mean([1 - a @ b for a, b in combinations(known, 2)]))
    found = ranking.diversity(lists, sp.csr_array(attributes))
    assert found == (pytest.approx(np.mean(means), abs=1e-6) if means else None)
