"""The ranker of queries: a weighted sum of named features, so that a score comes apart into what each gives."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError

FEATURES: dict[str, str] = {
    "words": "BM25 over fields of the query's words, of the most that these words can give",
    "title": "share of the query's weight that the title holds",
    "brand_words": "share that the brand's name holds",
    "category_words": "share that the names of categories hold",
    "attributes": "share that attributes hold",
    "description": "share that the description holds",
    "whole": "1 where the title holds every word",
    "phrase": "1 where the words follow one another in the title",
    "pairs": "share of the query's neighbouring words that are neighbours in the title",
    "exact": "1 where the title is the query",
    "head": "1 where the title names what the query's last word names: a case, not a case for it",
    "early": "how early a word of the query stands in the title",
    "brief": "how little else the title says",
    "meaning": "cosine of the vectors of query and item; 0 for a query that is a brand's name alone",
    "title_meaning": "cosine of the vectors of query and title, which is read as a query; 0 likewise",
    "alike": "cosine of the item's vector and the mean of those of the best candidates; 0 likewise",
    "category": "probability that the query means a category of the item",
    "brand": "probability that the query means the item's brand",
    "popular": "share of the shop's items that are less popular",
    "price": "price beside those of the best candidates, in standard deviations of its logarithm, -3 to 3",
    "new": "share of the other items that the shop had earlier; 1 for an added item, 0 where unknown",
    "user": "score for the user beside those of the other candidates, in standard deviations, -3 to 3",
}
"""The features by name, in the order of their columns."""
NAMES = tuple(FEATURES)

DEFAULT: dict[str, float] = {
    "words": 5.0,
    "title": 0.5,
    "description": 0.1,
    "whole": 0.3,
    "phrase": 0.5,
    "pairs": 0.3,
    "exact": 2.0,
    "head": 0.3,
    "early": 0.2,
    "brief": 0.5,
    "meaning": 6.0,
    "title_meaning": 2.0,
    "alike": 4.0,
    "category": 1.0,
    "brand": 1.0,
    "popular": 0.3,
    "new": 0.1,
    "user": 0.3,
}
"""The weights where a shop has neither clicks nor judgements to learn from. Those of words and meaning were set between
what two public sets of judged queries teach (`daybreak evaluate-search`)."""


class QueryRanker:
    """Scores candidates. weights: by name of `FEATURES`; a feature without one counts nothing.

    Raises ReleaseError for a name that is no feature.
    """

    def __init__(self, weights: Mapping[str, float]):
        unknown = sorted(set(weights) - set(FEATURES))
        if unknown:
            raise ReleaseError(f"the ranker of queries has weights for {', '.join(unknown)}, which are no features")
        self.weights = np.array([weights.get(name, 0.0) for name in NAMES], dtype=np.float32)

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The score of each candidate, float32 (n,). features: (n, F), in the order of `NAMES`."""
        return features @ self.weights

    def contributions(self, features: NDArray[np.float32]) -> dict[str, float]:
        """What each feature gives for one candidate; together they are its score. features: (F,)."""
        given = (features * self.weights).tolist()
        return {name: share for name, share, weight in zip(NAMES, given, self.weights.tolist(), strict=True) if weight}
