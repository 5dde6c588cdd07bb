"""What is known of an item before anybody has it, as labels: category, brand, price, the words of its text.

The behaviour model learns a vector for each label that several items share, so an item that nobody has had yet has the
vector of its labels.
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
"""The columns of table ITEMS that labels are made of."""
LEAST_ITEMS = 3
"""A label of fewer items says no more than the items themselves."""
MOST_ITEMS = 0.25
"""A word in a larger share of the items says nothing."""
MOST_WORDS = 50_000
"""The most frequent: they, and what they say of texts, go with every release."""


def price_bounds(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nine bounds of the tenths of the known prices, rising; empty where none is known. prices: NaN: unknown."""
    known = prices[np.isfinite(prices)]
    return np.quantile(known, np.arange(1, DECILES) / DECILES) if len(known) else np.empty(0)


def described(items: "pa.Table | pa.RecordBatch", bounds: NDArray[np.float64]) -> tuple[list[list[str]], list[str]]:
    """Attributes and text of items, from their FACTS."""
    prices = np.asarray([np.nan if price is None else price for price in items["price"].to_pylist()])
    tenths = deciles(prices, bounds).tolist()
    facts = zip(items["category"].to_pylist(), items["brand"].to_pylist(), tenths, strict=True)
    return [attributes(*one) for one in facts], [text or "" for text in items["text"].to_pylist()]


@dataclass(frozen=True)
class Vocabulary:
    """The labels that have vectors."""

    names: list[str]
    """Rising; the place is the label's number."""

    @classmethod
    def of(cls, attributes: Iterable[Sequence[str]], texts: Iterable[str]) -> "Vocabulary":
        """The labels that LEAST_ITEMS items or more share; of words those that MOST_ITEMS or fewer have, at most
        MOST_WORDS, the most frequent.
        """
        facts, spoken, items = Counter[str](), Counter[str](), 0
        for labels, text in zip(attributes, texts, strict=True):
            facts.update(set(labels))
            spoken.update(words(text))
            items += 1
        kept = [name for name, n in facts.items() if n >= LEAST_ITEMS]
        telling = sorted((-n, name) for name, n in spoken.items() if LEAST_ITEMS <= n <= MOST_ITEMS * items)
        kept += [name for _, name in telling[:MOST_WORDS]]
        return cls(sorted(kept))

    def matrix(self, attributes: Iterable[Sequence[str]], texts: Iterable[str]) -> "sp.csr_array":
        """float32 (n, labels), sparse: 1 / sqrt(number of them) for each attribute of an item, likewise for words.

        So attributes and words weigh the same, however many an item has. Labels that are not in the vocabulary are
        passed over.
        """
        import scipy.sparse as sp

        number = {name: n for n, name in enumerate(self.names)}
        columns, values, offsets = [], [], [0]
        for facts, text in zip(attributes, texts, strict=True):
            for labels in (facts, words(text)):
                own = sorted({number[label] for label in labels if label in number})
                columns += own
                values += [max(len(own), 1) ** -0.5] * len(own)
            offsets.append(len(columns))
        return sp.csr_array(
            (np.asarray(values, np.float32), np.asarray(columns, np.int32), np.asarray(offsets, np.int64)),
            shape=(len(offsets) - 1, len(self.names)),
        )
