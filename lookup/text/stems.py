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

    With several languages the first one counts whose stemmer changes the word: what a query means cannot depend on the
    language of an item, so a word has one stem, and nobody can tell the language of one word. An English-German shop
    finds "lamp" for "lamps" by English, and for "lampen", which English leaves alone, by German.

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
                stem = stemmed(word)
                if stem != word:
                    break
        if len(self) >= CACHED:
            self.clear()
        self[word] = stem = stem or word
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
