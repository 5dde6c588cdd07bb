"""Which method answers a vector: an exact scan, sketches first, or Annoy. The build chooses by measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IndexChoice:
    """How the best items for a vector are found, chosen at build by what was measured there, one query at a time."""

    method: str
    """"scan": all items are scored; "sketch": all by their sketches first, and exactly those that survive (see
    `lookup.retrieval.scan`); "annoy": those that the index finds."""
    recall: float
    """Recall@20 of the method against the exact first 20, over vectors of the night and of sessions."""
    survivors: int
    """How many items are scored exactly after their sketches; 0 where the release has no sketches."""
    search_k: int
    """Nodes that Annoy inspects: it reaches the recall that was asked, or is slower than another method."""
    annoy_recall: float
    """What Annoy reaches with that."""
    scan_us: float
    """Microseconds a query on the machine of the build, one thread."""
    sketch_us: float | None
    """Likewise; null where the release has no sketches."""
    annoy_us: float
    """Likewise."""
