"""Position bias, on clicks that were drawn with a known one."""

import numpy as np
import polars as pl
import pytest

from jobs.models.query_log.log import QueryLog
from jobs.models.query_log.positions import falling, propensities

TRUE = np.arange(1, 9) ** -0.8


def simulated(*, shown: bool, rankings: int) -> QueryLog:
    """Searches of 30 queries with 8 items each; better items tend to the top in each ranking."""
    rng = np.random.default_rng(7)
    searches, items = [], []
    for query in range(30):
        relevance = np.sort(rng.uniform(0.05, 0.9, 8))[::-1]
        orders = [np.argsort(-(relevance + rng.normal(0, 0.3, 8))) for _ in range(rankings)]
        for number in range(400):
            order, search = orders[number % rankings], len(searches)
            searches.append((search, f"query {query}"))
            clicked = rng.random(8) < TRUE * relevance[order]
            items += [(search, int(order[k]), k + 1, bool(clicked[k])) for k in range(8) if shown or clicked[k]]
    return QueryLog(
        pl.DataFrame(searches, schema=["search", "query"], orient="row"),
        pl.DataFrame(items, schema=["search", "item", "position", "clicked"], orient="row"),
        {},
    )


def test_items_at_several_positions_tell_the_bias():
    found = propensities(simulated(shown=True, rankings=3))
    assert found.method == "interventions"
    assert found.values == pytest.approx(TRUE, rel=0.12)


def test_clicks_alone_tell_the_most_that_it_can_be():
    found = propensities(simulated(shown=False, rankings=1))
    assert found.method == "clicks"
    assert (np.diff(found.values) <= 0).all()
    assert (found.values[1:] < TRUE[1:]).all()


def test_one_ranking_is_no_intervention():
    assert propensities(simulated(shown=True, rankings=1)).method == "clicks"


def test_a_log_without_positions_has_no_bias():
    log = simulated(shown=True, rankings=1)
    found = propensities(log._replace(items=log.items.with_columns(position=pl.lit(None, pl.Int32))))
    assert (found.method, found.values.tolist(), found.clicks) == ("none", [1.0], 0)


def test_numbers_that_never_rise():
    assert falling(np.array([4.0, 1.0, 3.0, 2.0, 5.0])).tolist() == [4.0, 2.75, 2.75, 2.75, 2.75]
