"""Texts one after another in batches of one size, without padding, and what kernels must know of them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.content.bert.words import FlatTokens

QUERIES = 16
"""Tokens of a block of queries: attention goes from block to block, and each is of one text."""


class Room(NamedTuple):
    """What a batch has room for. Every batch is computed as if it were full, in the same shapes."""

    tokens: int
    """At least as many as the longest text has."""

    @property
    def blocks(self) -> int:
        """Blocks of queries; so texts of fewer than 8 tokens do not fill a batch."""
        return self.tokens // 8

    @property
    def numbers(self) -> int:
        """What describes a batch."""
        return 2 * self.tokens + 5 * self.blocks


class Batch(NamedTuple):
    """Whole texts."""

    texts: int
    numbers: NDArray[np.int32]
    """Shape (Room.numbers,). Of each token what it is, and its place; of each block of queries the first token of its
    text, how many tokens that has, and how many are before the block; of each text its first token, and how many. Where
    nothing is, zeros."""


def batches(parts: Iterable[FlatTokens], room: Room, first_place: int) -> Iterator[Batch]:
    """Fill batches with texts in their order; the last one may have room left. first_place: of a text's first token.

    Raises ValueError where a text has no token, or more than a batch has room for.
    """
    tokens, lengths = np.empty(0, np.int32), np.empty(0, np.int64)
    for part in parts:
        if len(part.lengths) and not 1 <= part.lengths.min() <= part.lengths.max() <= room.tokens:
            raise ValueError(f"texts have {part.lengths.min()} to {part.lengths.max()} tokens, not 1 to {room.tokens}")
        tokens, lengths = np.concatenate([tokens, part.tokens]), np.concatenate([lengths, part.lengths])
        while True:
            fits = _fits(lengths, room)
            if fits == len(lengths):  # there may be room for more
                break
            used = int(lengths[:fits].sum())
            yield _batch(tokens[:used], lengths[:fits], room, first_place)
            tokens, lengths = tokens[used:], lengths[fits:]
    if len(lengths):
        yield _batch(tokens, lengths, room, first_place)


def _fits(lengths: NDArray[np.int64], room: Room) -> int:
    """How many of the texts fit into a batch."""
    by_tokens = np.searchsorted(lengths.cumsum(), room.tokens, side="right")
    return int(min(by_tokens, np.searchsorted((-(-lengths // QUERIES)).cumsum(), room.blocks, side="right")))


def _batch(tokens: NDArray[np.int32], lengths: NDArray[np.int64], room: Room, first_place: int) -> Batch:
    numbers = np.zeros(room.numbers, np.int32)
    first = lengths.cumsum() - lengths
    count = -(-lengths // QUERIES)
    numbers[: len(tokens)] = tokens
    numbers[room.tokens : room.tokens + len(tokens)] = _within(lengths) + first_place
    at = 2 * room.tokens
    blocks = numbers[at : at + 3 * room.blocks].reshape(room.blocks, 3)[: count.sum()]
    blocks[:, 0], blocks[:, 1], blocks[:, 2] = first.repeat(count), lengths.repeat(count), _within(count) * QUERIES
    texts = numbers[at + 3 * room.blocks :].reshape(room.blocks, 2)[: len(lengths)]
    texts[:, 0], texts[:, 1] = first, lengths
    return Batch(len(lengths), numbers)


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 to count - 1 for each count."""
    return np.arange(counts.sum()) - (counts.cumsum() - counts).repeat(counts)
