"""The index of all items, part by part."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from lookup.retrieval.lexical.build import Arrays, Parameters, build
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


def whole_index(
    items: Iterable[Sequence[str]], analyzer: Analyzer, parameters: Parameters | None = None, part: int = PART
) -> Arrays:
    """The arrays of an index of all items, as `lookup.retrieval.lexical.build` has them."""
    return build(list(parts(items, analyzer, part)), parameters)
