"""The parameters of BM25 from clicks: chosen where clicks say something, left alone where they do not."""

import numpy as np
import pytest

from jobs.models.lexical.all_counts import counted
from jobs.models.lexical.clicks import FEWEST, choose_parameters
from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import FIELDS
from lookup.text.analyzer import Analyzer

WORDS = [f"{first}{last}" for first in ("ba", "co", "di", "fu", "le", "mo") for last in ("lka", "nda", "rto", "sma")]
PAIRS = [(one, other) for one in WORDS[:12] for other in WORDS[12:]]
"""Queries of two words."""
TITLED, DESCRIBED = 4, 4
"""Items of a query that have its words in the title, and in the description."""
TEXTS = [
    text
    for one, other in PAIRS
    for text in (
        *[(f"{one} {other} kind {n}", "", "", "", "some plain words") for n in range(TITLED)],
        *[(f"thing {n}", "", "", "", f"{one} {other} beside some other words") for n in range(DESCRIBED)],
    )
]
ANALYZER = Analyzer()
COUNTS = counted(TEXTS, ANALYZER)


def clicks(described: bool | None) -> list[tuple[str, int, float]]:
    """Of each query clicks on the items that have its words in their descriptions, or in their titles; None: on any."""
    rng, made, size = np.random.default_rng(4), [], TITLED + DESCRIBED
    for place, pair in enumerate(PAIRS):
        rows = rng.permutation(size)[:3] if described is None else np.arange(3) + (TITLED if described else 0)
        made += [(" ".join(pair), place * size + int(row), 1.0) for row in rows]
    return made


def test_what_people_click_moves_the_weights_of_fields() -> None:
    chosen = choose_parameters(COUNTS, ANALYZER, clicks(described=True), ("title", "description"))
    assert chosen.queries == len(PAIRS) >= FEWEST
    assert chosen.after > chosen.before + 0.1
    weights = dict(zip(FIELDS, chosen.parameters.weights, strict=True))
    default = dict(zip(FIELDS, Parameters().weights, strict=True))
    assert weights["description"] > 2 * default["description"]
    assert weights["brand"] == default["brand"]  # no item has a text there
    assert chosen == choose_parameters(COUNTS, ANALYZER, clicks(described=True), ("title", "description"))


@pytest.mark.parametrize("described", [None, False], ids=["at random", "as the default parameters have it"])
def test_clicks_that_say_nothing_new_change_nothing(described: bool | None) -> None:
    assert choose_parameters(COUNTS, ANALYZER, clicks(described), ("title", "description")).parameters == Parameters()


def test_few_clicked_queries_choose_nothing() -> None:
    few = choose_parameters(COUNTS, ANALYZER, clicks(described=True)[: 3 * (FEWEST - 1)], FIELDS)
    assert (few.parameters, few.queries, np.isnan(few.after)) == (Parameters(), FEWEST - 1, True)
    elsewhere = [("nowhere at all", row, 1.0) for row in range(3)]
    assert choose_parameters(COUNTS, ANALYZER, elsewhere, FIELDS).queries == 1


def test_a_release_has_the_parameters_and_says_what_they_are_worth() -> None:
    n = len(TEXTS)
    none = np.full(n, -1, np.int32)
    for made, moved in ((clicks(described=True), True), ([], False)):
        sources = QuerySources([text[0] for text in TEXTS], none, none, np.ones(n, np.float32), [], [], clicks=made)
        arrays, facts = build_search(ItemTable(TEXTS, none, sources))
        read = Parameters.of(arrays)
        assert (read.weights[4] > 2 * Parameters().weights[4]) == moved
        assert set(facts.clicked) == ({"queries", "before", "after"} if moved else set())
