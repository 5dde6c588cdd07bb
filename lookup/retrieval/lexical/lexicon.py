"""The terms of an index and the words as they are written."""

from typing import NamedTuple

import numpy as np

from lookup import keys
from lookup.retrieval.lexical.build import Arrays

CACHED = 1 << 15
"""How many terms stay known with their rows."""

SHORTEST = 3
"""Letters of a term whose last one may be another in the word: "berri" and "berry"."""
LOOKED = 256
"""Words that are looked at for a form of a term."""


class Completion(NamedTuple):
    """A word as written that begins with a prefix."""

    surface: str
    term: int
    """The row of its term."""
    times: int
    """How often it is in the catalogue."""


class Lexicon:
    """From terms to their rows, and from the beginning of a word to words. Reads mapped arrays, a few pages a call."""

    def __init__(self, arrays: Arrays):
        self._terms = keys.Keys(*(np.asarray(arrays[f"term_{part}"]) for part in ("hash", "offsets", "bytes")))
        self._known: dict[str, int] = {}
        self._offsets = np.asarray(arrays["surface_offsets"]).data
        self._bytes = np.asarray(arrays["surface_bytes"]).data
        self._term = np.asarray(arrays["surface_term"])
        self._times = np.asarray(arrays["surface_times"])
        self._whole: int | None = None

    def __len__(self) -> int:
        return len(self._terms)

    def find(self, term: str) -> int:
        """The row of a term; -1 for an unknown one."""
        row = self._known.get(term)
        if row is None:
            row = self._terms.find(term)
            if len(self._known) >= CACHED:
                self._known = {}
            self._known[term] = row
        return row

    def term(self, row: int) -> str:
        """The term of a row."""
        return self._terms.id(row)

    def surfaces(self) -> int:
        """How many words as written there are."""
        return len(self._term)

    def surface(self, place: int) -> Completion:
        """The word at a place; they are in the order of their bytes."""
        text = str(self._bytes[self._offsets[place] : self._offsets[place + 1]], "utf-8")
        return Completion(text, int(self._term[place]), int(self._times[place]))

    def spelt(self, surface: str) -> int:
        """The place of a word as written, in normalised form; -1 for an unknown one."""
        data = surface.encode("utf-8", "surrogatepass")
        place = self._at(data)
        return place if place < len(self._term) and self._read(place) == data else -1

    def range(self, prefix: str) -> tuple[int, int]:
        """The places of the words that begin with a normalised prefix: from the first to before the second."""
        data = prefix.encode("utf-8", "surrogatepass")
        return self._at(data), self._at(data + b"\xff")  # no UTF-8 text has this byte

    def completions(self, prefix: str, n: int) -> list[Completion]:
        """The words that begin with a normalised prefix, at most n, the most frequent first, ties by their bytes."""
        first, end = self.range(prefix)
        times = self._times[first:end]
        if n <= 0 or not len(times):
            return []
        if n < len(times):
            least = np.partition(times, len(times) - n)[len(times) - n]
            chosen = np.flatnonzero(times >= least)
        else:
            chosen = np.arange(len(times))
        order = np.argsort(-times[chosen].astype(np.int64), kind="stable")[:n]
        return [self.surface(first + place) for place in chosen[order].tolist()]

    def share(self, prefix: str) -> float:
        """The share of the catalogue's words that begin with a normalised prefix, 0 to 1."""
        first, end = self.range(prefix)
        if self._whole is None:
            self._whole = int(self._times.sum(dtype=np.int64))
        return int(self._times[first:end].sum(dtype=np.int64)) / max(self._whole, 1)

    def form(self, term: str) -> str:
        """The most frequent word as written, of those that begin like their term, for a term; empty for none."""
        row = self.find(term)
        if row < 0:
            return ""
        first, end = self.range(term[:-1] if len(term) > SHORTEST else term)
        found = [one for one in map(self.surface, range(first, min(end, first + LOOKED))) if one.term == row]
        return max(found, key=lambda one: one.times).surface if found else ""

    def _at(self, data: bytes) -> int:
        """The place of the first word that is not before the data."""
        low, high = 0, len(self._term)
        while low < high:
            middle = (low + high) // 2
            if self._read(middle) < data:
                low = middle + 1
            else:
                high = middle
        return low

    def _read(self, place: int) -> bytes:
        return self._bytes[self._offsets[place] : self._offsets[place + 1]].tobytes()
