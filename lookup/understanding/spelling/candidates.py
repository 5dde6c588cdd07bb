"""What one or two typed words may have been: near words of the shop, a word in parts, two words as one."""

from bisect import insort
from itertools import pairwise
from math import inf
from typing import NamedTuple

from lookup.understanding.arrays import Arrays
from lookup.understanding.spelling.language_model import NUMBER, UNKNOWN, LanguageModel
from lookup.understanding.spelling.near_words import NearWords
from lookup.understanding.spelling.slips import EXTRA_BLANK, MISSING_BLANK, SlipCosts

KEPT = 6
"""Candidates of one word that are tried beside its neighbours."""
DEAREST = 13.0
"""The most that one edit may cost."""
AGAIN = 4.0
"""What a second slip in one word costs besides: most words that are misspelt have one."""
ONE_LETTER = 4.0
"""What a part of one letter costs besides: catalogues are full of single letters, and queries are not."""
LONG_SPLIT, LONGEST_SPLIT = 9, 24
"""Letters of a word that may be three."""
SHORTEST = 3
"""Shorter words are only joined or seen as part of a known query."""


class Choice(NamedTuple):
    """What some typed words may have been."""

    span: int
    """How many typed words."""
    rows: tuple[int, ...]
    text: str
    cost: float


Scored = tuple[float, Choice]
"""Minus the score of a choice by itself, and the choice."""


class WordCandidates:
    """Finds choices. weight: what a logarithm of the language model counts beside one of the slips."""

    def __init__(self, arrays: Arrays, model: LanguageModel, slips: SlipCosts, weight: float):
        self._near = NearWords(arrays)
        self.words = self._near.words
        self._model, self._slips, self._weight = model, slips, weight

    def single(self, word: str, edits: int) -> list[Scored]:
        """At most `KEPT` known words for one word, the best first."""
        found: list[Scored] = []
        worst = inf
        cheapest = min(self._slips.costs[:-1])
        for row in self._near.near(word, edits):
            unlikely = -self._weight * self._model.alone(row)
            if worst - unlikely < cheapest:
                break  # the others are less frequent still
            text = self.words.id(row)
            cost = self._cost(word, text, edits)
            if 0 < cost <= worst - unlikely and text != NUMBER:
                insort(found, (cost + unlikely, Choice(1, (row,), text, cost)))
                del found[KEPT:]
                worst = found[-1][0] if len(found) == KEPT else inf
        return found

    def splits(self, word: str, further: bool) -> list[Scored]:
        """Two known words for one; with `further`, and where there are none, three. A single letter is split off only
        where the shop has it beside the other word: "t shirt"."""
        found, firsts = [], []
        for at in range(1, len(word)):
            left = self.words.find(word[:at])
            if left < 0:
                continue
            firsts.append((left, at))
            right = self.words.find(word[at:])
            if right >= 0 and (1 < at < len(word) - 1 or self._model.seen(left, right)):
                found.append(self._split(word, (left, right), (at,)))
        if further and not found and LONG_SPLIT <= len(word) <= LONGEST_SPLIT:
            for left, at in firsts:
                for end in range(at + 2, len(word) - 1) if at > 1 else ():
                    middle = self.words.find(word[at:end])
                    right = self.words.find(word[end:]) if middle >= 0 else UNKNOWN
                    if right >= 0:
                        found.append(self._split(word, (left, middle, right), (at, end)))
        return found

    def joined(self, word: str, misspelt: bool) -> list[Choice]:
        """Known words for two words without the blank between them, which may be misspelt as well."""
        blank = self._slips.costs[EXTRA_BLANK]
        row = self.words.find(word)
        if row >= 0:
            return [Choice(2, (row,), word, blank)]
        scored = self.single(word, 1)[:2] if misspelt and len(word) > 2 * SHORTEST else []
        return [choice._replace(span=2, cost=choice.cost + blank) for _, choice in scored]

    def _cost(self, typed: str, meant: str, edits: int) -> float:
        """Of at most so many slips; inf where one costs too much."""
        cost = self._slips.of_few(typed, meant, 1)
        if cost < inf or edits < 2:
            return cost if cost <= DEAREST else inf
        cost = self._slips.of_few(typed, meant, edits)
        return cost + AGAIN if cost <= DEAREST * edits else inf

    def _split(self, word: str, rows: tuple[int, ...], places: tuple[int, ...]) -> Scored:
        """A word with blanks at some places."""
        parts = [word[a:b] for a, b in pairwise((0, *places, len(word)))]
        cost = len(places) * self._slips.costs[MISSING_BLANK] + ONE_LETTER * any(len(part) == 1 for part in parts)
        score = self._model.alone(rows[0]) + sum(self._model.after(*pair) for pair in pairwise(rows))
        return cost - self._weight * score, Choice(1, rows, " ".join(parts), cost)
