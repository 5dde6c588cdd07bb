"""What a user takes for the first time: a score in closed form, a sum over the items the user has.

    d(u, i) = popular_i + sum_j x_uj (next N_ji + alike B_ji + kind T_ji),    x_uj = m_uj / sqrt(sum_j m_uj)

with the faded count m_uj of the user's baskets with item j. popular: the item's share of recent first purchases. The
other parts are sparse matrices of items:

- N, from first purchases alone: the ridge regression N = (XᵀX + λ I)⁻¹ XᵀY. A row of X is a user's x at the begin of a
  window of time, and the row of Y has the items that the user took in the window and did not have before. It is the
  next-item form of EASE, as in `jobs.models.item_transitions`, but over the whole Gram matrix.
- B, from items that the same people take: the linear autoencoder of Steck, "Embarrassingly Shallow Autoencoders for
  Sparse Data", WWW 2019, eq. 8, on the x of all users at the end.
- T: each item's share of what is popular in the narrowest category of j.

Negative weights are left out, each row keeps its NEXT largest, and each part is scaled so that a user's scores add up
to 1 on average, as those of `popular` do: so its weight in the sum means the same in every shop.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.repertoire.own_items import OwnItems

if TYPE_CHECKING:
    import scipy.sparse as sp

MOST = 4000
"""So many of the most popular items take part in N and B, whose cost grows with their cube."""
NEXT = 100
NEXT_PENALTY, ALIKE_PENALTY = 100.0, 20.0
"""λ of N and of B. They, MOST and NEXT were chosen on the validation parts of two grocers' data."""


class DiscoveryWeights(NamedTuple):
    """The weights of the parts beside `popular`; a study chooses them."""

    next: float = 1.0
    alike: float = 0.3
    kind: float = 0.0


@dataclass(frozen=True)
class Discovery:
    """The fitted score."""

    popular: NDArray[np.float32]
    """(I,); adds up to 1."""
    transitions: "sp.csr_array"
    """(I, I), float32, sparse: the weighted sum of N, B and T."""

    def scores(self, x: "sp.csr_array") -> NDArray[np.float32]:
        """The score of every item for each user, float32 (U, I). x: as `rows_of` makes it."""
        return np.asarray((x @ self.transitions).toarray() + self.popular, dtype=np.float32)


@dataclass(frozen=True)
class DiscoveryParts:
    """The parts of the score."""

    popular: NDArray[np.float32]
    next: "sp.csr_array"
    """N, (I, I)."""
    alike: "sp.csr_array"
    """B, (I, I)."""
    kind: "sp.csr_array"
    """T, (I, I)."""

    def weighted(self, weights: DiscoveryWeights) -> Discovery:
        """Add the parts up."""
        parts = zip((self.next, self.alike, self.kind), weights, strict=True)
        return Discovery(self.popular, sum(part * np.float32(weight) for part, weight in parts).tocsr())


def rows_of(own: OwnItems, column: int, items: int) -> "sp.csr_array":
    """Make the rows x of users, float32 (U, items). column: of `OwnItems.decayed`, the fading that x has."""
    import scipy.sparse as sp

    total = np.add.reduceat(np.append(own.decayed[:, column], 0.0), own.offsets[:-1]) if len(own.items) else np.ones(1)
    scale = np.where(np.diff(own.offsets) > 0, np.maximum(total, 1e-12) ** -0.5, 0.0)
    values = (own.decayed[:, column] * scale[own.users]).astype(np.float32)
    return sp.csr_array((values, own.items, own.offsets), shape=(len(own.baskets), items))


def fit(
    x: "sp.csr_array",
    before: "sp.csr_array",
    first: "sp.csr_array",
    popular: NDArray[np.float32],
    kinds: "sp.csr_array",
) -> DiscoveryParts:
    """Fit the parts.

    x: the rows of users at the end, (U, I). before: those at the begin of windows, (R, I). first: 1 for the items taken
    in the window and not had before, (R, I). popular: (I,), adds up to 1. kinds: (I, K), 1 at the narrowest category of
    each item.

    Raises ArithmeticError when the Gram matrix is not finite.
    """
    has = np.bincount(x.indices, minlength=len(popular))
    chosen = np.sort(np.argsort(-has, kind="stable")[: min(MOST, int((has > 1).sum()))])
    later, alike = before[:, chosen], x[:, chosen]
    with_first = (later.T @ first[:, chosen]).toarray().astype(np.float32)
    following = _inverse(later, NEXT_PENALTY) @ with_first
    inverse = _inverse(alike, ALIKE_PENALTY)
    similar = inverse / -np.diagonal(inverse)
    np.fill_diagonal(similar, 0.0)
    return DiscoveryParts(
        popular=popular,
        next=_scaled(_placed(following, chosen, len(popular)), x),
        alike=_scaled(_placed(similar, chosen, len(popular)), x),
        kind=_scaled(_same_kind(kinds, popular), x),
    )


def _inverse(x: "sp.csr_array", penalty: float) -> NDArray[np.float32]:
    """(XᵀX + penalty I)⁻¹ by Cholesky, dense."""
    if not x.shape[1]:
        return np.zeros((0, 0), dtype=np.float32)
    from scipy.linalg import lapack

    gram = (x.T @ x).toarray(order="F").astype(np.float32, order="F")
    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ArithmeticError("the Gram matrix of the histories is not positive definite: a weight is not finite")
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(inverse, -1).T, dtype=np.float32)


def _same_kind(kinds: "sp.csr_array", popular: NDArray[np.float32]) -> "sp.csr_array":
    """T: the NEXT most popular items of each item's kind, with their shares of its popularity."""
    import scipy.sparse as sp

    n, count = kinds.shape
    if not count:
        return sp.csr_array((n, n), dtype=np.float32)
    members = kinds.T.tocsr()
    total = np.maximum(members @ popular, 1e-12)
    rows, columns = [], []
    for kind in range(count):
        own = members.indices[members.indptr[kind] : members.indptr[kind + 1]]
        best = own[np.argsort(-popular[own], kind="stable")[:NEXT]]
        columns.append(best[popular[best] > 0])
        rows.append(np.full(len(columns[-1]), kind))
    row, column = np.concatenate(rows), np.concatenate(columns)
    shares = sp.csr_array(((popular[column] / total[row]).astype(np.float32), (row, column)), shape=(count, n))
    return (kinds @ shares).tocsr()


def _placed(weights: NDArray[np.float32], chosen: NDArray[np.int64], count: int) -> "sp.csr_array":
    """Return the NEXT largest positive weights of each row as a sparse (count, count). chosen: the items of weights."""
    import scipy.sparse as sp

    width = min(NEXT, weights.shape[1])
    if not width:
        return sp.csr_array((count, count), dtype=np.float32)
    top = np.argpartition(-weights, width - 1, axis=1)[:, :width]
    values = np.take_along_axis(weights, top, axis=1)
    kept = values > 0
    rows = np.broadcast_to(chosen[:, None], top.shape)[kept]
    return sp.csr_array((values[kept].astype(np.float32), (rows, chosen[top[kept]])), shape=(count, count))


def _scaled(matrix: "sp.csr_array", x: "sp.csr_array") -> "sp.csr_array":
    """Scale a part so that the scores of a user add up to 1 on average."""
    mean = float((x @ np.asarray(matrix.sum(1)).ravel()).mean()) if x.shape[0] else 0.0
    return (matrix * np.float32(1.0 / mean if mean > 0 else 0.0)).tocsr()
