"""Cold start: the vectors of an item without events, from its attributes and text. Night and day compute them alike.

An item has labels: its attributes (the prefixes of its category path, its brand, the decile of its price) and the words
of its text. Each attribute weighs 1 / sqrt(number of attributes), and each word likewise. With e the weighted sum of
the label vectors, which has a part for each head, M_h the map of head h, and H the number of heads,

    x_h = e_h M_h        y_h = unit(e_h) / (temperature H)

Only the content parts t are the day's own: the night embeds texts and pictures with large models, the day with a
linear map of the same labels for each part, t = unit(sum of the labels' parts), which the night fits to its vectors. An
item that carries what no map was fitted to has zeros there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.item_fields import text_of
from lookup.keys import Keys
from lookup.scoring.parts import LABELS, Part

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
    bias: float
    """The bias of every item without events."""
    price_bounds: list[float]
    """The bounds of the deciles of prices, rising; empty where the model saw no price."""
    weight: float | None = None
    """Of the text part, in releases before version 5; the encoder's `parts` have it since."""
    text_cosine: float | None = None
    """As `weight`: the `cosine` of the text part."""


class ColdStartEncoder:
    """Makes the vectors of items without events.

    labels: the names of L labels. vectors: of the labels, (L, heads * d). maps: of the heads, one below the other,
    (heads * d, d). content: for each content part in order, how it counts and what the labels add to it, (L, width).
    """

    def __init__(
        self, labels: Keys, vectors: Matrix, maps: Matrix, content: Sequence[tuple[Part, Matrix]], fact: ColdStartFact
    ):
        self._labels, self._vectors, self._content, self._fact = labels, vectors, tuple(content), fact
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
        x, v = [inputs[0]], [outputs[0]]
        for part, labels in self._content:
            t = _unit(weights @ labels[rows]) if part.newcomer == LABELS else np.zeros(labels.shape[1])
            x.append(t)
            v.append(part.weight * t)
        x, v = [*x, np.zeros(1)], [*v, np.array([self._fact.bias])]
        return np.concatenate(x).astype(np.float32), np.concatenate(v).astype(np.float32)

    def _weighed(self, *kinds: list[str]) -> tuple[NDArray[np.int64], Matrix]:
        """The rows of the known labels, and how much each counts."""
        rows: list[int] = []
        weights: list[float] = []
        for labels in kinds:
            own = [row for row in map(self._labels.find, labels) if row >= 0]
            rows += own
            weights += [max(len(own), 1) ** -0.5] * len(own)
        return np.asarray(rows, dtype=np.int64), np.asarray(weights, dtype=np.float32)


def _unit(vector: Matrix) -> Matrix:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0.0 else vector
