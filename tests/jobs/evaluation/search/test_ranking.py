"""Graded metrics, BM25 of few queries, and their choice, against plain computations."""

import math

import numpy as np
import pytest

from jobs.evaluation.metrics.graded import graded_ndcg, mean_known, recall_at, reciprocal_rank
from jobs.evaluation.search.baselines import FUSION, TITLES, TRANSFORMER, Baselines
from jobs.evaluation.search.choosing import WordsChoice
from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import Ranked
from jobs.evaluation.search.slices import misspelt
from jobs.models.lexical.all_counts import counted, parts
from jobs.models.lexical.query_words import QueryWords, title_only
from lookup.retrieval.lexical.build import Parameters, build
from lookup.retrieval.lexical.index import WordIndex
from lookup.text.analyzer import Analyzer

TITLED = [
    ("red lamp", "", "", "", "a lamp for a desk"),
    ("desk", "", "", "", "made of oak, with a lamp"),
    ("lamp lamp lamp", "", "", "", ""),
    ("chair", "", "", "", ""),
]
ROWS = np.array([4, 7, 9])


def test_ndcg():
    gains = np.array([3.0, 0.0, 1.0])
    assert graded_ndcg(np.array([4, 9, 7]), ROWS, gains) == pytest.approx(1)
    found = graded_ndcg(np.array([5, 9, 4]), ROWS, gains)
    assert found == pytest.approx((1 / math.log2(3) + 3 / 2) / (3 + 1 / math.log2(3)))
    assert graded_ndcg(np.array([5, 9, 4]), ROWS, gains, k=1) == 0
    assert math.isnan(graded_ndcg(np.array([4]), ROWS, np.zeros(3)))


def test_recall_and_rank():
    assert recall_at(np.array([1, 4, 9]), ROWS, k=2) == pytest.approx(1 / 3)
    assert reciprocal_rank(np.array([1, 4, 9]), ROWS) == 0.5
    assert reciprocal_rank(np.array([1]), ROWS) == 0
    assert math.isnan(recall_at(ROWS, np.array([], int)))
    assert math.isnan(reciprocal_rank(ROWS, np.array([], int)))
    assert mean_known([1.0, math.nan, 3.0]) == 2
    assert math.isnan(mean_known([math.nan]))


def test_ranked_breaks_ties_by_row():
    found = Ranked.of(np.array([2, 5, 8], np.int32), np.array([1.0, 2.0, 1.0]), np.array([1, 2, 8], np.int32))
    assert found.rows.tolist() == [5, 2, 8]
    assert found.judged.tolist() == [2, 8, 1]
    none = Ranked.of(np.zeros(0, np.int32), np.zeros(0), np.array([3, 4], np.int32))
    assert (none.rows.tolist(), none.judged.tolist()) == ([], [3, 4])


@pytest.fixture
def words():
    analyzer = Analyzer()
    return QueryWords(list(parts(TITLED, analyzer)), [[[("lamp", 1.0)], [("desk", 1.0)]], [[("sofa", 1.0)]]])


@pytest.mark.parametrize("parameters", [Parameters(), Parameters(1.2, (0.3,) * 5, (1.0, 1.0, 1.0, 1.0, 2.0))])
def test_scores_are_those_of_the_index(words, parameters):
    index = WordIndex(build(counted(TITLED, Analyzer()), parameters))
    slots = index.slots([[("lamp", 1.0)], [("desk", 1.0)]])
    rows = words.rows[0]
    assert rows.tolist() == [0, 1, 2]
    expected = index.postings.scores_of(rows, slots)
    np.testing.assert_allclose(words.scores(words.impacts(parameters), 0), expected, rtol=0.02)
    assert not len(words.rows[1])


def test_titles_alone(words):
    scores = words.scores(words.impacts(title_only(1.2, 0.75)), 0)
    idf = math.log(1 + (4 - 2 + 0.5) / 2.5)
    length = 0.25 + 0.75 * 2 / (7 / 4)
    assert scores[0] == pytest.approx(idf * (1 / length) / (1.2 + 1 / length), rel=1e-5)


def test_baselines(words):
    judgements = Judgements(["lamp desk", "sofa"], [np.array([1, 3], np.int32)] * 2, [np.array([1.0, 0.0])] * 2)
    vectors = np.eye(4, dtype=np.float32)
    found = Baselines(words, judgements, vectors[[3, 3]], vectors, vectors)
    assert found.ranked(TRANSFORMER, 0).rows[0] == 3
    assert found.ranked(TRANSFORMER, 0).judged.tolist() == [3, 1]
    assert found.ranked(TITLES, 0).rows.tolist() == [1, 2, 0]
    assert found.ranked(TITLES, 1).rows.tolist() == []
    assert found.ranked(FUSION, 0).rows[0] == 1


def test_parameters_follow_judgements(words):
    """The description decides which of two items is the better one."""
    grades = [np.array([3.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])]
    judgements = Judgements(["lamp desk", "sofa"], [np.array([0, 1, 2], np.int32)] * 2, grades)
    choice = WordsChoice(words, judgements, ("title", "description"))
    chosen = choice.mean(np.array([0]))
    assert chosen == choice.mean(np.array([0]))
    assert chosen.weights[:4] == Parameters().weights[:4]
    other = Judgements(["lamp desk", "sofa"], judgements.rows, [np.array([0.0, 3.0, 0.0]), grades[1]])
    assert chosen.weights[4] > WordsChoice(words, other, ("title", "description")).mean(np.array([0])).weights[4]


def test_one_wrong_letter():
    random = np.random.default_rng(0)
    assert misspelt("tv 42", random) is None
    for _ in range(50):
        wrong = misspelt("desk lamp", random)
        assert wrong != "desk lamp"
        assert abs(len(wrong) - 9) <= 1
    assert misspelt("lampe", np.random.default_rng(3)) == misspelt("lampe", np.random.default_rng(3))
