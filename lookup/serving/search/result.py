"""What a search answers with: its hits at once, and what it says besides when it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

from lookup.lazy import lazy
from lookup.serving.hit import Hit
from lookup.understanding.interpreter import Interpretation


@dataclass(frozen=True)
class PriceBand:
    """How many of the items that match cost so much: from `low`, included, to below `high`; the last one to `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Facets:
    """What the items that match have, with counts, the most frequent first; ties by name."""

    categories: tuple[tuple[str, int], ...] = ()
    """Names at any level of the path."""
    brands: tuple[tuple[str, int], ...] = ()
    prices: tuple[PriceBand, ...] = ()
    features: dict[str, tuple[tuple[str | float, int], ...]] = field(default_factory=dict)
    """Values of each declared feature: texts; numbers where there are few different ones."""


class Besides(Protocol):
    """What a result says besides its hits, computed when it is asked for, from the items as the call found them."""

    def interpretation(self) -> Interpretation:
        """What was understood."""

    def total(self) -> int:
        """How many items match."""

    def facets(self) -> Facets:
        """Of the items that match."""

    def next(self, hits: tuple[Hit, ...]) -> str | None:
        """The token for what comes after the hits."""


@dataclass(frozen=True)
class SearchResult(Sequence[Hit]):
    """Hits, best first, and what was understood. It is a sequence of its hits.

    All that a result says is true of the moment of the call. Total, facets and `next` are computed when they are first
    read, so a call without them is quicker.
    """

    hits: tuple[Hit, ...]
    besides: Besides = field(repr=False, compare=False)
    dropped: tuple[str, ...] = ()
    """Words that were given up, the first one first, because no item matches all of them."""
    arm: str | None = None
    """The user's arm of the A/B test, also where there are no hits; None without a test, and for a guest."""

    @lazy
    def total(self) -> int:
        """How many items match and may be shown. What other sources fill up with does not count."""
        return self.besides.total()

    @lazy
    def facets(self) -> Facets:
        """Of the items that match."""
        return self.besides.facets()

    @lazy
    def interpretation(self) -> Interpretation:
        """What was understood."""
        return self.besides.interpretation()

    @lazy
    def next(self) -> str | None:
        """Give it as `page` for the hits after these; None where there are none."""
        return self.besides.next(self.hits)

    @property
    def corrected(self) -> str | None:
        """What was searched for instead of what was typed; None where nothing was corrected."""
        return self.interpretation.text if self.interpretation.corrected else None

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)
