"""What an index answers to judged queries: candidates, their features, and from weights a ranked list."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.search.judgements import Judgements
from jobs.models.query_ranker.worth import JudgedList
from lookup.retrieval.lexical.slots import NOTHING, Rows
from lookup.search.query import Asked
from lookup.search.searcher import Searcher

RANKED = 1000
"""As in a shop, so many of the items that hold every word are ranked."""


class Encodes(Protocol):
    """From the words of a query to its vector."""

    def vector(self, words: tuple[str, ...]) -> NDArray[np.float32]:
        """(E,), of length 1."""


class Answer(NamedTuple):
    """One query's items: candidates, and what else is judged, rising."""

    rows: Rows
    features: NDArray[np.float32]
    """(n, F), in the order of `lookup.search.ranker.NAMES`."""
    candidate: NDArray[np.bool_]
    """(n,)"""

    def ranked(self, weights: NDArray[np.floating], among: NDArray[np.bool_]) -> Rows:
        """The rows of some of the items, best first, ties by row."""
        rows, scores = self.rows[among], self.features[among] @ weights.astype(np.float32)
        return rows[np.lexsort((rows, -scores))]


def answer(searcher: Searcher, query: str, judged: Rows) -> Answer:
    """Ask for a query. judged: rows that are to be scored besides the candidates."""
    asked = searcher.index.asked(query)
    found = candidates(searcher, asked)
    rows = np.union1d(found, judged).astype(np.int32)
    # Some features look at the best candidates: what is judged besides is too far down to be among them.
    return Answer(rows, searcher.features(asked, rows), np.isin(rows, found))


def candidates(searcher: Searcher, asked: Asked) -> Rows:
    """What a call of a shop ranks (`lookup.serving.search.request`), nothing filtered, rising."""
    near = searcher.candidates(asked)
    first = matching(searcher, asked)
    if len(first) > RANKED:
        by_words = searcher.matched(asked, first).first
        first = first[np.argsort(-by_words, kind="stable")[:RANKED]]
    return np.union1d(near, first).astype(np.int32)


def matching(searcher: Searcher, asked: Asked) -> Rows:
    """The items that hold every word; where there are none, words are given up, the least telling first."""
    positions, given = list(asked.positions), []
    for place in [-1, *searcher.given_up(positions)[:-1]]:
        if place >= 0:
            given.append(place)
        rows = searcher.matches([one for at, one in enumerate(positions) if at not in given])
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
