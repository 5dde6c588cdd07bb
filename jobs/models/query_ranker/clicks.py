"""Lists to learn from out of clicks: the candidates of a query, graded by what people took."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.query_ranker.learn import GradedList, learn_well
from lookup.search.ranker import NAMES
from lookup.search.searcher import Searcher

MOST = 2000
"""Queries, those with the most clicks: some 5 ms each."""
FEWEST = 100
"""With fewer queries the default weights stay."""
MEASURED = 5
"""One query in so many teaches nothing: the weights are measured on these."""
SURE = 2.0
"""The gain must be so many standard errors above zero."""
AT, SEED = 10, 0


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


class FromClicks(NamedTuple):
    """What clicks teach."""

    weights: dict[str, float]
    """By feature; empty: those that hold without clicks are as good."""
    queries: int
    """With clicks."""
    before: float
    """NDCG@10 of the clicks on the measured queries with the weights that hold without; NaN: not measured."""
    after: float
    """And with the learned ones."""


def learn_from_clicks(searcher: Searcher, clicks: Iterable[tuple[str, int, float]]) -> FromClicks:
    """Learn the ranker's weights from clicks (`clicked_lists`); keep them where they are better on queries that taught
    nothing.
    """
    lists, prior = clicked_lists(searcher, clicks), searcher.index.ranker.weights.astype(np.float64)
    if len(lists) < FEWEST:
        return FromClicks({}, len(lists), float("nan"), float("nan"))
    drawn = np.random.default_rng(SEED).permutation(len(lists)).tolist()
    measured = [lists[place] for place in drawn[::MEASURED]]
    taught = [lists[place] for at, place in enumerate(drawn) if at % MEASURED]
    before, after = ndcg(measured, prior), ndcg(measured, learn_well(taught, prior)[0])
    gains = after - before
    if gains.mean() <= SURE * gains.std() / np.sqrt(len(gains)):
        return FromClicks({}, len(lists), float(before.mean()), float(after.mean()))
    found, _ = learn_well(lists, prior)
    # In the size of the prior: scores stay comparable with those of other releases.
    size = np.linalg.norm(prior) / max(float(np.linalg.norm(found)), 1e-9)
    named = {name: round(float(weight * size), 4) for name, weight in zip(NAMES, found, strict=True) if weight}
    return FromClicks(named, len(lists), float(before.mean()), float(after.mean()))


def ndcg(lists: Sequence[GradedList], weights: NDArray[np.floating]) -> NDArray[np.float64]:
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
