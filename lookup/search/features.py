"""The features of candidates for a query (`lookup.search.ranker.FEATURES`)."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.slots import Rows
from lookup.search.ranker import NAMES
from lookup.understanding.intents import Meant
from lookup.understanding.interpreter import Interpretation

Values = NDArray[np.float32]
BEST = 10
"""Of so many candidates, the best by words and meaning, `alike` takes the mean."""
COMPARED = 50
"""With so many the price is compared."""
SHARPNESS = 8.0
"""How much more a better candidate counts in that mean."""
WORDS, MEANING = 1.0, 1.5
"""Weights of words and meaning in the first score, which chooses those candidates."""
UNIT = 3.0
"""Standard scores end at ± this."""


class KnownItems(Protocol):
    """What is known of items now, by row."""

    @property
    def price(self) -> NDArray[np.float64]:
        """NaN where unknown."""

    @property
    def category(self) -> Any:
        """(n, G): codes of the path; -1 after the last. `take(rows, axis=0)` is enough."""

    @property
    def brand(self) -> NDArray[np.int32]:
        """Codes; -1 where unknown."""


@dataclass(frozen=True)
class Matched:
    """What retrieval found of each candidate."""

    words: Values
    """(n,): lexical score of the most that the query can give."""
    held: Values
    """(n, 5): share of the query's weight in each field."""
    meaning: Values
    """(n,): cosine; 0 without vectors."""
    title_meaning: Values
    """(n,): that of the title alone."""
    vectors: Values
    """(n, E); E may be 0."""

    @property
    def first(self) -> Values:
        """The first score, (n,)."""
        return WORDS * self.words + MEANING * self.meaning


def alike(matched: Matched) -> Values:
    """Cosine of each candidate's vector and the mean of the best, float32 (n,): relevance feedback.

    Rocchio, "Relevance feedback in information retrieval", 1971, without negatives, by vectors.
    """
    if not matched.vectors.size:
        return np.zeros(len(matched.words), np.float32)
    first = matched.first
    best = np.argsort(-first, kind="stable")[:BEST]
    weights = np.exp(SHARPNESS * (first[best] - first[best[0]]))
    mean = weights @ matched.vectors[best]
    length = float(np.sqrt(mean @ mean))
    return np.asarray(matched.vectors @ (mean / length) if length else np.zeros(len(first)), dtype=np.float32)


def names_a_brand_alone(meant: Interpretation) -> bool:
    """Whether a query is a brand's name and nothing else.

    All items of the brand answer it alike. Its vector points to whatever the brand is best known for, and would hide
    the rest.
    """
    brand = meant.brand
    return brand is not None and brand.words == " ".join(token.text for token in meant.tokens)


def means(kind: tuple[Meant, ...], codes: NDArray[np.int32]) -> Values:
    """The probability that a query means one of some items' codes, float32 (n,). codes: (n,) or (n, G)."""
    found = np.zeros(len(codes), np.float32)
    for meant in kind:
        there = codes == meant.row
        there = there.any(axis=1) if there.ndim > 1 else there
        np.maximum(found, there * np.float32(meant.probability), out=found)
    return found


def price_beside(prices: NDArray[np.float64], first: Values) -> Values:
    """The logarithm of each price beside those of the best candidates, as a standard score; 0 where unknown."""
    logs = np.log1p(prices)
    best = logs[np.argsort(-first, kind="stable")[:COMPARED]]
    best = best[np.isfinite(best)]
    if len(best) < 3:
        return np.zeros(len(prices), np.float32)
    standard = (logs - best.mean()) / (best.std() + 0.1)
    return np.asarray(np.clip(np.nan_to_num(standard, nan=0.0), -UNIT, UNIT), dtype=np.float32)


def newness(days: NDArray[np.int32]) -> Values:
    """Of the other items whose day is known, the share that the shop had earlier, float32 (I,).

    So the newest item has 1 and the oldest 0, items of one day the same, and items without a day (-1) 0. It is a share,
    not an age: a shop that changes all its items in a week and one that does in ten years are ranked alike.
    """
    known = np.sort(days[days >= 0])
    earlier = np.searchsorted(known, days) / max(len(known) - 1, 1)
    return np.where(days >= 0, earlier, 0.0).astype(np.float32)


def standard(values: Values | None, n: int) -> Values:
    """Standard scores of values; zeros where there are none."""
    if values is None or n < 2:
        return np.zeros(n, np.float32)
    return np.asarray(np.clip((values - values.mean()) / (values.std() + 1e-6), -UNIT, UNIT), dtype=np.float32)


def table(columns: dict[str, Values], rows: Rows) -> Values:
    """The features of candidates, float32 (n, F); a column that is missing is 0."""
    made = np.zeros((len(rows), len(NAMES)), np.float32)
    for place, name in enumerate(NAMES):
        if name in columns:
            made[:, place] = columns[name]
    return made
