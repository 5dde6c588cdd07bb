"""The table of a query encoder while it is learned: its tokens and their float32 vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.keys import Keys, build, hash_id
from lookup.scoring.query_encoder import ARRAYS, INSIDE, QueryEncoder, piece_rows, token_rows

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class TokenTable:
    """Tokens with their vectors, float32 (Q, E). The length of a vector is the weight of its token."""

    tokens: list[str]
    vectors: Matrix

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each token."""
        return {token: row for row, token in enumerate(self.tokens)}

    def find(self, token: str) -> int:
        """The row of a token, or -1."""
        return self.places.get(token, -1)

    def rows(self, words: Sequence[str]) -> list[int]:
        """The rows of the tokens of a text, as by day."""
        return token_rows(words, self.find)

    def without(self, token: str) -> list[int]:
        """The rows that stand for a token once it is gone: of its pieces; none for a pair."""
        if " " in token:
            return []
        mark = INSIDE if token.startswith(INSIDE) and len(token) > len(INSIDE) else ""
        # A letter in front that nothing begins with makes `piece_rows` go on within the word.
        word = "\0" * bool(mark) + token.removeprefix(mark)
        return piece_rows(word, lambda piece: -1 if piece == token else self.find(piece))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of a release (`lookup.scoring.query_encoder.ARRAYS`): int8 codes with a scale a row."""
        return dict(zip(ARRAYS, (*build(self.tokens), *quantise(self.vectors[self._by_key])), strict=True))

    def encoder(self) -> QueryEncoder:
        """The encoder of the day with the vectors as they are, not quantised."""
        keys, vectors = Keys(*build(self.tokens)), self.vectors[self._by_key]
        return QueryEncoder(keys, vectors, np.ones(len(vectors), dtype=np.float32))

    @property
    def _by_key(self) -> list[int]:
        """The rows in the order of keys, which is that of their hashes."""
        return sorted(range(len(self.tokens)), key=lambda row: hash_id(self.tokens[row].encode()))


def quantise(vectors: Matrix) -> tuple[NDArray[np.int8], Matrix]:
    """Return int8 codes (n, E) and a float32 scale a row (n,): scale * code is at most scale / 2 away from a number."""
    scales = np.abs(vectors).max(axis=1, initial=0.0) / np.float32(127)
    codes = np.rint(vectors / np.where(scales > 0, scales, 1)[:, None])
    return codes.astype(np.int8), scales.astype(np.float32)


def units(vectors: Matrix) -> Matrix:
    """Return rows scaled to length 1, float32 (n, E); zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def directions(items: Matrix, queries: Matrix, dimensions: int) -> Matrix:
    """Return the map from a transformer's space to E of its dimensions, float32 (d, E) with orthonormal columns.

    They are the first eigenvectors of the mean of x x' over items and queries alike, without a centre: so inner
    products keep as much of their size as can be. Each is turned so that its largest coordinate is positive.

    items, queries: (n, d), of length 1. dimensions: E, at most d.
    """
    wide = [given.astype(np.float64) for given in (items, queries)]
    moments = sum(rows.T @ rows / max(len(rows), 1) for rows in wide)
    chosen = np.linalg.eigh(moments)[1][:, ::-1][:, :dimensions]
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(axis=0)[None], axis=0)
    return np.asarray(chosen * np.sign(largest), dtype=np.float32)
