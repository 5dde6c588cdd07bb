"""Lists to learn from out of clicks: the candidates of a query, graded by what people took."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from jobs.models.query_ranker.learn import GradedList, learn_well
from lookup.search.ranker import DEFAULT, NAMES
from lookup.search.searcher import Searcher

MOST = 2000
"""Queries, those with the most clicks: some 5 ms each."""
FEWEST = 50
"""With fewer queries the default weights stay."""


def clicked_lists(searcher: Searcher, clicks: Iterable[tuple[str, int, float]], most: int = MOST) -> list[GradedList]:
    """A list of each query with clicks, those with the most first.

    clicks: query, row of the item, and what the clicks weigh: each the inverse of how likely its position was looked at
    (`jobs.models.query_log.lessons.clicks`), so that the sum over clicks is, in the mean, that of a log in which all
    positions are looked at. A list weighs the logarithm of that: no query drowns out the others.
    """
    taken: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for query, row, weight in clicks:
        taken[query][row] += weight
    lists = []
    for query in sorted(taken, key=lambda one: (-sum(taken[one].values()), one))[:most]:
        asked = searcher.index.asked(query)
        clicked = np.array(sorted(taken[query]), np.int32)
        rows = np.union1d(searcher.candidates(asked), clicked).astype(np.int32)
        gains = np.zeros(len(rows))
        gains[np.searchsorted(rows, clicked)] = [taken[query][row] for row in clicked.tolist()]
        lists.append(GradedList(searcher.features(asked, rows), gains, float(np.log1p(gains.sum()))))
    return lists


def weights_of_clicks(searcher: Searcher, clicks: Iterable[tuple[str, int, float]]) -> dict[str, float]:
    """The weights of the ranker by name, for `lookup.search.index.Facts`; empty, which stands for the default ones,
    where too few queries have clicks.
    """
    lists = clicked_lists(searcher, clicks)
    if len(lists) < FEWEST:
        return {}
    prior = np.array([DEFAULT.get(name, 0.0) for name in NAMES])
    found, _ = learn_well(lists, prior)
    # In the size of the prior: scores stay comparable with those of other releases.
    size = np.linalg.norm(prior) / max(float(np.linalg.norm(found)), 1e-9)
    return {name: round(float(weight * size), 4) for name, weight in zip(NAMES, found, strict=True) if weight}
