"""Score terms: what histories add to the scores of items, for a block of users. Numpy and scipy, no Spark."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.ranking.exact import Terms
from lookup.scoring.score_parameters import ScoreParameters

if TYPE_CHECKING:
    import pyarrow as pa
    import scipy.sparse as sp

    from jobs.infra.vector_store import VectorStore


@dataclass(frozen=True)
class ItemTransitions:
    """Item transitions and repeats: the arrays of a release from which terms are made, mapped or not."""

    next_item: NDArray[np.int32]
    """(I, N)."""
    next_weight: NDArray[np.float32]
    """(I, N)."""
    item_repeat: NDArray[np.float32]
    """(I,)."""

    @classmethod
    def of(cls, vectors: "VectorStore") -> "ItemTransitions":
        """Map the arrays of a run into memory."""
        return cls(*(vectors.array(name) for name in ("item_next_item", "item_next_weight", "item_repeat")))


@dataclass(frozen=True)
class HistoryBatch:
    """The histories of n users: item rows in CSR form, in which an item may appear again, and what each counts."""

    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    shares: NDArray[np.float32]
    """As `ScoreParameters.transition_shares` gives them."""
    repeats: NDArray[np.float32]
    """As `ScoreParameters.repeat_shares` gives them."""

    @classmethod
    def of(cls, history: "pa.ListArray", shares: "pa.ListArray", repeats: "pa.ListArray") -> "HistoryBatch":
        """Take the columns of table `user_vectors`."""
        offsets = history.offsets.to_numpy()
        return cls(offsets - offsets[0], *(column.flatten().to_numpy() for column in (history, shares, repeats)))


def terms(
    history: HistoryBatch,
    transitions: ItemTransitions,
    parameters: ScoreParameters,
    vectors: NDArray[np.float32],
    items: NDArray[np.float32],
) -> Terms:
    """Return the terms of `lookup.scoring.score_parameters.ScoreParameters.item_terms`, for many users at once.

    vectors: of the users, float32 (n, D). items: of all items, float32 (I, D).
    """
    import scipy.sparse as sp

    used, place = np.unique(history.items, return_inverse=True)
    users, size = len(history.offsets) - 1, len(transitions.next_item)

    def summed(values: NDArray[np.float32]) -> "sp.csr_array":
        # Sums are made in place, so this must be a copy: the values are the caller's, or mapped.
        matrix = sp.csr_array((values, place.astype(np.int32), history.offsets), shape=(users, len(used)), copy=True)
        matrix.sum_duplicates()
        return matrix

    rows, weights = transitions.next_item[used], transitions.next_weight[used]
    there = rows >= 0
    offsets = np.concatenate([[0], there.sum(1).cumsum()])
    next_items = sp.csr_array((weights[there], rows[there], offsets), shape=(len(used), size))
    own = summed(history.repeats)
    repeats = parameters.repeat_weight * np.log1p(own.data) + transitions.item_repeat[used][own.indices]
    if parameters.kept_share != 1.0:
        repeats += (parameters.kept_share - 1.0) * _products(vectors, items, used, own)
    itself = sp.csr_array((repeats.astype(np.float32), used[own.indices], own.indptr), shape=(users, size))
    found = summed(history.shares) @ next_items
    if parameters.kept_next != 1.0:
        had = sp.csr_array((np.ones(len(own.data), np.float32), used[own.indices], own.indptr), shape=(users, size))
        found = found + (parameters.kept_next - 1.0) * found.multiply(had)
    total = (found + itself).astype(np.float32).tocsr()
    return Terms(total.indptr, total.indices, total.data.astype(np.float32))


def _products(
    vectors: NDArray[np.float32], items: NDArray[np.float32], used: NDArray[np.int32], own: "sp.csr_array"
) -> NDArray[np.float32]:
    """Return u . v of every pair of a user and an item in `own`, (users, used)."""
    found = np.empty(len(own.data), dtype=np.float32)
    for user, vector in enumerate(vectors):
        part = slice(own.indptr[user], own.indptr[user + 1])
        found[part] = items[used[own.indices[part]]] @ vector
    return found
