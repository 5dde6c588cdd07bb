"""Synonyms of one word and of several, from the shop's file to what a search finds."""

import numpy as np
import pytest

from jobs.models.understanding.build import QuerySources
from jobs.models.understanding.rewrites import read_synonyms
from jobs.search.build import ItemTable, build_search
from jobs.search.head import NightItems
from lookup.search.index import SearchIndex
from lookup.search.searcher import Searcher

TITLES = (
    "Grey sofa bed",
    "Bed linen for a sofa",
    "Couch table",
    "Mobile, black",
    "Cell phone case",
    "Phone stand",
    "Sofabed with drawers",
)
RULES = ("couch => sofa bed", "cell phone => mobile", "tele => television set")


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    none, count = np.full(len(TITLES), -1, np.int32), len(TITLES)
    sources = QuerySources(TITLES, none, none, np.ones(count, np.float32), [], [], synonyms=read_synonyms(RULES))
    arrays, facts = build_search(ItemTable([(title, "", "", "", "") for title in TITLES], none, sources))
    items = NightItems(np.full(count, np.nan), none[:, None], none, np.ones(count, bool))
    return Searcher(SearchIndex(arrays, facts, count), items)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("couch", {0, 2, 6}),  # neither a bed nor a sofa alone
        ("grey couches", {0}),
        ("cell phone", {3, 4}),
        ("mobile", {3}),  # one way
        ("sofa bed", {0, 1, 6}),  # as typed: both words, wherever they stand
        ("tele", set()),
    ],
)
def test_an_item_holds_a_synonym_as_a_whole(searcher: Searcher, query: str, found: set[int]) -> None:
    assert set(searcher.matches(searcher.asked(query, ["spelling"]).needed()).tolist()) == found


def test_the_exact_word_wins(searcher: Searcher) -> None:
    asked = searcher.asked("couch")
    rows = searcher.matches(asked.needed())
    scores = dict(zip(rows.tolist(), searcher.matched(asked, rows).words.tolist(), strict=True))
    assert scores[2] > scores[0]
