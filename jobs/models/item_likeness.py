"""Likeness of items: which items share attributes and words, as transitions from each item to those most like it.

The likeness of two items is the cosine of their attributes, words included, each weighted by its rarity, log(n / items
that have it) (idf: Spärck Jones, Journal of Documentation 28, 1972). It needs no events. Where there are few, the next
item is often one with the same rare words: a colour, a series, a brand.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.models.item_transitions import TRANSITIONS, FittedTransitions

if TYPE_CHECKING:
    import scipy.sparse as sp

BLOCK = 20_000_000
"""Pairs of items in memory at once, 4 bytes each, a few times over."""


def rare(attributes: "sp.csr_array") -> "sp.csr_array":
    """Return each item's attributes by their rarity, float32 (n, L), sparse; each row of length 1 or empty.

    attributes: (n, L), sparse; only which entries are above 0 counts.
    """
    import scipy.sparse as sp

    there = (attributes > 0).astype(np.float32).tocsr()
    frequency = np.maximum(np.asarray(there.sum(0)), 1.0)
    weighted = (there @ sp.diags_array(np.log(there.shape[0] / frequency).astype(np.float32))).tocsr()
    lengths = np.sqrt(np.asarray(weighted.power(2).sum(1)))
    return (sp.diags_array((1.0 / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)) @ weighted).tocsr()


def with_likeness(found: FittedTransitions, attributes: "sp.csr_array", weight: float) -> FittedTransitions:
    """Add `weight` times the likeness of two items to the transition between them; no item is like itself.

    Each item keeps its TRANSITIONS largest sums. found: of n items. attributes: of the same items, (n, L), as
    `jobs.models.attributes.Vocabulary.matrix` makes them.

    Memory: a few times BLOCK numbers; time: that of the sparse product of the attributes with their transpose.
    """
    n = len(found.items)
    facts = rare(attributes)
    items = np.full((n, TRANSITIONS), -1, dtype=np.int32)
    weights = np.zeros((n, TRANSITIONS), dtype=np.float32)
    size = max(1, BLOCK // max(n, 1))
    for first in range(0, n, size):
        rows = np.arange(first, min(first + size, n))
        sums: NDArray[np.float32] = (facts[rows] @ facts.T).toarray() * np.float32(weight)
        sums[np.arange(len(rows)), rows] = 0.0
        before, place = np.nonzero(found.items[rows] >= 0)
        sums[before, found.items[rows][before, place]] += found.weights[rows][before, place]
        for row, own in zip(rows.tolist(), sums, strict=True):
            chosen = _largest(own)
            items[row, : len(chosen)] = chosen
            weights[row, : len(chosen)] = own[chosen]
    return FittedTransitions(items, weights)


def _largest(sums: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the places of the TRANSITIONS largest sums above 0, the largest first; of equal ones the lower place."""
    least = np.partition(sums, -TRANSITIONS)[-TRANSITIONS] if len(sums) > TRANSITIONS else np.float32(0)
    places = np.flatnonzero((sums > 0) & (sums >= least))
    return places[np.argsort(-sums[places], kind="stable")[:TRANSITIONS]]
