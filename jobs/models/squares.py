"""Square parts of a sparse matrix, dense: compiled (`squares.cpp`) where that was built, in numpy elsewhere."""

import ctypes
from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.infra.compiled.library import address, library

if TYPE_CHECKING:
    import scipy.sparse as sp


class Squares:
    """Cuts squares out of a symmetric matrix. One thread uses it at a time."""

    def __init__(self, matrix: "sp.csr_array"):
        """matrix: float32 (n, n), symmetric; the columns of each row rise."""
        self._starts = matrix.indptr.astype(np.int64)
        self._columns = matrix.indices.astype(np.int32, copy=False)
        self._values = matrix.data.astype(np.float32, copy=False)
        self._place = np.full(matrix.shape[0], -1, dtype=np.int32)
        self._compiled = library()

    def of_thread(self) -> "Squares":
        """The same for another thread."""
        made = copy(self)
        made._place = self._place.copy()
        return made

    def of(self, chosen: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the rows and columns `chosen`, (m, m). chosen: rising, (m,)."""
        return self._by_numpy(chosen) if self._compiled is None else self._by_compiled(self._compiled, chosen)

    def _by_compiled(self, compiled: ctypes.CDLL, chosen: NDArray[np.int32]) -> NDArray[np.float32]:
        m = len(chosen)
        square = np.empty((m, m), dtype=np.float32)
        compiled.daybreak_square(
            ctypes.c_void_p(address(self._starts, np.int64, self._starts.shape)),
            ctypes.c_void_p(address(self._columns, np.int32, self._columns.shape)),
            ctypes.c_void_p(address(self._values, np.float32, self._columns.shape)),
            ctypes.c_void_p(address(chosen, np.int32, (m,))),
            ctypes.c_int64(m),
            ctypes.c_void_p(address(self._place, np.int32, self._place.shape)),
            ctypes.c_void_p(address(square, np.float32, (m, m))),
        )
        return square

    def _by_numpy(self, chosen: NDArray[np.int32]) -> NDArray[np.float32]:
        square = np.zeros((len(chosen), len(chosen)), dtype=np.float32)
        for row, item in enumerate(chosen):
            part = slice(self._starts[item], self._starts[item + 1])
            columns = self._columns[part]
            place = np.searchsorted(columns, chosen)
            place[place == len(columns)] = 0
            there = columns[place] == chosen if len(columns) else np.zeros(len(chosen), dtype=bool)
            square[row, there] = self._values[part][place[there]]
        return square
