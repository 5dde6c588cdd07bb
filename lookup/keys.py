"""Ids: the one rule of what an id is, and the rows of ids in the arrays of a release.

Every door follows the rule (`clean_id`): the night's tables, the patch log, calls, exposures and their comparison. So
`" A1"` from a spreadsheet, `"A1"` from a shop and `1.0` and `1` from two exports name what they mean everywhere.

Rows are in the order of the first 8 bytes of sha256 of their ids. So a night on many machines numbers ids by sorting,
and a reader finds an id by bisection in a mapped array, without a dictionary.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from numbers import Integral, Real
from typing import TypeVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
CACHED = 1 << 16
"""How many ids stay decoded: some 10 MiB for each process at most."""

TRIMMED = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
)
"""What is cut off at both ends of an id: white space of Unicode, the zero-width space and the byte order mark."""
WHOLE = r"([+-]?[0-9]+)\.0+"
"""A whole number that a program wrote as a float, such as `12.0`: the id is its first group."""
LONGEST_ID = 1000
"""The most characters of an id."""
LARGEST = 2**53
"""A larger float may stand for several whole numbers."""
_WHOLE = re.compile(WHOLE)


def clean_id(value: object) -> str:
    """The id that a value means; empty where it is only white space.

    Of a text: without white space and byte order marks at its ends, in Unicode's normal form C, and `12.0` as `12`.
    Of a number: its digits, where it is whole (`12`, `12.0`, a Decimal, a scalar of numpy).

    Raises TypeError for a fraction, for a float beyond ±2**53, and for anything else than text and numbers.
    """
    if isinstance(value, str):
        text = (value if value.isascii() else normalize("NFC", value)).strip(TRIMMED)
        found = _WHOLE.fullmatch(text) if ".0" in text else None
        return text if found is None else found[1]
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Real | Decimal) and not isinstance(value, bool):
        number = value if isinstance(value, Decimal) else float(value)
        finite = number.is_finite() if isinstance(number, Decimal) else isfinite(number)
        if finite and -LARGEST <= number <= LARGEST and number == int(number):
            return str(int(number))
        raise TypeError(f"an id is text or a whole number, not {value!r:.100}")
    raise TypeError(f"an id is text (str) or a whole number, not {type(value).__name__}: {value!r:.100}")


def hash_id(data: bytes) -> int:
    """The first 8 bytes of sha256 as a big-endian number, so that numbers sort as hexadecimal digests do."""
    return int.from_bytes(sha256(data).digest()[:8], "big")


def build(ids: Iterable[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint8]]:
    """The three arrays of a set of ids, in the order of rows: hashes (n,), offsets (n + 1,) and bytes.

    Raises ValueError for an id that is given twice.
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
    """The given parts, to iterate over. Raises TypeError, naming `what`, for one text and for what is not iterable."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        one = "one text: " if isinstance(given, str | bytes) else ""
        raise TypeError(f"{what} are expected one after another, as in a list, not {one}{given!r:.100}")
    return given


class Keys:
    """The ids of one kind, in the order of rows. Reads the three arrays of `build`, a few pages at a time."""

    def __init__(self, hashes: NDArray[np.uint64], offsets: NDArray[np.int64], data: NDArray[np.uint8]):
        # A memoryview gives Python numbers; numpy would make a scalar object for every read.
        self._hashes = hashes.data
        self._offsets = offsets.data
        self._data = data.data
        self.id: Callable[[int], str] = _Texts(self._offsets, self._data).__getitem__
        """The id of a row in 0 … n-1."""

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, text: str) -> int:
        """The row of an id as it stands, or else as `clean_id` has it; -1 for an unknown one.

        Raises TypeError for what cannot be an id.
        """
        if isinstance(text, str):
            data = text.encode("utf-8", "surrogatepass")  # a lone surrogate is in no id, so it finds none
            row = self.find_hashed(data, hash_id(data))
            if row >= 0:
                return row
        cleaned = clean_id(text)
        if cleaned is text:
            return -1
        data = cleaned.encode("utf-8", "surrogatepass")
        return self.find_hashed(data, hash_id(data))

    def find_hashed(self, data: bytes, wanted: int) -> int:
        """The row of an id as it stands, in UTF-8, by its hash; -1 for an unknown one."""
        hashes, offsets = self._hashes, self._offsets
        row = bisect_left(hashes, wanted)
        while row < len(hashes) and hashes[row] == wanted:
            if self._data[offsets[row] : offsets[row + 1]] == data:
                return row
            row += 1
        return -1

    def find_many(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """The rows of many ids, in their order, int64; -1 for an unknown one. Raises TypeError as `find` does."""
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
                there[place] = self.find(wanted[place])  # unknown, or behind another id with the same hash
        return np.array(there, dtype=np.int64)


class _Texts(dict[int, str]):
    """The id of each row. Ids stay decoded once read, because calls ask for the same items again and again."""

    def __init__(self, offsets: memoryview, data: memoryview):
        super().__init__()
        self._offsets, self._data = offsets, data

    def __missing__(self, row: int) -> str:
        if len(self) >= CACHED:
            self.clear()
        text = self[row] = str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")
        return text
