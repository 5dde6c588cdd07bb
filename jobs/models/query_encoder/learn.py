"""A shop's query encoder from its titles and queries: distilled, cut to fewer dimensions, pruned, quantised, measured.

No human judgement is read. What each step costs is told by agreement with the transformer: of texts that training did
not see, the share of the transformer's first items that the encoder has among its own first ones.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.query_encoder.distil import DistilSettings, distil, first_table
from jobs.models.query_encoder.prune import prune
from jobs.models.query_encoder.pseudo_queries import alone, runs
from jobs.models.query_encoder.table import Matrix, directions, units
from jobs.models.query_encoder.vocabulary import choose_tokens, language_words
from lookup.scoring.query_encoder import QueryEncoder

FIRST = 100
"""First items that are compared."""
HELD_OUT = 500
"""Texts for the agreement, or one in ten where there are fewer."""
COMPARED = 20_000
"""Items among which the first are looked for."""
AGAIN = 0.5
"""The epochs after pruning, as a share of those before."""

Encode = Callable[[list[str]], Matrix]
"""The transformer: from texts to vectors of length 1, float32 (n, d)."""


class LearnSettings(NamedTuple):
    """What a query encoder is made of."""

    dimensions: int = 256
    runs: int = 24_000
    """Pseudo-queries that are made of titles."""
    least: int = 2
    """Titles and queries that a word must be in to be a token of its own."""
    least_pairs: int = 30
    """Likewise for a pair of words."""
    keep: float = 0.75
    """The share of tokens that pruning leaves."""
    distil: DistilSettings = DistilSettings()


class Step(NamedTuple):
    """The encoder after one step."""

    name: str
    tokens: int
    dimensions: int
    bytes: int
    """Of its vectors; after the last step of all its arrays."""
    us: float
    """Microseconds a query, from words to vector, in this process."""
    agreement: float
    """With the transformer, 0 to 1."""


class Learned(NamedTuple):
    """A query encoder, and the map of items into its space."""

    arrays: dict[str, NDArray[Any]]
    """`lookup.scoring.query_encoder.ARRAYS`."""
    projection: Matrix
    """From the transformer's space, float32 (d, E); `units(vectors @ projection)` are the items' vectors."""
    steps: list[Step]
    language: list[str]
    """Words of the language that the transformer knows."""


def learn(
    titles: Sequence[Sequence[str]],
    queries: Sequence[Sequence[str]],
    items: Matrix,
    encode: Encode,
    pieces: Iterable[str],
    *,
    settings: LearnSettings | None = None,
    device: str = "cpu",
) -> Learned:
    """Learn the encoder of a shop.

    titles: of the items, as lists of words (`lookup.text`). queries: of the log, likewise; none where there is no log.
    items: the items' vectors in the transformer's space, float32 (I, d). pieces: of the transformer's tokenizer
    (`vocabulary.pieces_of`).

    Raises ValueError for a shop whose titles and queries hold no word, or without items.
    """
    settings, pieces = settings or LearnSettings(), list(pieces)
    texts = [words for words in (*titles, *queries) if words]
    if not texts or not len(items):
        raise ValueError("a query encoder is learned from titles and items; there are none")
    single = alone(texts, settings.least) or alone(texts, 1)
    seen = set(single)
    made = [text for text in runs(titles, settings.runs, settings.distil.seed) if text not in seen]
    made = list(dict.fromkeys([*made, *(" ".join(words) for words in queries if words)]))
    drawn = np.random.default_rng(settings.distil.seed).permutation(len(made))
    held = min(HELD_OUT, len(made) // 10)
    apart, taught = [made[n] for n in drawn[:held]], single + [made[n] for n in drawn[held:]]
    exact = encode(apart + taught)
    projection = directions(items, exact[len(apart) :], min(settings.dimensions, items.shape[1]))
    wanted = units(exact[len(apart) :] @ projection)
    agreement = Agreement(apart, exact[: len(apart)], items, projection)
    words = [text.split(" ") for text in taught]
    tokens = choose_tokens(texts, pieces, least=settings.least, least_pairs=settings.least_pairs)
    table = first_table(tokens, texts, single, wanted[: len(single)])
    steps = [agreement.step("words by themselves", table.encoder(), table.vectors.nbytes)]
    table = distil(table, words, wanted, settings.distil, device)
    steps.append(agreement.step("distilled", table.encoder(), table.vectors.nbytes))
    if settings.keep < 1:
        table = prune(table, words, wanted, round(settings.keep * len(tokens)))
        again = settings.distil._replace(epochs=round(settings.distil.epochs * AGAIN))
        table = distil(table, words, wanted, again, device)
        steps.append(agreement.step("pruned", table.encoder(), table.vectors.nbytes))
    arrays = table.arrays()
    size = sum(array.nbytes for array in arrays.values())
    steps.append(agreement.step("quantised", QueryEncoder.of(arrays), size))
    return Learned(arrays, projection, steps, language_words(pieces))


class Agreement:
    """The agreement of encoders with the transformer on texts that training did not see."""

    def __init__(self, texts: list[str], exact: Matrix, items: Matrix, projection: Matrix):
        some = np.unique(np.linspace(0, len(items) - 1, min(COMPARED, len(items))).astype(np.int64))
        self.words = [text.split(" ") for text in texts]
        self.items = units(items[some] @ projection)
        self.count = max(1, min(FIRST, len(some) // 10))
        self.wanted = first(exact @ items[some].T, self.count)

    def agreement(self, found: Matrix) -> float:
        """Return the share of the transformer's first items that vectors of the texts find, too; 1 without texts."""
        if not len(found):
            return 1.0
        ours = first(found @ self.items.T, self.count)
        same = [len(np.intersect1d(a, b)) for a, b in zip(ours, self.wanted, strict=True)]
        return float(np.mean(same)) / self.count

    def step(self, name: str, encoder: QueryEncoder, size: int) -> Step:
        """Measure an encoder. size: its bytes."""
        started = time.perf_counter()
        vectors = [encoder.vector(words) for words in self.words]
        us = (time.perf_counter() - started) * 1e6 / max(len(vectors), 1)
        found = np.stack(vectors) if vectors else np.zeros((0, encoder.dimensions), np.float32)
        return Step(name, len(encoder.keys), encoder.dimensions, size, us, self.agreement(found))


def first(scores: Matrix, n: int) -> NDArray[np.int64]:
    """Return the places of the n largest scores of each row, in no order, int64 (rows, n)."""
    return np.argpartition(-scores, n - 1, axis=1)[:, :n]
