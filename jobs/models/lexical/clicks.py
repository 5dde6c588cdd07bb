"""The parameters of BM25 over fields from clicks: kept where they are better on queries that taught nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.lexical.draws import averaged, drawn
from jobs.models.lexical.query_words import QueryWords, positions_of
from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import Counts
from lookup.retrieval.lexical.slots import Rows
from lookup.text.analyzer import Analyzer

DRAWS = 100
MOST = 1000
"""Queries, those with the most clicks first …"""
MOST_ROWS = 1_000_000
"""… for as long as they have so many items together: some seconds for all draws, and the same in every night."""
FEWEST = 100
"""With fewer queries the default parameters stay."""
MEASURED = 5
"""One query in so many teaches nothing: the parameters are measured on these."""
SURE = 2.0
"""The gain must be so many standard errors above zero."""
AT, SEED = 10, 0


class ChosenParameters(NamedTuple):
    """What clicks choose."""

    parameters: Parameters
    """The default ones, unless others are better."""
    queries: int
    """With clicks on items that hold one of their words."""
    before: float
    """NDCG@10 of the clicks on the measured queries with the default parameters; NaN: not measured."""
    after: float
    """And with those that the other queries teach."""


class Clicked(NamedTuple):
    """The items of a query that hold one of its words."""

    query: int
    """Its place among the words' queries."""
    gains: NDArray[np.float64]
    """Of each of its rows what clicks weigh."""
    ideal: float


def choose_parameters(
    parts: Sequence[Counts], analyzer: Analyzer, clicks: Iterable[tuple[str, int, float]], fields: Sequence[str]
) -> ChosenParameters:
    """Choose the parameters for some items. parts: of all of them. clicks: as `QuerySources.clicks`. fields: those that
    hold texts."""
    taken: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for query, row, weight in clicks:
        taken[query][row] += weight
    if len(taken) < FEWEST:
        return ChosenParameters(Parameters(), len(taken), float("nan"), float("nan"))
    queries = sorted(taken, key=lambda one: (-sum(taken[one].values()), one))[:MOST]
    words = QueryWords(parts, [positions_of(query, analyzer) for query in queries])
    lists = _lists(words.rows, [taken[query] for query in queries])
    if len(lists) < FEWEST:
        return ChosenParameters(Parameters(), len(lists), float("nan"), float("nan"))
    draws = drawn(fields, DRAWS, SEED)
    worth = np.stack([_worth(words, lists, one) for one in draws])
    order = np.random.default_rng(SEED).permutation(len(lists))
    measured, taught = order[::MEASURED], np.delete(order, np.s_[::MEASURED])
    found = averaged(draws, worth[:, taught].sum(axis=1))
    before, after = worth[0, measured], _worth(words, lists, found)[measured]
    gains = after - before
    better = gains.mean() > SURE * gains.std() / np.sqrt(len(gains))
    kept = averaged(draws, worth.sum(axis=1)) if better else Parameters()
    return ChosenParameters(kept, len(lists), float(before.mean()), float(after.mean()))


def _lists(rows: Sequence[Rows], taken: Sequence[dict[int, float]]) -> list[Clicked]:
    """Those that say something: a clicked item is among them, and another one."""
    made, whole = [], 0
    for query, (found, clicked) in enumerate(zip(rows, taken, strict=True)):
        gains = np.zeros(len(found))
        for row, weight in clicked.items():
            place = int(np.searchsorted(found, row))
            if place < len(found) and found[place] == row:
                gains[place] = weight
        best = np.sort(gains)[::-1][:AT]
        ideal = float(best @ _discounts(len(best)))
        whole += len(found)
        if whole > MOST_ROWS:
            break
        if ideal > 0 and len(found) > 1:
            made.append(Clicked(query, gains, ideal))
    return made


def _worth(words: QueryWords, lists: Sequence[Clicked], parameters: Parameters) -> NDArray[np.float64]:
    """NDCG@10 of the clicks of each list, ties by row (Järvelin & Kekäläinen, TOIS 2002), (lists,)."""
    made = words.impacts(parameters)
    worth = np.zeros(len(lists))
    for place, one in enumerate(lists):
        scores = -words.scores(made, one.query)
        first = np.arange(len(scores))
        if len(scores) > AT:
            first = np.flatnonzero(scores <= np.partition(scores, AT - 1)[AT - 1])
        best = first[np.argsort(scores[first], kind="stable")[:AT]]
        worth[place] = one.gains[best] @ _discounts(len(best)) / one.ideal
    return worth


def _discounts(k: int) -> NDArray[np.float64]:
    return 1 / np.log2(np.arange(2, k + 2))
