"""The index choice: which method finds the best items for a vector. The build chooses by measurement."""

from dataclasses import dataclass

METHODS = ("scan", "sketch", "annoy")


@dataclass(frozen=True)
class IndexChoice:
    """A method and what the build measured of it, one query at a time."""

    method: str
    """"scan" scores all items exactly. "sketch" scores all items by their projections, and exactly those that survive
    (`lookup.retrieval.scan`). "annoy" scores what the Annoy index finds (`lookup.retrieval.annoy_index`)."""
    recall: float
    """Recall@20 of the method against the exact first 20, over users' vectors of the night and of sessions."""
    survivors: int
    """How many items survive their projections; 0 in a release without projections."""
    search_k: int
    """How many nodes Annoy inspects, so that it reaches the wanted recall or is slower than another method."""
    annoy_recall: float
    """The recall that Annoy reaches with `search_k`."""
    scan_us: float
    """Microseconds for a query by "scan", on the machine of the build with one thread."""
    sketch_us: float | None
    """Likewise by "sketch"; null in a release without projections."""
    annoy_us: float
    """Likewise by "annoy"."""
