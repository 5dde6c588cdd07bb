"""ItemLists, masks, ties and slices, beside slow, obvious ones."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import DataError
from jobs.evaluation import harness
from jobs.evaluation.harness import AMONG_NEW, best, evaluate, ranked, rankings_of
from jobs.evaluation.methods.baselines import ItemCosine, OwnRepeats, Popular
from jobs.evaluation.problems.problem import Histories, ItemFacts, Problem, distinct
from jobs.evaluation.slices import head, slices, wanted
from jobs.ranking.exact import ItemLists
from tests.jobs.evaluation.made import bare, problem


class Given:
    """A method that scores as it is told."""

    name = "given"
    parameters = 0

    def __init__(self, scores):
        self.all = np.asarray(scores, dtype=np.float32)

    def fit(self, problem):
        self.at = 0

    def scores(self, given, at):
        self.at += len(given)
        return self.all[self.at - len(given) : self.at]


def slowly(scores, k: int) -> list[int]:
    order = sorted((i for i, s in enumerate(scores) if s > -np.inf), key=lambda i: (-scores[i], i))[:k]
    return order + [-1] * (k - len(order))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([3, 30, 64 * 4, 1000]), st.integers(1, 6), st.sampled_from([1, 3, 200]))
def test_the_best_are_exact_and_ties_go_to_the_lower_row(seed, items, k, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, size=(4, items)).astype(np.float32)
    scores[rng.random(scores.shape) < rng.choice([0, 0.5, 1])] = -np.inf
    assert best(scores, k).tolist() == [slowly(own, k) for own in scores]


@pytest.mark.parametrize("block", [1, 40, 10_000])
def test_masked_lists_hold_nothing_that_was_given(monkeypatch, block):
    monkeypatch.setattr(harness, "BLOCK", block)
    made = problem(1)
    scores = np.random.default_rng(1).integers(0, 4, size=(len(made.given), len(made.items)))
    for masked in (False, True):
        method = Given(scores)
        method.fit(made)
        found = ranked(method, made, 6, masked=masked)
        assert found.dtype == np.int32
        for user, own in enumerate(found):
            mine = scores[user].astype(float)
            mine[made.given.items[made.given.of(user)] if masked else []] = -np.inf
            assert own.tolist() == slowly(mine, 6)


def test_a_score_that_is_no_number_is_an_error():
    made = problem(2)
    scores = np.zeros((len(made.given), len(made.items)))
    scores[0, 3] = np.nan
    with pytest.raises(DataError, match=r"given: .* 1 of them NaN"):
        evaluate(made, [Given(scores)])
    with pytest.raises(DataError, match=r"expected \(9, 15\) scores"):
        evaluate(made, [Given(np.zeros((9, 14)))])


def test_everything_is_as_measured_slowly():
    made = dataclasses.replace(
        problem(3), items=dataclasses.replace(bare(15), attributes=[[f"a{n % 3}", f"b{n % 4}"] for n in range(15)])
    )
    found = evaluate(made, [Popular(), OwnRepeats(), ItemCosine()])
    assert (found.users, found.items, found.protocol) == (9, 15, "split by time")
    for masked, way in ((False, "unmasked"), (True, "masked")):
        reached = {}
        for one, method in zip(found.methods, (Popular(), OwnRepeats(), ItemCosine()), strict=True):
            method.fit(made)
            lists, measure = ranked(method, made, masked=masked), getattr(one, way)["all"]
            recalls = []
            for user, own in enumerate(lists):
                truth = set(made.truth.items[made.truth.offsets[user] : made.truth.offsets[user + 1]])
                truth -= set(made.given.items[made.given.of(user)]) if masked else set()
                if truth:
                    recalls.append(len(truth & set(own[:5])) / len(truth))
            assert measure.users == len(recalls)
            assert measure.metrics["recall@5"] == pytest.approx(np.mean(recalls))
            assert measure.metrics.keys() == {
                f"{name}@{k}"
                for name in ("recall", "ndcg", "mrr", "hit_rate", "coverage", "gini", "novelty", "diversity")
                for k in (5, 10, 20)
            }
            reached[one.method] = measure
        best_one = max(reached, key=lambda name: reached[name].metrics["ndcg@10"])
        assert found.baselines[way] == best_one
        for name, measure in reached.items():
            if name == best_one:
                assert measure.differences == {}
                continue
            for metric, d in measure.differences.items():
                assert d.mean == pytest.approx(measure.metrics[metric] - reached[best_one].metrics[metric])
                assert d.low - 1e-12 <= d.mean <= d.high + 1e-12
            assert len(measure.differences) == 12


def test_the_baseline_may_be_named_and_is_not_needed():
    made = problem(4)
    named = evaluate(made, [Popular(), ItemCosine()], baseline="popular")
    assert named.baselines == {"masked": "popular", "unmasked": "popular"}
    alone = evaluate(made, [Given(np.zeros((9, 15)))])
    assert alone.baselines == {"masked": None, "unmasked": None}
    assert alone.methods[0].masked["all"].differences == {}
    assert alone.methods[0].masked["all"].metrics["diversity@5"] is None  # items have no attributes


def test_nothing_to_find_is_an_error():
    made = problem(5)
    same = distinct(made.given.users, len(made.given), made.given.items)
    with pytest.raises(DataError, match="that was not given"):
        evaluate(dataclasses.replace(made, truth=same), [Popular()])


def by_hand() -> Problem:
    """ItemFacts 0 … 4 have 6, 3, 1, 0 and 0 training events."""
    train = [[0, 0, 1], [0, 1, 1, 2], [0], [0], [0]]
    items = np.asarray([i for own in train for i in own], np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in train])])
    known = Histories(offsets, items, np.zeros(10), np.ones(10, np.float32))
    table = dataclasses.replace(bare(5), categories=["x", "y", "y", "", "x"])
    truth = ItemLists(np.array([0, 2, 4, 5]), np.array([0, 3, 1, 2, 4], np.int32))
    rows = np.array([0, 1, 2])
    return Problem("by hand", "fixed lists", table, known, known.rows(rows), np.zeros(3), truth, False)


def parts(made: Problem, masked: bool) -> dict[str, tuple[list[int], list[list[int]]]]:
    whole = wanted(made, masked)
    return {
        part.name: (
            part.users.tolist(),
            [own.tolist() for own in part.each],
        )
        for part in [whole, *slices(made, whole)]
    }


def test_slices_worked_out_by_hand():
    assert head(np.array([6, 3, 1, 0, 0])).tolist() == [True, True, False, False, False]
    assert parts(by_hand(), masked=False) == {
        "all": ([0, 1, 2], [[0, 3], [1, 2], [4]]),
        "new items": ([0, 2], [[3], [4]]),
        "long tail": ([0, 1, 2], [[3], [2], [4]]),
        "never had": ([0, 2], [[3], [4]]),
        "light users": ([2], [[4]]),
        "heavy users": ([1], [[1, 2]]),
        "category x": ([0, 2], [[0], [4]]),
        "category y": ([1], [[1, 2]]),
    }
    assert parts(by_hand(), masked=True) == {
        "all": ([0, 2], [[3], [4]]),
        "new items": ([0, 2], [[3], [4]]),
        "long tail": ([0, 2], [[3], [4]]),
        "light users": ([2], [[4]]),
        "heavy users": ([0], [[3]]),
        "category x": ([2], [[4]]),
    }


def test_new_items_among_themselves_by_hand():
    """ItemFacts 3 and 4 are new. User 0 wants 3, which comes last of all and second of the new; user 2 wants 4."""
    made, none = by_hand(), -np.inf
    method = Given([[9, 8, 7, 1, 2], [0, 0, 0, 1, 2], [5, 4, 3, none, 0]])
    one = evaluate(made, [method]).methods[0]
    for measures in (one.masked, one.unmasked):
        assert measures[AMONG_NEW].users == 2
        assert measures[AMONG_NEW].metrics["ndcg@5"] == pytest.approx((1 / math.log2(3) + 1) / 2)
        assert measures[AMONG_NEW].metrics["recall@5"] == 1.0
    assert one.unmasked["new items"].metrics["ndcg@5"] == pytest.approx((1 / math.log2(6) + 1 / math.log2(5)) / 2)
    method.fit(made)
    assert rankings_of(method, made, 3)[0].new.tolist() == [[4, 3, -1], [-1, -1, -1], [4, -1, -1]]  # user 1 wants none

    # User 0 was given item 4 since the training ended: it is new, and masked.
    given = Histories(np.array([0, 1, 1, 1]), np.array([4], np.int32), np.zeros(1), np.ones(1, np.float32))
    later = dataclasses.replace(made, given=given)
    method.fit(later)
    assert [one.new[0].tolist() for one in rankings_of(method, later, 3)] == [[4, 3, -1], [3, -1, -1]]


def test_without_new_items_they_are_no_slice():
    made = by_hand()
    old = dataclasses.replace(made, truth=ItemLists(np.array([0, 1, 2, 3]), np.array([2, 0, 1], np.int32)))
    measures = evaluate(old, [Popular(), ItemCosine()]).methods[0].unmasked
    assert "all" in measures
    assert not {AMONG_NEW, "new items"} & measures.keys()


def test_only_the_ten_categories_most_wanted_are_slices():
    made = by_hand()
    items = ItemFacts(
        [str(n) for n in range(12)], [""] * 12, [[]] * 12, np.full(12, np.nan), [f"c{n:02}" for n in range(12)]
    )
    wants = ItemLists(np.array([0, 12, 13, 14]), np.array([*range(12), 11, 11], np.int32))
    names = [name for name in parts(dataclasses.replace(made, items=items, truth=wants), False) if "category" in name]
    assert names == ["category c11", *(f"category c{n:02}" for n in range(9))]
