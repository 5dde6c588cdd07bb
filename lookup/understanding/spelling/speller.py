"""The speller: the query that a shopper most likely meant, or the typed one as it is.

A noisy channel over whole queries: P(meant) · P(typed | meant). P(meant) mixes the queries that were asked before with
pairs of words; P(typed | meant) prices slips (`slips`). What may have been meant is

- each unknown word as it is, as a known word within one or two edits, or split into known words;
- two words joined, where one of them is unknown;
- a rare word as a frequent one, when the words beside it speak for that by far;
- a whole known query that shares most of its letters.

Numbers, codes and CJK are kept: they are neither corrected nor split, and a known query with other digits is no answer.
Of CJK only a word in katakana may be misspelt, where the night told the words of titles (`katakana`).
"""

from bisect import insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import NamedTuple

from lookup.text.analyzer import Analyzer, Token
from lookup.text.chunks import Kind
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays
from lookup.understanding.spelling.katakana import with_words
from lookup.understanding.spelling.known_queries import KnownQueries, digits, letters
from lookup.understanding.spelling.language_model import NUMBER, UNKNOWN, LanguageModel
from lookup.understanding.spelling.near_words import LONGEST, NearWords, edits_of
from lookup.understanding.spelling.slips import EXTRA_BLANK, MISSING_BLANK, SlipCosts

LONGEST_QUERY = 200
"""Characters; a longer query is a text, and is left as it is."""
MOST_WORDS = 16
"""A query of more words is left as it is."""
KEPT = 6
"""Candidates of one word that are tried beside its neighbours."""
PLAIN = 8.0
"""Where a word is so cheaply another, joining it with its neighbour and one more slip is not tried."""
DEAREST = 10.0
"""The most that one edit may cost."""
MOST_DOUBTFUL = 6
"""With more unknown words a query is in another language, or none."""
LONG_SPLIT, LONGEST_SPLIT = 9, 24
"""Letters of a word that may be three."""
SHORTEST = 3
"""Shorter words are only joined or seen as part of a known query."""


class Correction(NamedTuple):
    """A corrected query."""

    text: str
    """The whole query, normalised and corrected."""
    changes: tuple[tuple[str, str], ...]
    """What was typed and what it became, in the query's order."""
    gain: float
    """How much likelier it is than what was typed: the logarithm of the ratio, above 0."""


@dataclass(frozen=True)
class SpellingWeights:
    """What the speller believes before it looks; natural logarithms. Chosen by cross-validation, as its test says."""

    unknown: float = -8.0
    """Log probability that a shopper means a word which the shop does not know."""
    letters: float = 0.7
    """What a logarithm of an unknown word's letters counts."""
    inflected: float = -3.0
    """Log of how likely the other number of a known word is beside the word itself."""
    model: float = 1.0
    """What a logarithm of the language model counts beside one of the slips."""
    known: float = -1.0
    """Log of the share of searches that repeat a known query."""
    rare: float = 3.0
    """A word that stands fewer times in the shop is rare."""
    sure: float = 1.0
    """How much likelier a correction of an unknown word must be."""
    overwhelming: float = 4.0
    """How much likelier a correction of known words must be."""


class _Choice(NamedTuple):
    """What some typed words may have been."""

    span: int
    """How many typed words."""
    rows: tuple[int, ...]
    text: str
    cost: float


class _Typed(NamedTuple):
    """A typed word."""

    token: Token
    row: int
    """Of the word, or of its singular or plural; that of numbers; -1 for an unknown word."""
    cost: float
    """Of keeping it: above 0 where the shop does not know it."""
    doubtful: bool
    """Whether it may be misspelt."""


class Speller:
    """Corrects queries by the arrays of a release (`lookup.understanding.arrays.SPELLING`)."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer, weights: SpellingWeights | None = None):
        self._weights = weights or SpellingWeights()
        self._analyzer = analyzer
        self._near = NearWords(arrays)
        self._words = self._near.words
        self._count = arrays["spell_word_count"].data
        self._model = LanguageModel(arrays)
        self._queries = KnownQueries(arrays)
        self._slips = SlipCosts(arrays["spell_costs"].tolist())
        self._number = self._words.find(NUMBER)

    def knows(self, word: str) -> bool:
        """Whether a normalised word stands in the shop's catalogue or queries."""
        return self._words.find(word) >= 0

    def correct(self, text: str, right: Collection[str] = ()) -> Correction | None:
        """The query that was most likely meant; None: what was typed. right: words that the dictionary may lack, and
        that stay, such as a last word that begins known ones.
        """
        typed = normalise(text[: LONGEST_QUERY + 1])
        if not typed or len(typed) > LONGEST_QUERY or self._queries.texts.find(typed) >= 0:
            return None
        tokens = with_words(self._analyzer.tokens(typed), self.knows)
        if len(tokens) > MOST_WORDS:
            return None
        words = [
            _Typed(token, UNKNOWN, 0.0, False)
            if token.text in right and not self.knows(token.text)
            else self._typed(token)
            for token in tokens
        ]
        if not 0 < sum(word.doubtful for word in words) <= MOST_DOUBTFUL:
            return None
        known = all(word.row >= 0 for word in words)
        kept = self._kept(words)
        best, path = self._best_path(words)
        found = self._spoken(typed, words, path)
        codes = [token.text for token in tokens if token.kind == Kind.CODE]
        for row in self._queries.alike(typed):
            query = self._queries.texts.id(row)
            if digits(query) != digits(typed) or not all(code in letters(query) for code in codes):
                continue
            ahead = self._weights.model * (self._weights.known + self._queries.log[row])
            cost = self._slips.cost(typed, query, ahead - best)
            if ahead - cost > best:
                best, found = ahead - cost, (query, ((typed, query),))
        gain = best - kept
        if not found[1] or gain <= (self._weights.overwhelming if known else self._weights.sure):
            return None
        return Correction(found[0], found[1], gain)

    def candidates(self, word: str, n: int = 3) -> list[tuple[str, float]]:
        """The likeliest known words for one unknown word: text and log of how likely beside the likeliest one (≤ 0)."""
        found = self._single(normalise(word), edits_of(word))[:n]
        return [(choice.text, found[0][0] - score) for score, choice in found]

    def joins(self, tokens: Sequence[Token]) -> list[tuple[int, str]]:
        """Two known words that the shop never has beside each other, but as one word: "basket ball". Nothing is wrong
        with them, so they are not corrected; a search may look for both.

        The first of the two tokens, and the joined word.
        """
        found = []
        for at, (one, other) in enumerate(pairwise(tokens)):
            if one.kind == Kind.WORD == other.kind and one.end + 1 == other.start:
                joined = one.text + other.text
                row = self._words.find(joined)
                pair = self._words.find(one.text), self._words.find(other.text)
                if row >= 0 and self._count[row] >= self._weights.rare and not self._model.seen(*pair):
                    found.append((at, joined))
        return found

    def _typed(self, token: Token) -> _Typed:
        """What the shop knows of a typed word."""
        if token.kind != Kind.WORD:
            return _Typed(token, self._number, 0.0, False)
        row = self._words.find(token.text)
        if row >= 0:
            return _Typed(token, row, 0.0, self._count[row] < self._weights.rare)
        word = token.text
        for other in map(self._words.find, other_numbers(word)):
            if other >= 0:
                return _Typed(token, other, -self._weights.model * self._weights.inflected, True)
        score = self._weights.unknown + self._weights.letters * self._model.spelt(word)
        return _Typed(token, UNKNOWN, -self._weights.model * score, True)

    def _kept(self, words: list[_Typed]) -> float:
        """The score of what was typed."""
        left, score = self._model.start, 0.0
        for word in words:
            score -= word.cost
            if word.row >= 0:
                score += self._weights.model * self._model.after(left, word.row)
            left = word.row
        return score

    def _best_path(self, words: list[_Typed]) -> tuple[float, tuple[_Choice, ...]]:
        """The likeliest way through the candidates of every word: its score and its choices (Viterbi)."""
        weight, after = self._weights.model, self._model.after
        ends: list[dict[int, tuple[float, tuple[_Choice, ...]]]] = [{} for _ in range(len(words) + 1)]
        ends[0][self._model.start] = (0.0, ())
        near = [self._near_words(word) for word in words]
        for at in range(len(words)):
            choices = self._choices(words, near, at)
            for left, (score, path) in ends[at].items():
                for choice in choices:
                    total, last = score - choice.cost, left
                    for row in choice.rows:
                        total += weight * after(last, row) if row >= 0 else 0.0
                        last = row
                    there = ends[at + choice.span].get(last)
                    if there is None or total > there[0]:
                        ends[at + choice.span][last] = (total, (*path, choice))
        return max(ends[-1].values(), key=lambda one: one[0])

    def _near_words(self, word: _Typed) -> list[tuple[float, _Choice]]:
        """Known words for a doubtful one."""
        text = word.token.text
        if not word.doubtful or len(text) < SHORTEST:
            return []
        return self._single(text, edits_of(text) if word.cost > 0 else 1)

    def _choices(self, words: list[_Typed], near: list[list[tuple[float, _Choice]]], at: int) -> list[_Choice]:
        """What the words from one place on may have been. near: known words for each of them."""
        word, unknown = words[at], words[at].cost > 0
        text = word.token.text
        choices = [_Choice(1, (word.row,), text, word.cost)]
        scored = near[at]
        if unknown and SHORTEST <= len(text) <= LONGEST:
            scored = sorted([*scored, *self._splits(text, not scored)], key=lambda one: one[0])
        choices += [choice for _, choice in scored[:KEPT]]
        after = words[at + 1] if at + 1 < len(words) else None
        if after and word.token.kind == Kind.WORD == after.token.kind and (unknown or after.cost > 0):
            plain = any(choice.cost < PLAIN for one in near[at : at + 2] for _, choice in one)
            choices += self._joined(text + after.token.text, not plain)
        return choices

    def _single(self, word: str, edits: int) -> list[tuple[float, _Choice]]:
        """At most `KEPT` known words for one word, each with minus its score; the best first."""
        found: list[tuple[float, _Choice]] = []
        limit, worst = DEAREST * edits, inf
        cheapest = min(self._slips.costs[:-1])
        for row in self._near.near(word, edits):
            unlikely = -self._weights.model * self._model.alone(row)
            if worst - unlikely < cheapest:
                break  # the others are less frequent still
            text = self._words.id(row)
            cost = self._slips.of_few(word, text, edits)
            if 0 < cost <= min(limit, worst - unlikely) and text != NUMBER:
                insort(found, (cost + unlikely, _Choice(1, (row,), text, cost)))
                del found[KEPT:]
                worst = found[-1][0] if len(found) == KEPT else inf
        return found

    def _splits(self, word: str, further: bool) -> list[tuple[float, _Choice]]:
        """Two known words for one; with `further`, and where there are none, three. A single letter is split off only
        where the shop has it beside the other word: "t shirt"."""
        found, firsts = [], []
        for at in range(1, len(word)):
            left = self._words.find(word[:at])
            if left < 0:
                continue
            firsts.append((left, at))
            right = self._words.find(word[at:])
            if right >= 0 and (1 < at < len(word) - 1 or self._model.seen(left, right)):
                found.append(self._split(word, (left, right), (at,)))
        if further and not found and LONG_SPLIT <= len(word) <= LONGEST_SPLIT:
            for left, at in firsts:
                for end in range(at + 2, len(word) - 1) if at > 1 else ():
                    middle = self._words.find(word[at:end])
                    right = self._words.find(word[end:]) if middle >= 0 else UNKNOWN
                    if right >= 0:
                        found.append(self._split(word, (left, middle, right), (at, end)))
        return found

    def _split(self, word: str, rows: tuple[int, ...], places: tuple[int, ...]) -> tuple[float, _Choice]:
        """A word with blanks at some places, with minus its score."""
        cost = len(places) * self._slips.costs[MISSING_BLANK]
        score = self._model.alone(rows[0]) + sum(self._model.after(*pair) for pair in pairwise(rows))
        parts = [word[a:b] for a, b in pairwise((0, *places, len(word)))]
        return cost - self._weights.model * score, _Choice(1, rows, " ".join(parts), cost)

    def _joined(self, word: str, misspelt: bool) -> list[_Choice]:
        """Known words for two words without the blank between them, which may be misspelt as well."""
        blank = self._slips.costs[EXTRA_BLANK]
        row = self._words.find(word)
        if row >= 0:
            return [_Choice(2, (row,), word, blank)]
        scored = self._single(word, 1)[:2] if misspelt and len(word) > 2 * SHORTEST else []
        return [choice._replace(span=2, cost=choice.cost + blank) for _, choice in scored]

    @staticmethod
    def _spoken(typed: str, words: list[_Typed], path: tuple[_Choice, ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The text with the choices in place of what was typed, and what changed."""
        parts, changes, at, done = [], [], 0, 0
        for choice in path:
            first, last = words[at].token, words[at + choice.span - 1].token
            was = typed[first.start : last.end]
            if choice.span > 1 or choice.text != first.text:
                parts += [typed[done : first.start], choice.text]
                changes.append((was, choice.text))
                done = last.end
            at += choice.span
        return "".join([*parts, typed[done:]]), tuple(changes)


def other_numbers(word: str) -> list[str]:
    """What may be the plural or the singular of a word, in English, French and Spanish."""
    if word.endswith("ss"):
        return [word + "es"]
    if not word.endswith("s"):
        return [word + "s", word + "es"]
    return [word[:-1], word[:-2]] if word.endswith("es") else [word[:-1]]
