"""Weights from clicks, on a small shop whose shoppers click by one thing alone."""

import numpy as np
import pytest

from jobs.models.query_ranker.clicks import clicked_lists
from jobs.search.build import build_search
from lookup.search.index import SearchIndex
from lookup.search.ranker import NAMES
from lookup.search.searcher import Searcher
from tests.lookup.search.indexes import ItemsNow, table

TITLES = tuple(
    f"{colour} {thing} number {n}" for n in range(8) for colour in ("red", "blue") for thing in ("lamp", "desk")
)


@pytest.fixture(scope="module")
def searcher():
    arrays, facts = build_search(table(TITLES))
    return Searcher(SearchIndex(arrays, facts, len(TITLES)), ItemsNow(len(TITLES)))


def test_a_list_has_the_candidates_and_what_was_clicked(searcher):
    found = clicked_lists(searcher, [("lamp", 3, 2.0), ("red desk", 0, 1.0), ("lamp", 3, 0.5), ("lamp", 0, 1.0)])
    assert [one.weight for one in found] == pytest.approx([np.log1p(3.5), np.log1p(1.0)])
    assert sorted(found[0].gains[found[0].gains > 0]) == [1.0, 2.5]
    assert all(one.features.shape == (len(one.gains), len(NAMES)) for one in found)
    assert len(clicked_lists(searcher, [("lamp", 3, 2.0), ("desk", 0, 1.0)], most=1)) == 1
