"""How likely words are beside each other in this shop: pairs of words, with absolute discounting."""

from bisect import bisect_left
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from lookup.understanding.arrays import Arrays

UNKNOWN = -1
"""The row of a word that the shop does not know."""
NUMBER = "0"
"""The word that stands for every number and code."""


def hash_of(word: str) -> int:
    """By which a word of the language is known."""
    return crc32(word.encode("utf-8", "surrogatepass"))


OTHER, END = 26, 27
"""The places of what is no letter, and of the ends of a word, among the letters."""


def letter_places(word: str) -> list[int]:
    """The places of the letters of a normalised word. Letters of other alphabets share those of a-z: a shop seldom has
    words of two."""
    return [(ord(letter) - 97) % 26 if letter.isalpha() else OTHER for letter in word]


class LanguageModel:
    """Natural logarithms of probabilities of words, of a release's arrays (`lookup.understanding.arrays.SPELLING`)."""

    def __init__(self, arrays: Arrays):
        self._pairs = arrays["spell_pairs"].data
        self._pair_log = arrays["spell_pair_log"].data
        self._backoff = arrays["spell_word_backoff"].data
        self._log = arrays["spell_word_log"].data
        self.start = len(self._log)
        """The row before the first word."""
        known = arrays.get("spell_language")
        self._language: Sequence[int] = () if known is None else known.data
        self._letters = np.ascontiguousarray(arrays["spell_letter_log"]).data

    def alone(self, row: int) -> float:
        """Of a known word by itself."""
        return self._log[row]

    def spelt(self, word: str) -> float:
        """Of a word's letters, among words of any kind: how much it looks like a word of this shop."""
        letters, total, a, b = self._letters, 0.0, END, END
        for c in (*letter_places(word), END):
            total += letters[a, b, c]
            a, b = b, c
        return total

    def of_language(self, word: str) -> bool:
        """Whether a word that the shop does not know is one of the language, and so spelt as it is meant."""
        code = hash_of(word)
        at = bisect_left(self._language, code)
        return at < len(self._language) and self._language[at] == code

    def seen(self, left: int, right: int) -> bool:
        """Whether the shop has one word after the other."""
        if left < 0 or right < 0:
            return False
        pair = left << 32 | right
        at = bisect_left(self._pairs, pair)
        return at < len(self._pairs) and self._pairs[at] == pair

    def after(self, left: int, right: int) -> float:
        """Of the right word, a known one, after the left one."""
        if left < 0:
            return self._log[right]
        pair = left << 32 | right
        at = bisect_left(self._pairs, pair)
        if at < len(self._pairs) and self._pairs[at] == pair:
            return self._pair_log[at]
        return self._backoff[left] + self._log[right]
