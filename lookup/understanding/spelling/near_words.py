"""Known words near a typed one: by deletions, so that nothing is compared with the whole dictionary.

Two words within n edits share a form with at most n letters deleted from each (Garbe's "symmetric delete", 2012). The
night stores these forms of each word's first letters; a call deletes from the typed word and looks them up. Hashes may
collide: callers measure every word found, so a collision costs time and nothing else.
"""

from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from lookup.keys import Keys
from lookup.understanding.arrays import Arrays

PREFIX = 7
"""Letters from which some are deleted. Longer words are found by their first ones."""
LONG = 5
"""From so many letters on, a word may have two edits, else one."""
LONGEST = 40
"""Longer words are not corrected."""
MOST = 48
"""Words measured for one typed word: those most frequent in the shop."""


def deleted(word: str, edits: int) -> list[str]:
    """The first letters of a word, with 0 up to `edits` of them deleted; each form once."""
    forms = [word[:PREFIX]]
    seen = set(forms)
    newest = forms
    for _ in range(edits):
        newest = [form[:at] + form[at + 1 :] for form in newest if len(form) > 1 for at in range(len(form))]
        newest = [form for form in dict.fromkeys(newest) if form not in seen]
        seen.update(newest)
        forms = forms + newest
    return forms


def edits_of(word: str) -> int:
    """How many edits a word may have: 1 for a short one."""
    return 2 if len(word) >= LONG else 1


def hashed(forms: list[str]) -> NDArray[np.uint64]:
    """The upper halves of the packed numbers of forms, uint64 (n,)."""
    codes = [crc32(form.encode("utf-8", "surrogatepass")) for form in forms]
    return np.array(codes, dtype=np.uint64) << np.uint64(32)


def letters_of(word: str) -> int:
    """A bit for each letter of the word."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 31)
    return bits


class NearWords:
    """The words of the shop, their rows, and which of them are near a typed word."""

    def __init__(self, arrays: Arrays):
        self.words = Keys(arrays["spell_words_hash"], arrays["spell_words_offsets"], arrays["spell_words_bytes"])
        self._deletes = arrays["spell_deletes"]
        self._letters = arrays["spell_word_letters"]
        self._length = arrays["spell_word_length"]
        self._log: NDArray[Any] = arrays["spell_word_log"]

    def near(self, word: str, edits: int) -> list[int]:
        """Rows of at most `MOST` words that may be within so many edits of a word, the most frequent first.

        A superset by letters and lengths: what is further away is still to be told by measuring.
        """
        if len(word) > LONGEST:
            return []
        codes = hashed(deleted(word, edits))
        starts = self._deletes.searchsorted(codes)
        ends = self._deletes.searchsorted(codes + np.uint64(0xFFFFFFFF), side="right")
        parts = [self._deletes[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True) if a < b]
        if not parts:
            return []
        packed = np.concatenate(parts) if len(parts) > 1 else parts[0]
        rows = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
        # A replaced letter changes two bits at most, any other edit one.
        far = np.bitwise_count(self._letters[rows] ^ np.uint32(letters_of(word))) > 2 * edits
        wide = np.abs(self._length[rows].astype(np.int16) - len(word)) > edits
        rows = np.unique(rows[~(far | wide)])
        rows = rows[np.argsort(-self._log[rows], kind="stable")[:MOST]]
        found: list[int] = rows.tolist()
        return found
