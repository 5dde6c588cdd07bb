"""Why an item has its score for a query."""

from dataclasses import dataclass

import numpy as np

from lookup.search.searcher import different
from lookup.serving.search.request import SearchRequest
from lookup.understanding.interpreter import Interpretation

REASONS: dict[str, str] = {
    "words": "it holds words of the query",
    "title": "words stand in its title",
    "brand_words": "words stand in its brand",
    "category_words": "words stand in its category",
    "attributes": "words stand in its attributes",
    "description": "words stand in its description",
    "whole": "its title holds every word",
    "phrase": "the words follow one another in its title",
    "pairs": "words of the query are neighbours in its title",
    "exact": "its title is the query",
    "head": "it is the thing that the query names last",
    "early": "a word stands early in its title",
    "brief": "its title says little else",
    "meaning": "it is near to the query in meaning",
    "title_meaning": "its title is near to the query in meaning",
    "alike": "it is like the best items for the query",
    "category": "the query means its category",
    "brand": "the query means its brand",
    "popular": "it is popular",
    "price": "its price fits",
    "new": "it is new",
    "user": "it fits the user",
}
"""What a feature of the ranker (`lookup.search.ranker.FEATURES`) says for an item to which it gives something."""
NOTHING = "nothing in the query speaks for this item"


@dataclass(frozen=True)
class SearchExplanation:
    """A score taken apart."""

    item_id: str
    score: float
    contributions: dict[str, float]
    """What each feature gives, the largest first; together they are the score.

    `lookup.search.ranker.FEATURES` says what each means.
    """
    candidate: bool
    """Whether the search finds the item by itself."""
    interpretation: Interpretation

    @property
    def sentence(self) -> str:
        """The three features that give the most, in words."""
        most = [name for name, share in self.contributions.items() if share > 0][:3]
        return "; ".join(REASONS[name] for name in most) if most else NOTHING


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
