"""Stems by Snowball. The only module that imports `snowballstemmer` (the extra `daybreak-lookup[search]`)."""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

CACHED = 1 << 16
"""How many stems stay known, for each set of languages: some 10 MiB at most."""
SHORTEST = 3
"""Letters of the shortest word that is stemmed."""


def available() -> tuple[str, ...]:
    """The languages that can be stemmed, by their Snowball names; empty where the package is not installed."""
    try:
        import snowballstemmer
    except ImportError:
        return ()
    return tuple(sorted(snowballstemmer.algorithms()))


@lru_cache(maxsize=16)
def stemmer(languages: tuple[str, ...]) -> Callable[[str], str]:
    """The function from a normalised word to its stem, the same word of the same languages always to the same stem.

    With several languages each stems what the one before left. A query of three words does not tell its language, so a
    word has one stem whatever text it stands in; and words that one language makes one stay one in the next, which is
    not so where only the first language counts that changes a word ("speakers" by English, "speaker" by German).

    Without the package a word is its own stem. Raises ValueError for a language that Snowball does not have.
    """
    known = available()
    unknown = [name for name in languages if known and name not in known]
    if unknown:
        raise ValueError(f"no stemmer for {', '.join(unknown)}; there are {', '.join(known)}")
    return _Stems(languages if known else ()).__getitem__


class _Stems(dict[str, str]):
    """The stem of each word, once asked for. A stemmer keeps state while it works, so each thread has its own."""

    def __init__(self, languages: Sequence[str]):
        super().__init__()
        self._languages = languages
        self._local = threading.local()

    def __missing__(self, word: str) -> str:
        stem = word
        if len(word) >= SHORTEST:
            for stemmed in self._stemmers():
                stem = stemmed(stem) or stem
        if len(self) >= CACHED:
            self.clear()
        self[word] = stem
        return stem

    def _stemmers(self) -> list[Any]:
        try:
            found: list[Any] = self._local.stemmers
        except AttributeError:
            found = []
            if self._languages:
                import snowballstemmer

                found = [snowballstemmer.stemmer(name).stemWord for name in self._languages]
            self._local.stemmers = found
        return found
