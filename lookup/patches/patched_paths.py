"""The category paths of items, where patches change few of them: the release's array, and a small one beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""Ends a path that is shorter than the array is wide."""


class PatchedPaths:
    """Reads like an array of paths, (n, G) int32, for one row or for some. It never changes.

    released: the paths of the release's items, (I, G); later rows have none. rows: of the patched items, rising, (P,).
    codes: their paths, (P, W). So a long path costs its own row, and no other item anything.
    """

    def __init__(self, released: NDArray[np.int32], rows: NDArray[np.int64], codes: NDArray[np.int32]):
        self._released, self._rows, self._codes = released, rows, codes
        self.nbytes = rows.nbytes + codes.nbytes

    @classmethod
    def of(cls, paths: "NDArray[np.int32] | PatchedPaths") -> "PatchedPaths":
        """The paths of a release as they are, none of them patched; patched ones unchanged."""
        if isinstance(paths, PatchedPaths):
            return paths
        return cls(paths, np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.int32))

    def replaced(self, changes: Mapping[int, Sequence[int] | None]) -> "PatchedPaths":
        """Other paths. changes: the codes of a path by its row; None for what the release has."""
        new = {row: path for row, path in changes.items() if path is not None}
        kept = ~np.isin(self._rows, list(changes))
        width = max([int((self._codes[kept] != NONE).sum(axis=1).max(initial=0)), *map(len, new.values())])
        codes = np.full((int(kept.sum()) + len(new), width), NONE, dtype=np.int32)
        codes[: len(codes) - len(new)] = _wide(self._codes[kept], width)[:, :width]
        for place, path in enumerate(new.values(), len(codes) - len(new)):
            codes[place, : len(path)] = path
        rows = np.concatenate([self._rows[kept], np.array(list(new), dtype=np.int64)])
        order = np.argsort(rows)
        return PatchedPaths(self._released, rows[order], codes[order])

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """The path of a row, (G,)."""
        path: NDArray[np.int32] = self.take(np.array([row]))[0]
        return path

    def take(self, rows: NDArray[np.integer[Any]], axis: int = 0) -> NDArray[np.int32]:
        """The paths of some rows, (m, G) or wider, a copy."""
        last = len(self._released) - 1
        found: NDArray[np.int32] = self._released.take(np.minimum(rows, last), axis=0)
        found[rows > last] = NONE
        place = np.searchsorted(self._rows, rows)
        place[place == len(self._rows)] = 0
        patched = self._rows[place] == rows if len(self._rows) else np.zeros(len(rows), dtype=bool)
        if patched.any():
            codes = self._codes[place[patched]]
            found = _wide(found, codes.shape[1])
            found[patched] = _wide(codes, found.shape[1])
        return found


def _wide(codes: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    """Paths in an array at least so wide."""
    more = max(width - codes.shape[1], 0)
    return np.pad(codes, ((0, 0), (0, more)), constant_values=NONE) if more else codes
