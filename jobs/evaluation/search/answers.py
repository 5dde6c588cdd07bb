"""What an index answers to judged queries: candidates, their features, and from weights a ranked list."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import Ranked
from jobs.models.query_ranker.worth import JudgedList
from lookup.retrieval.lexical.slots import NOTHING, Rows
from lookup.search.query import Asked
from lookup.search.searcher import RANKED, Searcher

Encode = Callable[[str], NDArray[np.float32]]
"""From a query, corrected and normalised, to its vector in the items' space, float32 (E,)."""


class Answer(NamedTuple):
    """One query's items: candidates, and what else is judged, rising."""

    rows: Rows
    features: NDArray[np.float32]
    """(n, F), in the order of `lookup.search.ranker.NAMES`."""
    candidate: NDArray[np.bool_]
    """(n,)"""

    def ranked(self, weights: NDArray[np.floating], judged: Rows) -> Ranked:
        """The items in the order of their scores. judged: rows of the query, rising."""
        scores = self.features @ weights.astype(np.float32)
        among = self.candidate
        best = Ranked.of(self.rows[among], scores[among], judged)
        return Ranked(best.rows, Ranked.of(self.rows, scores, judged).judged)


def answer(searcher: Searcher, query: str, judged: Rows, encode: Encode | None = None) -> Answer:
    """Ask for a query. judged: rows that are to be scored besides the candidates. encode: instead of the day's
    encoder."""
    asked = searcher.index.asked(query)
    if encode is not None and asked.words:
        asked = replace(asked, vector=encode(" ".join(asked.words)))
    found = candidates(searcher, asked)
    rows = np.union1d(found, judged).astype(np.int32)
    # Some features look at the best candidates: what is judged besides is too far down to be among them.
    return Answer(rows, searcher.features(asked, rows), np.isin(rows, found))


def candidates(searcher: Searcher, asked: Asked) -> Rows:
    """What a call of a shop ranks (`Searcher.ranked`), nothing filtered, rising."""
    first = matching(searcher, asked)
    if len(first) > RANKED:
        first = first[np.argsort(-searcher.by_words(asked.positions, first), kind="stable")[:RANKED]]
    return np.union1d(searcher.candidates(asked), first).astype(np.int32)


def matching(searcher: Searcher, asked: Asked) -> Rows:
    """The items that hold every word; where there are none, words are given up, the least telling first."""
    given: list[int] = []
    for place in [-1, *searcher.given_up(asked)[:-1]]:
        if place >= 0:
            given.append(place)
        rows = searcher.matches(asked.needed(at for at in range(len(asked.positions)) if at not in given))
        if len(rows):
            return rows
    return NOTHING


def judged_list(found: Answer, judgements: Judgements, query: int) -> JudgedList:
    """An answer with what is known of it, to learn from."""
    rows = judgements.rows[query]
    judged = np.isin(found.rows, rows)
    gains = np.zeros(len(found.rows))
    gains[judged] = judgements.gains(query)
    relevant = np.isin(found.rows, judgements.relevant(query))
    return JudgedList(found.features, gains, relevant, judged, found.candidate)
