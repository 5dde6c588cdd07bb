"""What a history adds to the scores of items, for a block of users. Numpy and scipy, no Spark."""

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
    """The arrays of a release that the terms are made of, mapped or not."""

    next_item: NDArray[np.int32]
    """(I, N)."""
    next_weight: NDArray[np.float32]
    """(I, N)."""
    item_repeat: NDArray[np.float32]
    """(I,)."""

    @classmethod
    def of(cls, vectors: "VectorStore") -> "ItemTransitions":
        """From the vectors of a run, mapped."""
        return cls(*(vectors.array(name) for name in ("item_next_item", "item_next_weight", "item_repeat")))


@dataclass(frozen=True)
class HistoryBatch:
    """What n users had: item rows in CSR form, in which an item may come again, and how much each event counts."""

    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    shares: NDArray[np.float32]
    """As `ScoreParameters.transition_shares` gives them."""
    repeats: NDArray[np.float32]
    """As `ScoreParameters.repeat_shares` gives them."""

    @classmethod
    def of(cls, history: "pa.ListArray", shares: "pa.ListArray", repeats: "pa.ListArray") -> "HistoryBatch":
        """From the columns of table `user_vectors`."""
        offsets = history.offsets.to_numpy()
        return cls(offsets - offsets[0], *(column.flatten().to_numpy() for column in (history, shares, repeats)))


def terms(
    had: HistoryBatch,
    followers: ItemTransitions,
    parameters: ScoreParameters,
    vectors: NDArray[np.float32],
    items: NDArray[np.float32],
) -> Terms:
    """What `lookup.scoring.score_parameters.ScoreParameters.item_terms` gives, for many users at once.

    vectors: of the users, float32 (n, D). items: of all items, float32 (I, D).
    """
    import scipy.sparse as sp

    used, place = np.unique(had.items, return_inverse=True)
    users, size = len(had.offsets) - 1, len(followers.next_item)

    def summed(values: NDArray[np.float32]) -> "sp.csr_array":
        # A copy: what is summed in place is the caller's, or a mapped column.
        made = sp.csr_array((values, place.astype(np.int32), had.offsets), shape=(users, len(used)), copy=True)
        made.sum_duplicates()
        return made

    rows, weights = followers.next_item[used], followers.next_weight[used]
    there = rows >= 0
    offsets = np.concatenate([[0], there.sum(1).cumsum()])
    follow = sp.csr_array((weights[there], rows[there], offsets), shape=(len(used), size))
    own = summed(had.repeats)
    again = parameters.repeat_weight * np.log1p(own.data) + followers.item_repeat[used][own.indices]
    if parameters.kept_share != 1.0:
        again += (parameters.kept_share - 1.0) * _products(vectors, items, used, own)
    itself = sp.csr_array((again.astype(np.float32), used[own.indices], own.indptr), shape=(users, size))
    total = (summed(had.shares) @ follow + itself).tocsr()
    return Terms(total.indptr, total.indices, total.data.astype(np.float32))


def _products(
    vectors: NDArray[np.float32], items: NDArray[np.float32], used: NDArray[np.int32], own: "sp.csr_array"
) -> NDArray[np.float32]:
    """u . v of every pair of a user and an item that `own` (users, used) holds."""
    found = np.empty(len(own.data), dtype=np.float32)
    for user, vector in enumerate(vectors):
        part = slice(own.indptr[user], own.indptr[user + 1])
        found[part] = items[used[own.indices[part]]] @ vector
    return found
