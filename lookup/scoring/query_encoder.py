"""The vector of a query in the items' text space: a table of token vectors, summed; numpy alone.

A token is a word, a piece of a word or a pair of neighbouring words. With e_t the row of token t,

    q = unit(sum_t e_t),    e_t = scale_t * code_t,    unit(a) = a / |a|

so the length of e_t is the weight of t. The table is distilled from a transformer (`jobs.models.query_encoder`) and
stored as int8 codes with a scale a row.

A word without a row is split into the longest known pieces from its start on, as WordPiece does (Schuster & Nakajima,
"Japanese and Korean voice search", ICASSP 2012; Devlin et al., "BERT", NAACL 2019). A piece that goes on within a word
is stored with `INSIDE` in front. So "headphonez" is "headphone" and "##z".
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.keys import Keys

INSIDE = "##"
"""What a piece begins with that goes on within a word."""
BETWEEN = " "
"""What stands between the two words of a pair."""
MOST_WORDS = 64
"""Words of a query after these are not read."""
LONGEST_WORD = 48
"""Letters of an unknown word after these are not read."""
CACHED = 1 << 14
"""How many words and pieces stay known with their rows: some 2 MiB at most."""
LONGEST_PIECE = 16
"""No piece has more letters, `INSIDE` not counted."""
ARRAYS = ("query_token_hash", "query_token_offsets", "query_token_bytes", "query_token_code", "query_token_scale")
"""The arrays of an encoder with Q tokens and E dimensions: the three of `lookup.keys.build` over the tokens, uint64
(Q,), int64 (Q + 1,) and uint8; the codes, int8 (Q, E); their scales, float32 (Q,)."""

Find = Callable[[str], int]
"""From a token to its row, or a negative number."""


def token_rows(words: Sequence[str], find: Find) -> list[int]:
    """The rows of the tokens of a query: those of its words, in order, then those of its known pairs.

    words: as `lookup.text` normalises them. What has no row at all, not even in pieces, is left out.
    """
    words = words[:MOST_WORDS]
    rows: list[int] = []
    for word in words:
        row = find(word)
        if row >= 0:
            rows.append(row)
        else:
            rows += piece_rows(word, find)
    for left, right in pairwise(words):
        row = find(left + BETWEEN + right)
        if row >= 0:
            rows.append(row)
    return rows


def piece_rows(word: str, find: Find) -> list[int]:
    """The rows of the longest known pieces of a word, from its start on. A letter that begins none is passed over."""
    word = word[:LONGEST_WORD]
    rows: list[int] = []
    start = 0
    while start < len(word):
        for stop in range(min(len(word), start + LONGEST_PIECE), start, -1):
            row = find((INSIDE if start else "") + word[start:stop])
            if row >= 0:
                rows.append(row)
                break
        else:
            stop = start + 1
        start = stop
    return rows


class QueryEncoder:
    """The static encoder of a release. Threads may share it.

    codes: int8 in a release; float32 at night, before they are quantised. (Q, E). scales: (Q,).
    """

    def __init__(self, keys: Keys, codes: NDArray[np.int8] | NDArray[np.float32], scales: NDArray[np.float32]):
        self.keys = keys
        self._codes, self._scales = codes, scales
        self._find = lru_cache(CACHED)(keys.find)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "QueryEncoder":
        """Read the arrays of a release by name (`ARRAYS`).

        Raises ReleaseError when one is missing, or their shapes or types do not belong together.
        """
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise ReleaseError(f"a query encoder needs {', '.join(missing)}")
        hashes, offsets, data, codes, scales = (arrays[name] for name in ARRAYS)
        count = len(hashes)
        fits = offsets.shape == (count + 1,) and scales.shape == (count,) and codes.ndim == 2 and len(codes) == count
        if not fits or codes.dtype != np.int8:
            raise ReleaseError(
                f"a query encoder of {count} tokens needs int8 codes of as many rows, as many scales and one more "
                f"offset; found {codes.dtype} {codes.shape}, {scales.shape} and {offsets.shape}"
            )
        return cls(Keys(hashes, offsets, data), codes, scales)

    @property
    def dimensions(self) -> int:
        """E, of the vectors."""
        return int(self._codes.shape[1])

    def vector(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The vector of a query, float32 (E,), of length 1; zeros where no part of it is known.

        words: as `lookup.text` normalises them.
        """
        rows = token_rows(words, self._find)
        if not rows:
            return np.zeros(self.dimensions, dtype=np.float32)
        return unit(self._scales[rows] @ self._codes[rows].astype(np.float32))


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """A vector scaled to length 1, float32 (E,); zeros stay zeros."""
    length = float(np.dot(vector, vector)) ** 0.5
    return np.asarray(vector / np.float32(length) if length > 0 else vector, dtype=np.float32)
