"""Distilling a transformer into a table of token vectors.

The table begins with what the transformer says to a word by itself, weighted by a / (a + p) with p the share of texts
that hold the word (Arora, Liang & Ma, "A simple but tough-to-beat baseline for sentence embeddings", ICLR 2017; Tulkens
& van Dongen, "Model2Vec", 2024). Then torch moves vectors such that their sums point where the transformer points: the
loss of a text is 1 - cos.

A few words of every epoch are read in pieces, so that pieces learn to stand for words that nobody has seen.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding_bag, normalize

from jobs.models.query_encoder.table import Matrix, TokenTable
from lookup.scoring.query_encoder import token_rows

COMMON = 1e-2
"""a of the first weights: the share of texts from which on a word counts less than half."""


class DistilSettings(NamedTuple):
    """How a table is trained."""

    epochs: int = 16
    learning_rate: float = 5e-3
    batch: int = 256
    """Texts of a step."""
    in_pieces: float = 0.05
    """The share of words that an epoch reads in pieces."""
    seed: int = 0


class Bags(NamedTuple):
    """The tokens of many texts, one text after another."""

    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """Of each text its first place in `rows`, and their end."""

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> "Bags":
        """Put the rows of texts side by side."""
        offsets = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum([len(rows) for rows in texts], out=offsets[1:])
        return cls(np.fromiter(chain.from_iterable(texts), dtype=np.int64, count=int(offsets[-1])), offsets)

    def some(self, texts: NDArray[np.int64]) -> "Bags":
        """The bags of some texts, by their places."""
        sizes = self.offsets[texts + 1] - self.offsets[texts]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(self.offsets[texts] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Bags(self.rows[places], offsets)


def first_table(tokens: list[str], texts: Sequence[Sequence[str]], alone: Sequence[str], targets: Matrix) -> TokenTable:
    """Return the table before training; tokens without a target are zeros.

    texts: titles and queries, as lists of words, for p. alone: words. targets: the transformer's vectors of
    them, (n, E).
    """
    count = Counter(word for text in texts for word in set(text))
    table = TokenTable(tokens, np.zeros((len(tokens), targets.shape[1]), dtype=np.float32))
    for word, target in zip(alone, targets, strict=True):
        row = table.find(word)
        if row >= 0:
            table.vectors[row] = target * COMMON / (COMMON + count[word] / max(len(texts), 1))
    return table


def distil(
    table: TokenTable,
    texts: Sequence[Sequence[str]],
    targets: Matrix,
    settings: DistilSettings | None = None,
    device: str = "cpu",
) -> TokenTable:
    """Return the table after training on texts.

    texts: lists of words. targets: the transformer's vectors of them, float32 (n, E), of length 1. device: of torch. On
    a CPU the same arguments always give the same table.
    """
    settings = settings or DistilSettings()
    rng = np.random.default_rng(settings.seed)
    vectors = torch.nn.Parameter(torch.tensor(table.vectors, device=device))
    optimiser = torch.optim.SparseAdam([vectors], lr=settings.learning_rate)
    wanted = torch.from_numpy(targets).to(device)
    steps = max(1, settings.epochs * -(-len(texts) // settings.batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / steps))
    for _ in range(settings.epochs):
        bags = Bags.of([_some_in_pieces(table, words, settings.in_pieces, rng) for words in texts])
        order = rng.permutation(np.flatnonzero(np.diff(bags.offsets)))
        for start in range(0, len(order), settings.batch):
            chosen = order[start : start + settings.batch]
            found = _directions(vectors, bags.some(chosen), device)
            loss = (1 - (found * wanted[torch.from_numpy(chosen).to(device)]).sum(1)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return TokenTable(table.tokens, vectors.detach().cpu().numpy())


def _directions(vectors: torch.Tensor, bags: Bags, device: str) -> torch.Tensor:
    rows, offsets = (torch.from_numpy(part).to(device) for part in (bags.rows, bags.offsets[:-1]))
    return normalize(embedding_bag(rows, vectors, offsets, mode="sum", sparse=True), dim=1)


def _some_in_pieces(table: TokenTable, words: Sequence[str], share: float, rng: np.random.Generator) -> list[int]:
    """The rows of a text, some words of which are read as if they were unknown."""
    hidden = {word for word, drawn in zip(words, rng.random(len(words)), strict=True) if drawn < share}
    if not hidden:
        return table.rows(words)
    rows = token_rows(words, lambda token: -1 if token in hidden else table.find(token))
    return rows or table.rows(words)
