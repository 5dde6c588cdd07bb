"""The tables behind suggestions: texts by popularity, the starts of their words in order, lists of wide prefixes."""

from collections import defaultdict
from collections.abc import Iterable
from math import log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.lexical.segments import Segments
from jobs.models.understanding.texts import Arrays, listed
from lookup.text.analyzer import Analyzer
from lookup.text.normalise import normalise
from lookup.understanding.arrays import LISTED
from lookup.understanding.completions import DISTINCT, HEAD, NODE, SHORTEST_TYPO
from lookup.understanding.spelling.near_words import deleted, hashed
from lookup.understanding.suggester import BRAND, CATEGORY, ITEM, QUERY, SUGGESTION_KINDS

KIND_WEIGHT = {QUERY: 1.0, CATEGORY: 0.9, BRAND: 0.9, ITEM: 0.6}
"""What the most popular of a kind scores."""
INSIDE = 0.6
"""What a text scores where the prefix begins a word of it that is not the first, beside the first."""
MOST_TEXTS = 200_000
"""The best ones are kept."""
MOST_STARTS = 24
"""Words of a text with which a prefix may begin."""
LONGEST = 120
"""Characters of a text; a longer one is cut off where it is looked for, and shown whole."""


class SuggestedText(NamedTuple):
    """A text to suggest."""

    text: str
    kind: str
    """`query`, `category`, `brand` or `item`."""
    row: int
    """Of the category, brand or item; -1 for a query."""
    popularity: float
    """Searches, items or sales: compared within a kind only."""


def build_suggestions(texts: Iterable[SuggestedText], analyzer: Analyzer, segments: Segments | None = None) -> Arrays:
    """The arrays of `lookup.understanding.arrays.SUGGESTIONS`.

    Queries that are equal once normalised are one, shown as the most popular of them. Texts without words are left out.
    segments: the words of Chinese and Japanese; without them a prefix may begin at each character.
    """
    chosen = _ranked(texts)
    starts = [_starts(analyzer, key, segments) for key, _, _ in chosen]
    keys = [key.encode("utf-8", "replace") for key, _, _ in chosen]
    entries = sorted((keys[text][start:], text, start) for text, found in enumerate(starts) for start in found)
    text = np.array([one[1] for one in entries], dtype=np.int32)
    start = np.array([one[2] for one in entries], dtype=np.uint16)
    heads = np.array([int.from_bytes(one[0][:HEAD].ljust(HEAD, b"\0"), "big") for one in entries], dtype=np.uint64)
    score = np.array([score for _, _, score in chosen], dtype=np.float32)
    weight = score[text] * np.where(start == 0, 1.0, INSIDE) if entries else np.zeros(0)
    order = np.lexsort((start, text, -weight))
    rank = np.empty(len(entries), dtype=np.int32)
    rank[order] = np.arange(len(entries), dtype=np.int32)
    suffixes = [one[0].decode("utf-8", "ignore") for one in entries]
    return {
        **listed("suggest_text", [one.text for _, one, _ in chosen]),
        **listed("suggest_key", [key for key, _, _ in chosen]),
        "suggest_kind": np.array([SUGGESTION_KINDS.index(one.kind) for _, one, _ in chosen], dtype=np.uint8),
        "suggest_row": np.array([one.row for _, one, _ in chosen], dtype=np.int32),
        "suggest_score": score,
        "suggest_entry_text": text,
        "suggest_entry_start": start,
        "suggest_entry_head": heads,
        "suggest_entry_rank": rank,
        **_lists(suffixes, text, rank),
        **_nodes(suffixes),
    }


def _ranked(texts: Iterable[SuggestedText]) -> list[tuple[str, SuggestedText, float]]:
    """The normalised text, what it came from, and its score: the best first, ties by text."""
    merged: dict[tuple[str, str, int], SuggestedText] = {}
    for one in texts:
        key = normalise(one.text[: 4 * LONGEST])[:LONGEST].strip()
        if not any(letter.isalnum() for letter in key) or one.popularity < 0:
            continue
        same = merged.get((key, one.kind, one.row))
        if same is None:
            merged[key, one.kind, one.row] = one
        else:
            shown = one.text if one.popularity > same.popularity else same.text
            merged[key, one.kind, one.row] = same._replace(text=shown, popularity=same.popularity + one.popularity)
    top: defaultdict[str, float] = defaultdict(float)
    for one in merged.values():
        top[one.kind] = max(top[one.kind], one.popularity)
    scored = [
        (key, one, KIND_WEIGHT[kind] * (log1p(one.popularity) / log1p(top[kind]) if top[kind] > 0 else 1.0))
        for (key, kind, _), one in merged.items()
    ]
    scored.sort(key=lambda one: (-one[2], SUGGESTION_KINDS.index(one[1].kind), one[0], one[1].row))
    return scored[:MOST_TEXTS]


def _starts(analyzer: Analyzer, key: str, segments: Segments | None) -> list[int]:
    """The bytes of a normalised text with which a prefix may begin: its own start, and its words'."""
    tokens = analyzer.tokens(key)
    places = dict.fromkeys([0, *(segments.starts(tokens) if segments else (token.start for token in tokens))])
    return [len(key[:place].encode("utf-8", "replace")) for place in list(places)[:MOST_STARTS]]


def _lists(suffixes: list[str], text: NDArray[np.int32], rank: NDArray[np.int32]) -> Arrays:
    """The best entries, each of another text, of every prefix that has more than `DISTINCT` entries."""
    ranges: dict[int, list[int]] = {}
    todo = [(0, len(suffixes), 0)]
    while todo:
        low, high, length = todo.pop()
        if high - low <= DISTINCT:
            continue
        best, seen = [], set()
        for entry in (np.argsort(rank[low:high]) + low).tolist():
            if int(text[entry]) not in seen:
                seen.add(int(text[entry]))
                best.append(entry)
                if len(best) == LISTED:
                    break
        ranges[low << 32 | high] = best + [-1] * (LISTED - len(best))
        first = low
        while first < high:  # one letter further: entries that end here come first
            letter = suffixes[first][length : length + 1]
            last = first
            while last < high and suffixes[last][length : length + 1] == letter:
                last += 1
            if letter:
                todo.append((first, last, length + 1))
            first = last
    keys = sorted(ranges)
    return {
        "suggest_list_range": np.array(keys, dtype=np.uint64),
        "suggest_list_entries": np.array([ranges[key] for key in keys], dtype=np.int32).reshape(len(keys), LISTED),
    }


def _nodes(suffixes: list[str]) -> Arrays:
    """Prefixes of `SHORTEST_TYPO` - 1 up to `NODE` + 1 letters, and their forms with a letter deleted."""
    first: list[int] = []
    length: list[int] = []
    deletes: list[NDArray[np.uint64]] = []
    before = ""
    for entry, suffix in enumerate(suffixes):
        for size in range(SHORTEST_TYPO - 1, min(NODE + 1, len(suffix)) + 1):
            if before[:size] != suffix[:size]:
                deletes.append(hashed(deleted(suffix[:size], 1)) | np.uint64(len(first)))
                first.append(entry)
                length.append(size)
        before = suffix
    return {
        "suggest_node_first": np.array(first, dtype=np.int32),
        "suggest_node_length": np.array(length, dtype=np.uint8),
        "suggest_node_deletes": np.sort(np.concatenate([*deletes, np.empty(0, np.uint64)])),
    }
