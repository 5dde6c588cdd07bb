"""The counts of all items, part by part: the first half of their index."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from jobs.models.lexical.segments import WEIGHT, Segments
from lookup.retrieval.lexical.counts import Counts, count
from lookup.text.analyzer import Analyzer

PART = 10_000
"""Items of a part: so many texts are counted at once."""


def parts(items: Iterable[Sequence[str]], analyzer: Analyzer, part: int = PART) -> Iterator[Counts]:
    """The counts of items, `part` of them at a time. items: of each the texts of `FIELDS`, in the order of rows.

    A task on a cluster counts its own rows with `count(its items, analyzer, its first row)` in the same way.
    """
    rest, first = iter(items), 0
    while some := list(islice(rest, part)):
        yield count(some, analyzer, first)
        first += len(some)


def counted(
    items: Iterable[Sequence[str]], analyzer: Analyzer, part: int = PART, segments: Segments | None = None
) -> list[Counts]:
    """The counts of all items.

    segments: with them, a pair of characters that spans two words of a title counts `WEIGHT` there.
    """
    if segments is None:
        return list(parts(items, analyzer, part))
    known = list(items)
    return [
        lighter(one, [segments.crossing(texts[0]) for texts in known[one.first : one.first + len(one.lengths)]])
        for one in parts(known, analyzer, part)
    ]


def lighter(counts: Counts, crossing: Sequence[Mapping[str, int]]) -> Counts:
    """The counts where some terms of titles count `WEIGHT` each time. crossing: of each item, term → how often."""
    places = {term: place for place, term in enumerate(counts.terms)}
    items = len(counts.lengths)
    pairs = counts.term.astype(np.int64) * items + (counts.row - counts.first)  # rising, as `count` makes them
    said = [(places[term] * items + row, n) for row, found in enumerate(crossing) for term, n in found.items()]
    times = counts.times.astype(np.float32)
    if said:
        pair, often = (np.array(column) for column in zip(*said, strict=True))
        times[np.searchsorted(pairs, pair), 0] -= (1 - WEIGHT) * often
    return counts._replace(times=times)
