"""The weights of the query ranker, learned from what people clicked and bought; kept only where they are better."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.query_ranker.learn import GradedList, learn_weights
from jobs.search.head import NightItems
from lookup.search.index import SearchIndex
from lookup.search.ranker import NAMES
from lookup.search.searcher import Searcher, different

LEAST_QUERIES = 100
"""With fewer clicked queries nothing is learned."""
MOST_QUERIES = 3000
"""The most clicked ones teach; the others add little."""
MEASURED = 5
"""One query in so many is not learned from; the weights are measured on these."""
TRIED = (0.01, 0.1, 1.0, 10.0)
"""How dear it is to leave the weights that hold without a log."""
SURE = 2.0
"""The gain must be so many standard errors above zero."""
AT = 10


class FromClicks(NamedTuple):
    """What a query log teaches."""

    weights: dict[str, float]
    """By feature; empty: those that hold without a log are as good."""
    queries: int
    """Clicked queries."""
    before: float
    """NDCG@10 of the clicks on the measured queries with the weights that hold without a log; NaN: not measured."""
    after: float
    """And with the learned ones."""


def learn_from_clicks(index: SearchIndex, items: NightItems, clicks: Sequence[tuple[str, int, float]]) -> FromClicks:
    """Learn the weights from clicks: query, item row, and how much it counts, without the bias of positions.

    A query's candidates are those of the day's search; what was clicked is right, as much as it counts.
    """
    lists = _lists(index, items, clicks)
    if len(lists) < LEAST_QUERIES:
        return FromClicks({}, len(lists), float("nan"), float("nan"))
    measured = [one for place, one in enumerate(lists) if place % MEASURED == 0]
    taught = [one for place, one in enumerate(lists) if place % MEASURED]
    # The way there is chosen without the measured ones, on a part of the others.
    aside, rest = taught[::MEASURED], [one for place, one in enumerate(taught) if place % MEASURED]
    prior = index.ranker.weights
    best = max(TRIED, key=lambda dear: _ndcg(aside, learn_weights(rest, prior, dear)).mean())
    before, after = _ndcg(measured, prior), _ndcg(measured, learn_weights(taught, prior, best))
    gains = after - before
    better = gains.mean() > SURE * gains.std() / np.sqrt(len(gains))
    weights = learn_weights(lists, prior, best) if better else None
    named = {} if weights is None else {name: float(one) for name, one in zip(NAMES, weights, strict=True) if one}
    return FromClicks(named, len(lists), float(before.mean()), float(after.mean()))


def _lists(index: SearchIndex, items: NightItems, clicks: Sequence[tuple[str, int, float]]) -> list[GradedList]:
    of_query: dict[str, dict[int, float]] = defaultdict(dict)
    for query, item, weight in clicks:
        of_query[query][item] = of_query[query].get(item, 0.0) + weight
    most = sorted(of_query, key=lambda query: (-sum(of_query[query].values()), query))[:MOST_QUERIES]
    searcher = Searcher(index, items)
    lists = []
    for query in sorted(most):
        asked = index.asked(query)
        clicked = np.array(sorted(of_query[query]), np.int32)
        rows = different([searcher.candidates(asked), clicked])
        gains = np.zeros(len(rows))
        gains[np.searchsorted(rows, clicked)] = [of_query[query][item] for item in clicked.tolist()]
        lists.append(GradedList(searcher.features(asked, rows), gains))
    return lists


def _ndcg(lists: Sequence[GradedList], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """NDCG@10 of each list, gains as they are (Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR
    techniques", TOIS 2002), float64 (lists,)."""
    discount = 1 / np.log2(np.arange(2, AT + 2))
    made = []
    for one in lists:
        order = np.argsort(-(one.features @ weights), kind="stable")[:AT]
        ideal = np.sort(one.gains)[::-1][:AT]
        best = float(ideal @ discount[: len(ideal)])
        made.append(float(one.gains[order] @ discount[: len(order)]) / best if best else 0.0)
    return np.array(made)
