"""How good a text model is on queries that training does not see: the reciprocal rank of the asked item among all."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.content.text_encoder import TextEncoder
from jobs.models.text_encoder_training.pairs import Pair

SURE = 1.96
"""Standard errors that an improvement must be above zero: a two-sided interval of 95 %."""
BLOCK = 256
"""Queries whose scores are in memory at once."""
EVERY = "all"
"""The name of all sources together."""

Ranks = NDArray[np.float64]
Matrix = NDArray[np.float32]


class Change(NamedTuple):
    """Mean reciprocal ranks over held-out queries, before training and after it."""

    source: str
    """Of the pairs, or EVERY."""
    queries: int
    before: float
    after: float
    low: float
    """The interval of the difference; -1 to 1 for a single query, which tells nothing."""
    high: float


def split(pairs: Sequence[Pair], share: float) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to learn from, and those of the held-out queries.

    A query is held out by its letters alone, so that it stays so in the trainings to come. share: of the queries.
    Raises ValueError for fewer than two different queries.
    """
    queries = sorted({pair.query for pair in pairs}, key=lambda query: (zlib.crc32(query.encode()), query))
    if len(queries) < 2:
        raise ValueError(
            f"fine-tuning needs two different queries, one of them to be held out; there are {len(queries)}"
        )
    count = sum(zlib.crc32(query.encode()) < share * 2**32 for query in queries)
    apart = set(queries[: min(max(1, count), len(queries) - 1)])
    return [pair for pair in pairs if pair.query not in apart], [pair for pair in pairs if pair.query in apart]


def reciprocal_ranks(encoder: TextEncoder, vectors: Matrix, pairs: Sequence[Pair]) -> Ranks:
    """Return 1 / rank of the asked item among all items for each pair, float64 (n,); of equal scores the worst rank.

    vectors: of the items. The item whose title a text is does not count.
    """
    asked = encoder.encode([pair.query for pair in pairs])
    wanted = np.array([pair.item for pair in pairs], np.int64)
    own = np.array([pair.own for pair in pairs], np.int64)
    found = [np.zeros(0)]
    for start in range(0, len(pairs), BLOCK):
        block = slice(start, start + BLOCK)
        scores = asked[block] @ vectors.T
        itself = np.flatnonzero(own[block] >= 0)
        scores[itself, own[block][itself]] = -np.inf
        found.append(1.0 / (scores >= np.take_along_axis(scores, wanted[block, None], axis=1)).sum(axis=1))
    return np.concatenate(found)


def changes(pairs: Sequence[Pair], before: Ranks, after: Ranks) -> list[Change]:
    """Return the change over all queries, and over those of each source. A query with several items counts once."""
    found = [_change(EVERY, pairs, before, after)]
    for source in sorted({pair.source for pair in pairs}):
        there = np.array([pair.source == source for pair in pairs])
        some = [pair for pair in pairs if pair.source == source]
        found.append(_change(source, some, before[there], after[there]))
    return found


def _change(source: str, pairs: Sequence[Pair], before: Ranks, after: Ranks) -> Change:
    _, place, times = np.unique([pair.query for pair in pairs], return_inverse=True, return_counts=True)
    first, second = (np.bincount(place, ranks) / times for ranks in (before, after))
    gain = second - first
    margin, mean = SURE * float(gain.std(ddof=1)) / len(gain) ** 0.5 if len(gain) > 1 else 2.0, float(gain.mean())
    low, high = max(mean - margin, -1.0), min(mean + margin, 1.0)
    return Change(source, len(gain), float(first.mean()), float(second.mean()), low, high)


def better(found: Sequence[Change]) -> bool:
    """Say whether a model became better: over all queries for certain, and for those of no source certainly worse."""
    return found[0].low > 0 and all(change.high >= 0 for change in found)
