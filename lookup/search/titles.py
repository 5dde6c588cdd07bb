"""What of a query stands in a title, and how: in one piece, how early, and how much else is there."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.scoring.query_encoder import QueryEncoder
from lookup.text.analyzer import Analyzer
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays

FAR = 16
"""A word at this place or later, or nowhere, is as late as can be."""
HEAD_ENDS = re.compile(
    r"[,;:(\[|]|(?<=\s)[-–—/](?=\s)|(?<=\s)(?:for|with|fits|compatible|from|by|fur|mit|passend|pour|avec|para|con)(?=\s)"
)
"""What ends the name of a thing in a title, normalised: the rest says what it is for, what comes with it, or which."""


class InTitle(NamedTuple):
    """Facts on titles, float32 (n,) each."""

    phrase: NDArray[np.float32]
    """1 where the query's words follow one another as typed."""
    early: NDArray[np.float32]
    """1 for a word of the query at the very beginning, 0 for none in the first places."""
    exact: NDArray[np.float32]
    """1 where the title is the query and nothing else."""
    brief: NDArray[np.float32]
    """1 / (1 + words of the title beside those of the query), square root."""
    pairs: NDArray[np.float32]
    """Share of the neighbouring words of the query that are neighbours in the title, in their order."""
    head: NDArray[np.float32]
    """1 where the thing that the title names is the last word of the query: "desk lamp" and "Acme lamp, black"."""


def head_end(title: str, analyzer: Analyzer) -> int:
    """How many of the words of a title name the thing; at least one, where it has any.

    "Acme leather case for cameras, black": three, and so the head is "case".
    """
    whole = normalise(title)
    starts = [token.start for token in analyzer.places(whole)]
    if not starts:
        return 0
    found = HEAD_ENDS.search(whole, starts[0] + 1)
    return max(bisect_left(starts, found.start()), 1) if found else len(starts)


def title_vectors(titles: Sequence[str], analyzer: Analyzer, encoder: QueryEncoder) -> NDArray[np.float32]:
    """The vectors of titles as if they were queries, float32 (n, E), of length 1; zeros where no word is known."""
    made = np.zeros((len(titles), encoder.dimensions), np.float32)
    for row, title in enumerate(titles):
        made[row] = encoder.vector([token.text for token in analyzer.tokens(title)])
    return made


class Titles:
    """The main terms of the titles of a release (`lookup.search.stated.TITLES`), and of items added since."""

    def __init__(self, arrays: Arrays, added: list[list[int]] | None = None):
        starts, terms = np.asarray(arrays["title_starts"]), np.asarray(arrays["title_terms"])
        heads = np.asarray(arrays["title_head"])
        if added:
            # Of an added title the head is not known: none is found in it.
            heads = np.concatenate([heads, np.full(len(added), -1, np.int32)])
            lengths = np.cumsum([len(one) for one in added], dtype=np.int64)
            starts = np.concatenate([starts, lengths + starts[-1]])
            terms = np.concatenate([terms, np.array([term for one in added for term in one], np.int32)])
        self._starts, self._terms, self._heads = starts, terms, heads

    def facts(self, rows: NDArray[np.int32], main: tuple[int, ...]) -> InTitle:
        """Facts on the titles of some rows. main: rows of the query's main terms; -1 for an unknown one."""
        first = self._starts.take(rows)
        lengths = self._starts.take(rows + 1) - first
        ends = lengths.cumsum()
        owner = np.repeat(np.arange(len(rows)), lengths)
        place = np.arange(len(owner)) - np.repeat(ends - lengths, lengths)
        words = self._terms.take(place + np.repeat(first, lengths)) if len(owner) else np.zeros(0, np.int32)
        early, phrase = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
        known = [term for term in main if term >= 0]
        held = np.zeros(len(words), bool)
        for term in set(known):  # so few: quicker than np.isin
            held |= words == term
        at, whose = place[held], owner[held]
        np.maximum.at(early, whose, 1 - np.minimum(at, FAR).astype(np.float32) / FAR)
        if main and len(known) == len(main):
            follow = words == main[0]
            for step, term in enumerate(main[1:], 1):
                next_one = np.zeros(len(words), bool)
                next_one[:-step] = (words[step:] == term) & (owner[step:] == owner[:-step])
                follow &= next_one
            phrase[owner[follow]] = 1
        pairs = np.zeros(len(rows), np.float32)
        for left, right in pairwise(main):
            if left >= 0 and right >= 0:
                beside = np.flatnonzero((words[:-1] == left) & (words[1:] == right))
                beside = beside[owner[beside] == owner[beside + 1]]
                pairs[np.unique(owner[beside])] += 1 / (len(main) - 1)
        head = np.zeros(len(rows), np.float32)
        if main and main[-1] >= 0:
            head[self._heads.take(rows) == main[-1]] = 1
        rest = np.maximum(lengths - np.bincount(whose, minlength=len(rows)), 0)
        exact = (phrase > 0) & (lengths == len(main))
        brief = np.sqrt(1 / (1 + rest)).astype(np.float32)
        return InTitle(phrase, early, exact.astype(np.float32), brief, pairs, head)
