"""Baselines with a fit: EASE, and ALS by `implicit`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.methods.baselines import decayed
from jobs.evaluation.problems.problem import Histories, Problem

if TYPE_CHECKING:
    import scipy.sparse as sp


def ends(train: Histories) -> NDArray[np.float64]:
    """Return one day, or place, after the last event of each user, (U,); 0 for a user without events."""
    result = np.zeros(len(train))
    some = train.lengths > 0
    result[some] = train.days[train.offsets[1:][some] - 1] + 1.0
    return result


class Ease:
    """The linear model of Steck, "Embarrassingly Shallow Autoencoders", WWW 2019, equation 8.

    B_ij = -P_ij / P_jj off the diagonal and 0 on it, with P = (XᵀX + REGULARISATION I)⁻¹; the score is x B. A row x of
    X holds a user's items: 1 in unordered data, else the recency of their events. B is dense, so only the MOST items
    with the most training events take part (900 MB); other items are never listed.
    """

    name = "ease"
    parameters = 0
    MOST = 15_000
    REGULARISATION = 30.0
    POWER = 0.5
    """The power of `recency`. It and the regularisation were chosen on the validation part of amazon-beauty."""

    def fit(self, problem: Problem) -> None:
        """Invert the regularised Gram matrix."""
        from scipy.linalg import lapack

        self._ordered, self._all = problem.ordered, len(problem.items)
        count = np.bincount(problem.train.items, minlength=self._all)
        self._columns = np.sort(np.argsort(-count, kind="stable")[: self.MOST])
        x = self._input(problem.train, ends(problem.train))
        gram = (x.T @ x).toarray(order="F")
        gram[np.diag_indices_from(gram)] += self.REGULARISATION
        # Cholesky, then the inverse from it, in place: half the work of a plain inverse, and no second matrix.
        factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
        inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
        if failed or failed_too:
            raise ArithmeticError("XᵀX + λI is not positive definite: λ is too small for its size")
        self._b = _mirrored(inverse)
        self._b /= -np.diagonal(self._b).copy()
        np.fill_diagonal(self._b, 0.0)
        self.parameters = int(self._b.size)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        result = np.full((len(given), self._all), -np.inf, dtype=np.float32)
        result[:, self._columns] = self._input(given, at) @ self._b
        return result

    def _input(self, histories: Histories, at: NDArray[np.float64]) -> "sp.csr_array":
        """Return the rows x, sparse float32 (m, items that take part)."""
        x = histories.matrix(self._all, decayed(histories, at, self.POWER) if self._ordered else None)[:, self._columns]
        if not self._ordered:
            x.data[:] = 1.0
        return x


def _mirrored(lower: NDArray[np.float32], block: int = 1024) -> NDArray[np.float32]:
    """Copy the lower triangle to the upper one in place, by blocks, without a second matrix."""
    for first in range(0, len(lower), block):
        rows = slice(first, first + block)
        lower[:first, rows] = lower[rows, :first].T
        corner = np.tril(lower[rows, rows])
        lower[rows, rows] = corner + np.tril(corner, -1).T
    return lower


class Als:
    """Weighted matrix factorisation (Hu, Koren & Volinsky, ICDM 2008), as the package `implicit` does it.

    The confidence of a user in an item is 1 + ALPHA x the sum of the weights of the events (times their recency in
    ordered data). To score a user, the user's factors are solved for from the given events, with fixed item factors.
    """

    name = "als"
    parameters = 0
    FACTORS = 128
    REGULARISATION = 1.0
    ALPHA = 10.0
    """It and the regularisation were chosen on the validation part of amazon-beauty."""
    ITERATIONS = 15
    SEED = 7

    def fit(self, problem: Problem) -> None:
        """Alternate least squares with one BLAS thread, which implicit asks for, and a fixed seed."""
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        self._ordered, self._items = problem.ordered, len(problem.items)
        with threadpool_limits(1, "blas"):
            self._model = AlternatingLeastSquares(
                factors=self.FACTORS,
                regularization=self.REGULARISATION,
                iterations=self.ITERATIONS,
                random_state=self.SEED,
            )
            self._model.fit(self._confidence(problem.train, ends(problem.train)), show_progress=False)
        self.parameters = int(self._model.item_factors.size)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        users = self._model.recalculate_user(np.arange(len(given)), self._confidence(given, at))
        return np.asarray(users @ self._model.item_factors.T, dtype=np.float32)

    def _confidence(self, histories: Histories, at: NDArray[np.float64]) -> "sp.csr_matrix":
        import scipy.sparse as sp

        x = histories.matrix(self._items, decayed(histories, at) if self._ordered else None)
        x.data = 1.0 + self.ALPHA * x.data
        return sp.csr_matrix(x)  # implicit does not take sparse arrays
