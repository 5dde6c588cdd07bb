"""The figures of a search evaluation, from results made by hand."""

import numpy as np
import pytest

from jobs.evaluation.search import figures
from jobs.evaluation.search.evaluation import DAY, NIGHT, Chosen, SearchResults
from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import METRICS
from lookup.retrieval.lexical.build import Parameters

QUERIES = 4


def metrics(*values):
    """The same of every query; the last query has nothing relevant."""
    made = np.tile(np.array(values), (QUERIES, 1))
    made[-1, :4] = np.nan
    return made


@pytest.fixture
def results():
    chosen = Chosen(Parameters(), {"words": 6.0, "meaning": 0.001})
    return SearchResults(
        {
            "plain": metrics(0.5, 0.75, 0.5, 0.5, 0),
            "clever": metrics(0.75, 0.5, 0.5, 0.5, 0),
            DAY: metrics(1.0, 0.8, 0.9, 1, 0),
            NIGHT: metrics(1.0, 0.8, 0.9, 1, 0),
        },
        {"one word": np.array([True, True, False, False]), "rare": np.zeros(QUERIES, bool)},
        [chosen] * 2,
        chosen,
        np.array([0, 3]),
        metrics(0.75, 0.6, 0.9, 1, 0)[[0, 3]],
    )


@pytest.fixture
def judgements():
    return Judgements(list("abcd"), [np.array([0, 1])] * QUERIES, [np.array([0.0, 3.0])] * QUERIES)


def test_each_metric_has_its_own_best_baseline(results):
    assert [row[1] for row in figures.difference_rows(results)[1::2]] == ["clever", "plain", "plain"]
    assert figures.difference(results, 0, DAY, "clever") == pytest.approx((0.25, 0.25, 0.25))


def test_rows(results):
    head, *rows = figures.method_rows(results)
    assert head == ["method", *METRICS]
    assert rows[0] == ["plain", "0.5000", "0.7500", "0.5000", "0.5000", "0.0000"]
    assert [row[:3] for row in figures.slice_rows(results)[1:]] == [["one word", "2", DAY], ["one word", "2", "plain"]]
    assert figures.numbers([head]) == list(METRICS)


def test_what_a_wrong_letter_costs(results, judgements):
    """The query without anything relevant does not count."""
    assert results.lost == pytest.approx((0.25, 0.25))
    said = figures.sentences(results, judgements)
    assert said[-1].startswith("One wrong letter in 2 queries costs 25.0%")
    assert "words 6.00" in said[3]
    assert "meaning" not in said[3]


def test_json(results, judgements):
    *rows, chosen = figures.json_rows(results, judgements)
    assert [row["method"] for row in rows] == list(results.methods)
    assert rows[2]["metrics"] == pytest.approx(dict(zip(METRICS, [1.0, 0.8, 0.9, 1.0, 0.0], strict=True)))
    assert rows[2]["slices"]["rare"]["metrics"]["MRR"] is None
    assert chosen["chosen"]["final"]["k1"] == 0.3
    assert chosen["chosen"]["misspelt"]["lost"]["NDCG@10"] == pytest.approx(0.25)
