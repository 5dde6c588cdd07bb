"""Text ids and the rows they have in the arrays.

A row's place is that of the first 8 bytes of sha256 of its id, so a night on many machines can number ids by sorting,
and a reader finds one by bisection in a mapped array without building a dictionary.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
CACHED = 1 << 16
"""Ids that are kept decoded: some 10 MiB a process at most."""


def hash_id(data: bytes) -> int:
    """The first 8 bytes of sha256 as a big-endian number, so that its order is that of the hexadecimal digest."""
    return int.from_bytes(sha256(data).digest()[:8], "big")


def build(ids: Iterable[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint8]]:
    """The three arrays of a set of ids, put in their order: hashes (n,), offsets (n + 1,), bytes.

    Raises ValueError when an id is there twice.
    """
    texts = [text.encode() for text in ids]
    if len(set(texts)) != len(texts):
        raise ValueError("an id is there twice")
    texts.sort(key=lambda data: sha256(data).digest())
    hashes = np.array([hash_id(data) for data in texts], dtype=np.uint64)
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(data) for data in texts], out=offsets[1:])
    return hashes, offsets, np.frombuffer(b"".join(texts), dtype=np.uint8)


def each(what: str, given: Iterable[T]) -> Iterable[T]:
    """What is given, to go through. what: names it. Raises TypeError where it is one text, or has no parts."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        one = "one text: " if isinstance(given, str | bytes) else ""
        raise TypeError(f"{what} are expected one after another, as in a list, not {one}{given!r:.100}")
    return given


class Keys:
    """Ids of one kind, in the order of their rows. Made of the three arrays; reads are scalar and touch few pages."""

    def __init__(self, hashes: NDArray[np.uint64], offsets: NDArray[np.int64], data: NDArray[np.uint8]):
        # A memoryview gives Python numbers at once; numpy would make a scalar object of every read.
        self._hashes = hashes.data
        self._offsets = offsets.data
        self._data = data.data
        self.id: Callable[[int], str] = _Texts(self._offsets, self._data).__getitem__
        """The id of a row in 0 … n-1."""

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, text: str) -> int:
        """The row of an id, or -1. Any text will do.

        Raises TypeError when it is not text.
        """
        if not isinstance(text, str):
            raise TypeError(f"an id is text (str), not {type(text).__name__}: {text!r}")
        data = text.encode("utf-8", "surrogatepass")  # a lone surrogate is no id, and no reason to raise either
        wanted = hash_id(data)
        hashes, offsets = self._hashes, self._offsets
        row = bisect_left(hashes, wanted)
        while row < len(hashes) and hashes[row] == wanted:
            if self._data[offsets[row] : offsets[row + 1]] == data:
                return row
            row += 1
        return -1

    def find_many(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """As `find`, of many: their rows, in their order."""
        wanted = list(texts)
        try:
            data = [text.encode() for text in wanted]
        except (AttributeError, UnicodeEncodeError):
            return np.array([self.find(text) for text in wanted], dtype=np.int64)
        hashed = b"".join([sha256(one).digest()[:8] for one in data])
        hashes = np.frombuffer(hashed, dtype=">u8").astype(np.uint64)
        rows = np.searchsorted(np.asarray(self._hashes), hashes)
        found = np.minimum(rows, len(self) - 1) if len(self) else np.full(len(rows), -1)
        there, offsets, every = found.tolist(), self._offsets, self._data
        for place, row in enumerate(there):
            if row >= 0 and every[offsets[row] : offsets[row + 1]] != data[place]:
                there[place] = self.find(wanted[place])  # unknown, or another one with the same hash stands before it
        return np.array(there, dtype=np.int64)


class _Texts(dict[int, str]):
    """The id of a row; those read last stay decoded, for the same items are asked for again and again."""

    def __init__(self, offsets: memoryview, data: memoryview):
        super().__init__()
        self._offsets, self._data = offsets, data

    def __missing__(self, row: int) -> str:
        if len(self) >= CACHED:
            self.clear()
        text = self[row] = str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")
        return text
