"""The first half of an index: how often each term is in each field of each item. It can run in parts, part by part."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.text.analyzer import Analyzer

FIELDS: tuple[str, ...] = ("title", "brand", "category", "attributes", "description")
"""The fields of an item, in the order of their texts, of columns and of bits."""
MOST_TIMES = 255
"""How often a term counts in one field at most."""


class Counts(NamedTuple):
    """The terms of some items, p pairs of a term and an item that holds it."""

    terms: list[str]
    """Each term once, in any order."""
    term: NDArray[np.int32]
    """(p,) of each pair the place of its term in `terms`."""
    row: NDArray[np.int32]
    """(p,) the row of the item, from `first` on."""
    times: NDArray[np.uint8] | NDArray[np.float32]
    """(p, 5) how often the term is in each field; halves where the night says that a pair of characters says less."""
    first: int
    lengths: NDArray[np.int32]
    """(items, 5) tokens of each field."""
    surfaces: dict[str, tuple[str, int]]
    """Of each word as written, normalised: its main term, and how often it is there."""


def count(items: Iterable[Sequence[str]], analyzer: Analyzer, first: int = 0) -> Counts:
    """The counts of items. items: of each the texts of `FIELDS`; it has row `first`, the next one `first` + 1.

    Raises ValueError for an item with another number of texts.
    """
    known: dict[str, int] = {}
    stream: list[int] = []  # the chunks of all fields, one after another
    ends: list[int] = []
    joined: list[tuple[str, int]] = []  # a compound's term, and its field
    for texts in items:
        if len(texts) != len(FIELDS):
            raise ValueError(f"an item has {len(texts)} texts, and the fields are {', '.join(FIELDS)}")
        for text in texts:
            if text:
                names = analyzer.chunks(text)
                try:
                    stream.extend([known[name] for name in names])
                except KeyError:
                    stream.extend([known.setdefault(name, len(known)) for name in names])
                joined.extend((term, len(ends)) for _, term in analyzer.compounds(names))
            ends.append(len(stream))
    return _counted(analyzer, list(known), stream, ends=ends, joined=joined, first=first)


def _counted(
    analyzer: Analyzer,
    chunks: list[str],
    stream: list[int],
    *,
    ends: list[int],
    joined: list[tuple[str, int]],
    first: int,
) -> Counts:
    terms: dict[str, int] = {}
    flat: list[int] = []
    tokens = np.zeros(len(chunks), np.int64)
    starts = np.zeros(len(chunks) + 1, np.int64)
    surfaces: dict[str, tuple[str, int]] = {}
    chunk_times = np.bincount(np.array(stream, np.int64), minlength=len(chunks)).tolist()
    for place, name in enumerate(chunks):
        chunk = analyzer.chunk(name)
        tokens[place] = len(chunk.tokens)
        flat.extend([terms.setdefault(term, len(terms)) for position in chunk.item for term in position])
        starts[place + 1] = len(flat)
        for token, position in zip(chunk.tokens, chunk.item, strict=True):
            main, times = surfaces.get(token[0], (position[0], 0))
            surfaces[token[0]] = (main, times + chunk_times[place])
    stream_of = np.array(stream, np.int64)
    limits = np.array(ends, np.int64)
    field_of = np.repeat(np.arange(len(ends)), np.diff(limits, prepend=0))
    lengths = np.bincount(field_of, weights=tokens[stream_of], minlength=len(ends)).astype(np.int32)
    # The terms of a chunk stand once; a chunk of the stream takes them all.
    sizes = np.diff(starts)[stream_of]
    places = np.repeat(starts[stream_of] - np.cumsum(sizes) + sizes, sizes) + np.arange(int(sizes.sum()))
    term_of = np.array(flat, np.int64)[places] if flat else np.zeros(0, np.int64)
    field_of = np.repeat(field_of, sizes)
    if joined:
        term_of = np.append(term_of, [terms.setdefault(term, len(terms)) for term, _ in joined])
        field_of = np.append(field_of, [field for _, field in joined])
    width = len(FIELDS)
    found, times = np.unique(term_of * max(len(ends), 1) + field_of, return_counts=True)
    term_of, field_of = np.divmod(found, max(len(ends), 1))
    row_of, field_of = np.divmod(field_of, width)
    pair = np.concatenate([[True], (np.diff(term_of) != 0) | (np.diff(row_of) != 0)])[: len(found)]
    made = np.zeros((int(pair.sum()), width), np.uint8)
    made[np.cumsum(pair) - 1, field_of] = np.minimum(times, MOST_TIMES)
    return Counts(
        list(terms),
        term_of[pair].astype(np.int32),
        (row_of[pair] + first).astype(np.int32),
        made,
        first,
        lengths.reshape(-1, width),
        surfaces,
    )
