"""Why an item has its score for a query."""

from dataclasses import dataclass

import numpy as np

from lookup.search.ranker import FEATURES
from lookup.search.searcher import different
from lookup.serving.search.request import SearchRequest
from lookup.understanding.interpreter import Interpretation


@dataclass(frozen=True)
class SearchExplanation:
    """A score taken apart."""

    item_id: str
    score: float
    contributions: dict[str, float]
    """What each feature gives, the largest first; together they are the score. `FEATURES` says what each means."""
    candidate: bool
    """Whether the search finds the item by itself."""
    interpretation: Interpretation

    @property
    def sentence(self) -> str:
        """The three features that give the most, in words."""
        most = [name for name, share in self.contributions.items() if share > 0][:3]
        return "; ".join(FEATURES[name] for name in most) if most else "nothing in the query speaks for this item"


def explain(request: SearchRequest, item: str) -> SearchExplanation:
    """The score of an item for a request, beside the candidates that a search compares it with.

    Raises KeyError for an unknown item.
    """
    state, searcher, asked, session = request.state, request.searcher, request.asked, request.session
    row = state.find(item)
    if row < 0:
        raise KeyError(f"{item!r}: no such item in release {state.release.id}, and none was added since")
    near = request.compared
    rows = different([near, np.array([row], np.int32)])
    user = None if session is None else session.scores(rows)
    features = searcher.features(asked, rows, user)[np.searchsorted(rows, row)]
    shares = searcher.index.ranker.contributions(features)
    ordered = dict(sorted(shares.items(), key=lambda one: -abs(one[1])))
    found = bool(row in near)
    return SearchExplanation(state.id(row), sum(shares.values()), ordered, found, asked.interpretation)
