"""Head queries: what is asked most, with the list that the night ranked for each, so that a call reads one row."""

import numpy as np
from numpy.typing import NDArray

from lookup.keys import Keys
from lookup.retrieval.ranked_lists import RankedLists
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays

LONGEST = 200
"""Characters; no longer query is a head query."""
CACHED = 1 << 14
"""How many queries as typed stay known."""


class HeadQueries:
    """The stored lists of head queries (`lookup.search.stated.HEAD`). Thread-safe."""

    def __init__(self, arrays: Arrays):
        self._keys = Keys(*(np.asarray(arrays[f"head_query_{part}"]) for part in ("hash", "offsets", "bytes")))
        self.lists = RankedLists(np.asarray(arrays["head_item"]), np.asarray(arrays["head_score"]))
        """Item rows and scores, best first: all that the night could show and ranked, up to the length of a list."""
        self.totals: NDArray[np.int32] = np.asarray(arrays["head_total"])
        """How many items matched at night, (N,)."""
        self._known: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, query: str) -> int:
        """The row of a query as typed; -1 where it is no head query."""
        row = self._known.get(query)
        if row is None:
            if not len(self) or len(query) > LONGEST:
                return -1
            text = normalise(query)
            row = self._keys.find(text) if text else -1
            if len(self._known) >= CACHED:
                self._known = {}
            self._known[query] = row
        return row

    def text(self, row: int) -> str:
        """The query of a row, normalised."""
        return self._keys.id(row)
