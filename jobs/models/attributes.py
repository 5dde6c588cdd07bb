"""Attributes of items: category, brand and price as names such as "brand=Acme", and the words of the text.

The behaviour model learns a vector for each attribute that several items share. A new item, without any event, gets its
vector from its attributes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookup.scoring.cold_start import DECILES, attributes, deciles, words

if TYPE_CHECKING:
    import pyarrow as pa
    import scipy.sparse as sp

FACTS = ("category", "brand", "price", "text")
"""The columns of table ITEMS from which attributes are made."""
LEAST_ITEMS = 3
"""An attribute of fewer items says no more than the items themselves."""
MOST_ITEMS = 0.25
"""A word in a larger share of the items says nothing."""
MOST_WORDS = 50_000
"""At most this many words, the most frequent, get vectors: they and their text parts go with every release."""


def price_bounds(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nine bounds of the tenths of the known prices, rising; empty where no price is known.

    prices: (n,), NaN where unknown.
    """
    known = prices[np.isfinite(prices)]
    return np.quantile(known, np.arange(1, DECILES) / DECILES) if len(known) else np.empty(0)


def item_attributes(
    items: "pa.Table | pa.RecordBatch", bounds: NDArray[np.float64]
) -> tuple[list[list[str]], list[str]]:
    """Return the attributes and the text of each item. items: with the columns FACTS. bounds: of prices."""
    prices = np.asarray([np.nan if price is None else price for price in items["price"].to_pylist()])
    tenths = deciles(prices, bounds).tolist()
    facts = zip(items["category"].to_pylist(), items["brand"].to_pylist(), tenths, strict=True)
    return [attributes(*one) for one in facts], [text or "" for text in items["text"].to_pylist()]


@dataclass(frozen=True)
class Vocabulary:
    """The attributes that have vectors, words included."""

    names: list[str]
    """Rising; the place is the attribute's number."""

    @classmethod
    def of(cls, attributes: Iterable[Sequence[str]], texts: Iterable[str]) -> "Vocabulary":
        """Choose the attributes that at least LEAST_ITEMS items share. attributes, texts: of each item.

        A word must also be in at most MOST_ITEMS of the items, and among the MOST_WORDS most frequent.
        """
        facts, spoken, items = Counter[str](), Counter[str](), 0
        for own, text in zip(attributes, texts, strict=True):
            facts.update(set(own))
            spoken.update(words(text))
            items += 1
        names = [name for name, n in facts.items() if n >= LEAST_ITEMS]
        telling = sorted((-n, name) for name, n in spoken.items() if LEAST_ITEMS <= n <= MOST_ITEMS * items)
        names += [name for _, name in telling[:MOST_WORDS]]
        return cls(sorted(names))

    def matrix(self, attributes: Iterable[Sequence[str]], texts: Iterable[str]) -> "sp.csr_array":
        """Return how much each attribute counts for each item: float32 (n, L), sparse.

        Each of an item's facts counts 1 / sqrt(number of them); so does each of its words. So facts and words count the
        same together, however many an item has. Attributes outside the vocabulary do not count.
        """
        import scipy.sparse as sp

        number = {name: n for n, name in enumerate(self.names)}
        columns, values, offsets = [], [], [0]
        for facts, text in zip(attributes, texts, strict=True):
            for kind in (facts, words(text)):
                own = sorted({number[name] for name in kind if name in number})
                columns += own
                values += [max(len(own), 1) ** -0.5] * len(own)
            offsets.append(len(columns))
        return sp.csr_array(
            (np.asarray(values, np.float32), np.asarray(columns, np.int32), np.asarray(offsets, np.int64)),
            shape=(len(offsets) - 1, len(self.names)),
        )
