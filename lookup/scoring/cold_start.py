"""Cold start: the vectors of an item without events, from its attributes and text. Night and day compute them alike.

An item has labels: its attributes (the prefixes of its category path, its brand, the decile of its price) and the words
of its text. Each attribute weighs 1 / sqrt(number of attributes), and each word likewise. With e the weighted sum of
the label vectors, which has a part for each head, M_h the map of head h, and H the number of heads,

    x_h = e_h M_h        y_h = unit(e_h) / (temperature H)

Only the text part t is the day's own: the night embeds texts with a transformer, the day with a linear map of the same
labels, t = unit(sum of label texts), which the night fits to its text vectors.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.item_fields import text_of
from lookup.keys import Keys

DECILES = 10
WORD = re.compile(r"\w+")
Matrix = NDArray[np.float32]


def attributes(path: Sequence[str], brand: str | None, decile: int) -> list[str]:
    """The labels of an item's attributes: every prefix of its category path, its brand, and the decile of its price.

    decile: as `deciles` gives it.
    """
    prefixes = [f"category={'>'.join(path[: n + 1])}" for n in range(len(path))]
    return prefixes + ([f"brand={brand}"] if brand else []) + ([f"price={decile}"] if decile >= 0 else [])


def deciles(prices: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The decile of each price, 0 … 9; -1 for an unknown price, and where there are no bounds."""
    if not len(bounds):
        return np.full(len(prices), -1)
    return np.where(np.isfinite(prices), np.searchsorted(bounds, prices, side="right"), -1)


def words(text: str) -> list[str]:
    """The different words of a text as labels, in alphabetical order."""
    return sorted({f"word={word}" for word in WORD.findall(text.lower())})


def behaviour(sums: Matrix, maps: Matrix, temperature: float) -> tuple[Matrix, Matrix]:
    """x and y of items without events, float32 (n, heads * d) each; zeros for an item of which nothing is known.

    sums: e of each item and head, (n, heads, d). maps: M of each head, (heads, d, d).
    """
    x = np.einsum("nhd,hde->nhe", sums, maps)
    lengths = np.linalg.norm(sums, axis=2, keepdims=True)
    y = sums / np.where(lengths > 0, lengths, 1.0) / (temperature * len(maps))
    return x.reshape(len(sums), -1).astype(np.float32), y.reshape(len(sums), -1).astype(np.float32)


@dataclass(frozen=True)
class ColdStartFact:
    """The numbers of this module, stored in the manifest under `describe`."""

    temperature: float
    """Of the behaviour model, whose scores are cosines divided by it."""
    weight: float
    """How much the text part of a score counts."""
    bias: float
    """The bias of every item without events."""
    price_bounds: list[float]
    """The bounds of the deciles of prices, rising; empty where the model saw no price."""
    text_cosine: float | None
    """The mean cosine of the day's t and the night's, over items that the fit did not see; null without such items."""


class ColdStartEncoder:
    """Makes the vectors of items without events.

    labels: the names of L labels. vectors: of the labels, (L, heads * d). maps: of the heads, one below the other,
    (heads * d, d). texts: the text parts of the labels, (L, T).
    """

    def __init__(self, labels: Keys, vectors: Matrix, maps: Matrix, texts: Matrix, fact: ColdStartFact):
        self._labels, self._vectors, self._texts, self._fact = labels, vectors, texts, fact
        self._maps = maps.reshape(-1, maps.shape[1], maps.shape[1])
        self._bounds = np.asarray(fact.price_bounds, dtype=np.float64)

    def item(self, fields: Mapping[str, Any]) -> tuple[Matrix, Matrix]:
        """x and v of an item, float32 (D,) each.

        fields: of `lookup.item_fields`, by name; each may be missing or None.
        """
        return self.vectors(fields.get("category") or [], fields.get("brand"), fields.get("price"), text_of(fields))

    def vectors(self, path: Sequence[str], brand: str | None, price: float | None, text: str) -> tuple[Matrix, Matrix]:
        """x and v of an item, float32 (D,) each; only the bias differs from 0 where nothing is known of the item.

        path: its categories, the widest first. price: None where unknown. text: as `lookup.item_fields.text_of` makes
        it.
        """
        decile = int(deciles(np.array([np.nan if price is None else price]), self._bounds)[0])
        rows, weights = self._weighed(attributes(path, brand, decile), words(text))
        sums = (weights @ self._vectors[rows]).reshape(1, len(self._maps), -1)
        inputs, outputs = behaviour(sums, self._maps, self._fact.temperature)
        part = weights @ self._texts[rows]
        length = float(np.linalg.norm(part))
        t = part / length if length > 0.0 else part
        x = np.concatenate([inputs[0], t, [0.0]])
        v = np.concatenate([outputs[0], self._fact.weight * t, [self._fact.bias]])
        return x.astype(np.float32), v.astype(np.float32)

    def _weighed(self, *kinds: list[str]) -> tuple[NDArray[np.int64], Matrix]:
        """The rows of the known labels, and how much each counts."""
        rows: list[int] = []
        weights: list[float] = []
        for labels in kinds:
            own = [row for row in map(self._labels.find, labels) if row >= 0]
            rows += own
            weights += [max(len(own), 1) ** -0.5] * len(own)
        return np.asarray(rows, dtype=np.int64), np.asarray(weights, dtype=np.float32)
