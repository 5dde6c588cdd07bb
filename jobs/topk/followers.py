"""What the items of a history add to the scores of those that follow them, for a block of users. Numpy and scipy."""

import numpy as np
from numpy.typing import NDArray

from jobs.topk.exact import Lists, Terms


def terms(
    histories: Lists,
    shares: NDArray[np.float32],
    next_items: NDArray[np.int32],
    next_weights: NDArray[np.float32],
    repeat: float,
) -> Terms:
    """What `lookup.encoder.Encoder.item_terms` gives, for many users at once.

    histories: item rows of each of n users; an item may come again. shares: of each of those events, as
    `Encoder.next_shares` gives them. next_items, next_weights: the arrays `item_next_item` and `item_next_weight`,
    (I, N), mapped or not. repeat: of the encoder.
    """
    import scipy.sparse as sp

    used, place = np.unique(histories.items, return_inverse=True)
    users = len(histories.offsets) - 1
    # A copy: what is summed in place is the caller's, or a mapped column.
    had = sp.csr_array((shares, place.astype(np.int32), histories.offsets), shape=(users, len(used)), copy=True)
    had.sum_duplicates()
    rows, weights = next_items[used], next_weights[used]
    there = rows >= 0
    offsets = np.concatenate([[0], there.sum(1).cumsum()])
    follow = sp.csr_array((weights[there], rows[there], offsets), shape=(len(used), len(next_items)))
    again = np.full(had.nnz, repeat, dtype=np.float32)
    itself = sp.csr_array((again, used[had.indices], had.indptr), shape=(users, len(next_items)))
    total = (had @ follow + itself).tocsr()
    return Terms(total.indptr, total.indices, total.data.astype(np.float32))
