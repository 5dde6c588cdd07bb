"""Search indexes of a few titles, made in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from lookup import keys
from lookup.scoring.query_encoder import ARRAYS
from lookup.search.index import Facts, SearchIndex
from lookup.understanding.arrays import Arrays

TITLES = (
    "Bluetooth speaker",
    "Bluetooth speaker with radio",
    "Radio",
    "Speaker cable",
    "Headphones",
    "Headphones cable",
)
VECTORS = {"speaker": (1.0, 0.0), "radio": (0.6, 0.8), "headphones": (0.0, 1.0)}
"""Of the words that the encoder knows."""


@dataclass
class ItemsNow:
    """What is known of items, by row; without a word, nothing."""

    n: int
    price: np.ndarray = field(init=False)
    category: np.ndarray = field(init=False)
    brand: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.price = np.arange(1, self.n + 1, dtype=np.float64)
        self.category = np.full((self.n, 2), -1, np.int32)
        self.category[:, 0] = 0
        self.brand = np.arange(self.n, dtype=np.int32) % 2


def table(titles: Sequence[str] = TITLES, *, encoded: bool = True) -> ItemTable:
    """Items of one category and two brands, in turn; with an encoder of `VECTORS`, or without."""
    n = len(titles)
    return ItemTable(
        texts=[(title, ("Acme", "Zenith")[row % 2], "Audio", "", "") for row, title in enumerate(titles)],
        day=np.arange(n, dtype=np.int32),
        understood=QuerySources(
            titles=titles,
            category=np.zeros(n, np.int32),
            brand=np.arange(n, dtype=np.int32) % 2,
            popularity=np.arange(n, dtype=np.float32),
            categories=["Audio"],
            brands=["Acme", "Zenith"],
        ),
        vectors=vectors_of(titles) if encoded else None,
        encoder=encoder() if encoded else {},
    )


def vectors_of(titles: Sequence[str]) -> np.ndarray:
    """The sum of the vectors of each title's words, of length 1."""
    made = np.zeros((len(titles), 2), np.float32)
    for row, title in enumerate(titles):
        for word in title.lower().split():
            made[row] += VECTORS.get(word, (0.0, 0.0))
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)


def encoder() -> Arrays:
    """The arrays of an encoder of `VECTORS`."""
    built = keys.build(VECTORS)
    names = keys.Keys(*built)
    codes = np.array([np.multiply(VECTORS[names.id(row)], 100) for row in range(len(VECTORS))]).astype(np.int8)
    return dict(zip(ARRAYS, (*built, codes, np.full(len(VECTORS), 0.01, np.float32)), strict=True))


def index_of(titles: Sequence[str] = TITLES, *, encoded: bool = True) -> SearchIndex:
    """The index of some titles."""
    arrays, facts = build_search(table(titles, encoded=encoded))
    return SearchIndex(arrays, Facts.of({"daybreak": facts.text()}, None), len(titles))  # type: ignore[arg-type]
