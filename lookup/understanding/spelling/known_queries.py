"""Queries that shoppers asked before, and which of them look like a typed one."""

from zlib import crc32

import numpy as np

from lookup.keys import Keys
from lookup.understanding.arrays import Arrays

GRAM = 3
"""Letters of a gram."""
MOST_GRAMS = 40
"""Grams of a query that are looked up."""
MOST_POSTINGS = 4_000
"""Places of queries that are counted for one typed query; the rarest grams come first."""
MOST = 8
"""Queries that are measured for one typed query."""


def letters(text: str) -> str:
    """Letters and digits of a normalised text, so that blanks and hyphens do not matter."""
    return "".join([one for one in text if one.isalnum()])


def digits(text: str) -> str:
    """The digits of a text."""
    return "".join([one for one in text if one.isdigit()])


def grams(text: str) -> list[int]:
    """The hashes of the different grams of what `letters` gives, with its ends marked; rising."""
    padded = f"^{text}$"
    found = {padded[at : at + GRAM] for at in range(len(padded) - GRAM + 1)}
    return sorted({crc32(one.encode("utf-8", "surrogatepass")) for one in found})


class KnownQueries:
    """The known queries of a release, by text and by grams."""

    def __init__(self, arrays: Arrays):
        self.texts = Keys(arrays["spell_queries_hash"], arrays["spell_queries_offsets"], arrays["spell_queries_bytes"])
        self.log = arrays["spell_query_log"].data
        self._grams = arrays["spell_grams"]
        self._offsets = arrays["spell_gram_offsets"]
        self._queries = arrays["spell_gram_queries"]
        self._letters = arrays["spell_query_letters"]

    def __len__(self) -> int:
        return len(self.log)

    def alike(self, text: str) -> list[int]:
        """Rows of at most `MOST` queries that share most grams with a normalised text, the most alike first."""
        typed = letters(text)
        wanted = np.array(grams(typed), dtype=np.uint32)
        if not len(wanted) or not len(self._grams):
            return []
        at = np.minimum(self._grams.searchsorted(wanted), len(self._grams) - 1)
        at = at[self._grams[at] == wanted]
        starts, sizes = self._offsets[at], self._offsets[at + 1] - self._offsets[at]
        order = np.argsort(sizes, kind="stable")[:MOST_GRAMS]
        order = order[np.cumsum(sizes[order]) <= MOST_POSTINGS]
        if not len(order):
            return []
        parts = [self._queries[a : a + n] for a, n in zip(starts[order].tolist(), sizes[order].tolist(), strict=True)]
        rows, counts = np.unique(np.concatenate(parts), return_counts=True)
        shared = 2.0 * counts / (len(order) + self._letters[rows])  # Dice's coefficient, of the grams looked up
        if len(rows) > 8 * MOST:  # sorting all of them would take longer than all else; ties stay in order
            kept = shared >= np.partition(shared, -MOST)[-MOST]
            rows, shared = rows[kept], shared[kept]
        best = np.argsort(-shared, kind="stable")[:MOST]
        found: list[int] = rows[best].tolist()
        return found
