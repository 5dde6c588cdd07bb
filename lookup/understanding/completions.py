"""The sorted table behind suggestions: which entries begin with a prefix, exactly or with one letter wrong."""

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.understanding.arrays import LISTED, Arrays
from lookup.understanding.spelling.near_words import deleted, hashed

HEAD = 8
"""Bytes of an entry that are compared as one number."""
SHORTEST_TYPO = 4
"""Letters of a prefix from which on one may be wrong."""
NODE = 6
"""Letters of a prefix in which a wrong one is found by deletions; further on by looking around the place."""
LOOKED = 64
"""Entries that are looked at for a wrong letter further on."""
DISTINCT = 512
"""A prefix with more entries has a list of its best ones."""
Range = tuple[int, int]
"""The first entry, and the one after the last."""


class Completions:
    """Entries by prefix, from the arrays of a release (`lookup.understanding.arrays.SUGGESTIONS`). Thread-safe."""

    def __init__(self, arrays: Arrays):
        self.texts: NDArray[Any] = arrays["suggest_entry_text"]
        self._text = self.texts.data
        self._start = arrays["suggest_entry_start"].data
        self._heads = arrays["suggest_entry_head"].data
        self.ranks: NDArray[Any] = arrays["suggest_entry_rank"]
        self._offsets = arrays["suggest_key_offsets"].data
        self._texts = max(len(self._offsets) - 1, 0)
        self._bytes = arrays["suggest_key_bytes"].data
        self._list_range = arrays["suggest_list_range"].data
        self._lists: NDArray[Any] = arrays["suggest_list_entries"]
        self._node_first = arrays["suggest_node_first"].data
        self._node_length = arrays["suggest_node_length"].data
        self._deletes: NDArray[Any] = arrays["suggest_node_deletes"]

    def __len__(self) -> int:
        return len(self._heads)

    def with_prefix(self, prefix: str) -> Range:
        """The entries that begin with a normalised prefix."""
        wanted = prefix.encode("utf-8", "replace")
        head = wanted[:HEAD]
        low = bisect_left(self._heads, int.from_bytes(head.ljust(HEAD, b"\0"), "big"))
        high = bisect_right(self._heads, int.from_bytes(head.ljust(HEAD, b"\xff"), "big"), low)
        if len(wanted) <= HEAD or low == high:
            return low, high
        size = len(wanted)
        first, last = low, high
        while first < last:
            middle = (first + last) // 2
            if self._read(middle, size) < wanted:
                first = middle + 1
            else:
                last = middle
        low, last = first, high
        while first < last:
            middle = (first + last) // 2
            if self._read(middle, size) <= wanted:
                first = middle + 1
            else:
                last = middle
        return low, first

    def best(self, found: Range, whole: bool = False) -> list[int]:
        """Entries of a range, the best first: of a long one its list, unless the whole is wanted."""
        low, high = found
        if high - low > DISTINCT and not whole:
            wanted = low << 32 | high
            at = bisect_left(self._list_range, wanted)
            if at < len(self._list_range) and self._list_range[at] == wanted:
                entries: list[int] = self._lists[at].tolist()
                return entries[: entries.index(-1)] if entries[-1] < 0 else entries
        ranks = self.ranks[low:high]
        if high - low > 4 * LISTED and not whole:
            near = np.argpartition(ranks, 2 * LISTED)[: 2 * LISTED]
            order = near[np.argsort(ranks[near])]
        else:
            order = np.argsort(ranks)
        return (order + low).tolist()  # type: ignore[no-any-return]

    def with_words(self, words: list[str]) -> list[int]:
        """Texts that have all the words, the last one as the beginning of a word, in any order; best first."""
        ranges = [self.with_prefix(word) for word in words]
        ranges.sort(key=lambda one: one[1] - one[0])
        rows: NDArray[Any] = self.texts[slice(*ranges[0])]
        for low, high in ranges[1:]:
            if not len(rows):
                break
            has = np.zeros(self._texts, dtype=np.bool_)  # quicker than to intersect sorted rows
            has[self.texts[low:high]] = True
            rows = rows[has[rows]]
        return np.unique(rows).tolist()  # type: ignore[no-any-return]

    def with_typo(self, prefix: str) -> list[Range]:
        """The entries that begin with the prefix when one letter of it is added, dropped, replaced or swapped with its
        neighbour. Digits are never wrong."""
        if len(prefix) < SHORTEST_TYPO or not len(self):
            return []
        head, tail = prefix[:NODE], prefix[NODE:]
        found: dict[Range, None] = {}
        for node in self._nodes(head):
            whole = node + tail
            if one_slip(head, node) and (tail or whole != prefix[:-1]):
                there = self.with_prefix(whole)
                if there[0] < there[1]:
                    found[there] = None
        if tail and self._holds(head):
            found |= dict.fromkeys(self._further_on(prefix))
        return list(found)

    def _holds(self, prefix: str) -> bool:
        low, high = self.with_prefix(prefix)
        return low < high

    def _nodes(self, head: str) -> set[str]:
        """Stored prefixes that share a form with one letter deleted."""
        codes = hashed(deleted(head, 1))
        starts = self._deletes.searchsorted(codes)
        ends = self._deletes.searchsorted(codes + np.uint64(0xFFFFFFFF), side="right")
        rows = [
            row & 0xFFFFFFFF
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
            if a < b
            for row in self._deletes[a:b].tolist()
        ]
        return {self._letters(self._node_first[row], self._node_length[row]) for row in rows}

    def _further_on(self, prefix: str) -> list[Range]:
        """Entries with a wrong letter where the prefix first leaves all entries, or just before."""
        low, high = NODE, len(prefix)
        while low < high:  # the longest beginning that some entry has
            middle = (low + high + 1) // 2
            if self._holds(prefix[:middle]):
                low = middle
            else:
                high = middle - 1
        found = []
        for entry in self.best(self.with_prefix(prefix[: low - 1]))[:LOOKED]:
            known = self._letters(entry, len(prefix) + 1)
            if begins_with_slip(known, prefix):
                found.append((entry, entry + 1))
        return found

    def _read(self, entry: int, size: int) -> bytes:
        """The first bytes of an entry."""
        text = self._text[entry]
        first = self._offsets[text] + self._start[entry]
        return bytes(self._bytes[first : min(first + size, self._offsets[text + 1])])

    def _letters(self, entry: int, size: int) -> str:
        """The first letters of an entry."""
        return self._read(entry, 4 * size).decode("utf-8", "ignore")[:size]


def begins_with_slip(text: str, prefix: str) -> bool:
    """Whether a text begins with a prefix in which one letter, not a digit, is wrong, as in `one_slip`."""
    at, shorter = 0, min(len(text), len(prefix))
    while at < shorter and text[at] == prefix[at]:
        at += 1
    if at == len(prefix) or prefix[at].isdigit():
        return False
    rest = prefix[at + 1 :]
    if text.startswith(rest, at):
        return True
    if at == len(text) or text[at].isdigit():
        return False
    return (
        text.startswith(rest, at + 1)
        or text.startswith(prefix[at:], at + 1)
        or (text[at + 1 : at + 2] == prefix[at] and rest[:1] == text[at] and text.startswith(rest[1:], at + 2))
    )


def one_slip(typed: str, meant: str) -> bool:
    """Whether one letter, not a digit, was added, dropped, replaced, or swapped with its neighbour."""
    a, b = len(typed), len(meant)
    if typed == meant or abs(a - b) > 1:
        return False
    start, shorter = 0, min(a, b)
    while start < shorter and typed[start] == meant[start]:
        start += 1
    if a == b:
        wrong = typed[start] + meant[start]
        same = typed[start + 1 :] == meant[start + 1 :] or (
            typed[start : start + 2] == meant[start : start + 2][::-1] and typed[start + 2 :] == meant[start + 2 :]
        )
    elif a > b:
        wrong, same = typed[start], typed[start + 1 :] == meant[start:]
    else:
        wrong, same = meant[start], typed[start:] == meant[start + 1 :]
    return same and not any(one.isdigit() for one in wrong)
