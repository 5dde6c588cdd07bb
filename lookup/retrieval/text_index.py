"""The items whose text vectors are nearest to that of a query, without scoring all items.

Items lie in lists, one for each of C centres: each in the list of the centre with the largest inner product. A search
scores the items of the lists whose centres are nearest to the query (inverted file: Sivic & Zisserman, "Video Google",
ICCV 2003; Jégou, Douze & Schmid, "Product quantization for nearest neighbor search", TPAMI 2011). Vectors are int8
codes with a scale a row, in the order of the lists, so that a list is one run of memory. With a scale s_i and codes
c_i,

    score(i) = s_i * (c_i . q)

The night builds the lists and says how many to search (`jobs.ranking.text_index`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError

Matrix = NDArray[np.float32]

TEXT_ARRAYS = ("text_centre", "text_start", "text_item", "text_place", "text_code", "text_scale")
"""The arrays of an index with I items, C lists and E dimensions: the centres, float32 (C, E); where each list starts in
the order of lists, and the end, int64 (C + 1,); the item row of each place in that order and the place of each item
row, int32 (I,); and by place the codes, int8 (I, E), and their scales, float32 (I,)."""
MORE = 4
"""Where too few allowed items lie in the lists that were searched, this many times as many are searched next."""


class TextIndex:
    """The text vectors of a release's items. Threads may share it.

    probes: how many lists a search looks through, at least.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], probes: int):
        """Read the arrays by name (`TEXT_ARRAYS`).

        Raises ReleaseError when one is missing, or their shapes or types do not belong together.
        """
        missing = [name for name in TEXT_ARRAYS if name not in arrays]
        if missing:
            raise ReleaseError(f"a text index needs {', '.join(missing)}")
        self._centres, starts, self._items, self._places, self._codes, self._scales = (
            arrays[name] for name in TEXT_ARRAYS
        )
        count = len(self._items)
        if (
            self._codes.dtype != np.int8
            or self._codes.ndim != 2
            or self._centres.shape != (len(starts) - 1, self._codes.shape[1])
            or {len(self._codes), len(self._scales), len(self._places)} != {count}
            or int(starts[-1]) != count
        ):
            raise ReleaseError(
                f"a text index of {count} items: codes {self._codes.dtype} {self._codes.shape}, centres "
                f"{self._centres.shape}, {len(self._scales)} scales, {len(self._places)} places and {len(starts)} "
                "starts do not belong together"
            )
        self._starts: list[int] = starts.tolist()
        self.probes = min(max(1, probes), len(self._centres))

    def __len__(self) -> int:
        return len(self._items)

    @property
    def lists(self) -> int:
        """C."""
        return len(self._centres)

    def search(
        self, vector: Matrix, n: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int32], Matrix]:
        """About the `n` nearest items, best first: their rows, int32, and their scores, float32.

        vector: of a query, float32 (E,), of length 1. allowed: by item row, bool (I,); by default all are. Equal scores
        are in the order of rows. Fewer than `n` come back only where fewer are allowed.
        """
        centred = self._centres @ vector
        order = np.argpartition(-centred, self.probes - 1)[: self.probes].tolist()
        searched, wanted, found = 0, self.probes, 0
        rows: list[NDArray[np.int32]] = []
        scores: list[Matrix] = []
        while searched < self.lists and found < n:
            if searched == self.probes:  # only a strict filter comes here
                order = np.argsort(-centred, kind="stable").tolist()
            for one in order[searched:wanted]:
                start, stop = self._starts[one], self._starts[one + 1]
                here = self._items[start:stop]
                near = (self._codes[start:stop].astype(np.float32) @ vector) * self._scales[start:stop]
                if allowed is not None:
                    kept = allowed[here]
                    here, near = here[kept], near[kept]
                rows.append(here)
                scores.append(near)
                found += len(here)
            searched, wanted = wanted, wanted * MORE
        if not found or n < 1:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        return _best(np.concatenate(rows), np.concatenate(scores), n)

    def vectors(self, rows: NDArray[np.integer[Any]]) -> Matrix:
        """The vectors of items by their rows, float32 (n, E), as the codes have them."""
        places = self._places[rows]
        return np.asarray(self._codes[places].astype(np.float32) * self._scales[places, None], dtype=np.float32)

    def scores(self, vector: Matrix, rows: NDArray[np.integer[Any]]) -> Matrix:
        """The scores of items by their rows, float32 (n,). vector: as in `search`."""
        places = self._places[rows]
        return np.asarray((self._codes[places].astype(np.float32) @ vector) * self._scales[places], dtype=np.float32)


def _best(rows: NDArray[np.int32], scores: Matrix, n: int) -> tuple[NDArray[np.int32], Matrix]:
    if n < len(scores):
        # With all that equal the last of the n, so that the order of rows decides between them.
        last = np.partition(scores, len(scores) - n)[len(scores) - n]
        kept = np.flatnonzero(scores >= last)
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))[:n]
    return rows[order], scores[order]
