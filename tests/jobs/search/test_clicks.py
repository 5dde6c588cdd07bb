"""Weights of the query ranker from clicks: learned where clicks say something, left alone where they do not."""

import numpy as np
import pytest

from jobs.models.query_ranker.clicks import FEWEST, learn_from_clicks
from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from jobs.search.head import NightItems
from lookup.search.index import SearchIndex
from lookup.search.ranker import DEFAULT
from lookup.search.searcher import Searcher

COLOURS = ("red", "green", "blue", "black", "white", "grey", "brown", "pink")
THINGS = tuple(
    f"{first}{last}" for first in ("ba", "co", "di", "fu", "le", "mo") for last in ("lka", "nda", "rto", "sma")
)
ITEMS = [f"{colour} {thing} {size}" for thing in THINGS for colour in COLOURS for size in ("small", "large")]
N = len(ITEMS)
PRICE = np.random.default_rng(3).lognormal(3, 1, N)


@pytest.fixture(scope="module")
def shop() -> tuple[SearchIndex, NightItems]:
    none = np.full(N, -1, np.int32)
    sources = QuerySources(ITEMS, none, none, np.ones(N, np.float32), [], [])
    arrays, facts = build_search(ItemTable([(title, "", "", "", "") for title in ITEMS], none, sources))
    return SearchIndex(arrays, facts, N), NightItems(PRICE, none[:, None], none, np.ones(N, bool))


def clicks(cheap: bool) -> list[tuple[str, int, float]]:
    """Of each query four clicks: on the cheapest of the things that it asks for, or on any of them."""
    rng = np.random.default_rng(5)
    made = []
    for query in [*THINGS, *(f"{colour} {thing}" for colour in COLOURS for thing in THINGS)]:
        rows = np.array(
            [row for row, title in enumerate(ITEMS) if all(word in title.split() for word in query.split())]
        )
        order = rows[np.argsort(PRICE[rows])] if cheap else rng.permutation(rows)
        made += [(query, int(row), 4.0 - place) for place, row in enumerate(order[:4])]
    return made


def test_what_people_click_moves_the_weights(shop: tuple[SearchIndex, NightItems]) -> None:
    learned = learn_from_clicks(Searcher(*shop), clicks(cheap=True))
    assert learned.queries == len(THINGS) * (1 + len(COLOURS))
    assert learned.after > learned.before + 0.03
    assert learned.weights["price"] < 0
    assert learned == learn_from_clicks(Searcher(*shop), clicks(cheap=True))


def test_clicks_that_say_nothing_change_nothing(shop: tuple[SearchIndex, NightItems]) -> None:
    assert learn_from_clicks(Searcher(*shop), clicks(cheap=False)).weights == {}


def test_few_clicked_queries_teach_nothing(shop: tuple[SearchIndex, NightItems]) -> None:
    few = learn_from_clicks(Searcher(*shop), clicks(cheap=True)[: FEWEST - 1])
    assert (few.weights, np.isnan(few.before)) == ({}, True)
    assert learn_from_clicks(Searcher(*shop), []).queries == 0


def test_a_release_gets_the_learned_weights(shop: tuple[SearchIndex, NightItems]) -> None:
    none = np.full(N, -1, np.int32)
    sources = QuerySources(ITEMS, none, none, np.ones(N, np.float32), [], [], clicks=clicks(cheap=True))
    table = ItemTable([(title, "", "", "", "") for title in ITEMS], none, sources, now=shop[1], most_queries=3)
    arrays, facts = build_search(table)
    assert facts.weights["price"] < 0
    assert facts.weights != DEFAULT
    assert len(arrays["head_total"]) <= 3
