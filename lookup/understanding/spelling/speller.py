"""The speller: the query that a shopper most likely meant, or the typed one as it is.

A noisy channel over whole queries: P(meant) · P(typed | meant). P(meant) mixes the queries that were asked before with
pairs of words; P(typed | meant) prices slips (`slips`). What may have been meant is

- each unknown word as it is, as a known word within one or two edits, or split into known words;
- two words joined, where one of them is unknown;
- a rare word as a frequent one, when the words beside it speak for that by far;
- a whole known query that shares most of its letters.

Numbers, codes and CJK are kept: they are neither corrected nor split, and a known query with other digits is no answer.
"""

from bisect import insort
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from lookup.text.analyzer import Analyzer, Token
from lookup.text.chunks import Kind
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays
from lookup.understanding.spelling.known_queries import KnownQueries, digits
from lookup.understanding.spelling.language_model import NUMBER, UNKNOWN, LanguageModel
from lookup.understanding.spelling.near_words import NearWords, edits_of
from lookup.understanding.spelling.slips import EXTRA_BLANK, MISSING_BLANK, SlipCosts

LONGEST_QUERY = 200
"""Characters; a longer query is a text, and is left as it is."""
MOST_WORDS = 16
"""A query of more words is left as it is."""
KEPT = 6
"""Candidates of one word that are tried beside its neighbours."""
DEAREST = 10.0
"""The most that one edit may cost."""
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
    overwhelming: float = 4.0
    """How much likelier a correction of known words must be."""


class _Choice(NamedTuple):
    """What some typed words may have been."""

    span: int
    """How many typed words."""
    rows: tuple[int, ...]
    text: str
    cost: float


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

    def correct(self, text: str) -> Correction | None:
        """The query that was most likely meant; None: what was typed."""
        typed = normalise(text[: LONGEST_QUERY + 1])
        if not typed or len(typed) > LONGEST_QUERY or self._queries.texts.find(typed) >= 0:
            return None
        tokens = self._analyzer.tokens(typed)
        if len(tokens) > MOST_WORDS:
            return None
        rows = [self._row(token) for token in tokens]
        doubtful = [
            token.kind == Kind.WORD and (row < 0 or self._count[row] < self._weights.rare)
            for token, row in zip(tokens, rows, strict=True)
        ]
        if not any(doubtful):
            return None
        known = all(row >= 0 for row in rows)
        kept = self._kept(tokens, rows)
        best, path = self._best_path(tokens, rows, doubtful)
        found = self._spoken(typed, tokens, path)
        for row in self._queries.alike(typed):
            query = self._queries.texts.id(row)
            if digits(query) != digits(typed):
                continue
            ahead = self._weights.model * (self._weights.known + self._queries.log[row])
            cost = self._slips.cost(typed, query, ahead - best)
            if ahead - cost > best:
                best, found = ahead - cost, (query, ((typed, query),))
        gain = best - kept
        if not found[1] or gain <= (self._weights.overwhelming if known else 0.0):
            return None
        return Correction(found[0], found[1], gain)

    def candidates(self, word: str, n: int = 3) -> list[tuple[str, float]]:
        """The likeliest known words for one unknown word: text and log of how likely beside the likeliest one (≤ 0)."""
        found = self._single(normalise(word), edits_of(word))[:n]
        return [(choice.text, found[0][0] - score) for score, choice in found]

    def _row(self, token: Token) -> int:
        return self._words.find(token.text) if token.kind == Kind.WORD else self._number

    def _kept(self, tokens: list[Token], rows: list[int]) -> float:
        """The score of what was typed."""
        left, score = self._model.start, 0.0
        for token, row in zip(tokens, rows, strict=True):
            score += self._weights.model * self._model.after(left, row) if row >= 0 else -self._unknown(token.text)
            left = row
        return score

    def _unknown(self, word: str) -> float:
        """Minus the score of a word that the shop does not know; less where it knows its plural or singular."""
        forms = (word + "s", word[:-1] if word[-1:] == "s" else "", word[:-2] if word[-2:] == "es" else "")
        logs = [self._model.alone(row) for row in map(self._words.find, filter(None, forms)) if row >= 0]
        score = self._weights.unknown + self._weights.letters * self._model.spelt(word)
        return -self._weights.model * max(score, max(logs, default=-inf) + self._weights.inflected)

    def _best_path(
        self, tokens: list[Token], rows: list[int], doubtful: list[bool]
    ) -> tuple[float, tuple[_Choice, ...]]:
        """The likeliest way through the candidates of every word: its score and its choices (Viterbi)."""
        weight, after = self._weights.model, self._model.after
        ends: list[dict[int, tuple[float, tuple[_Choice, ...]]]] = [{} for _ in range(len(tokens) + 1)]
        ends[0][self._model.start] = (0.0, ())
        for at in range(len(tokens)):
            choices = self._choices(tokens, rows, doubtful, at)
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

    def _choices(self, tokens: list[Token], rows: list[int], doubtful: list[bool], at: int) -> list[_Choice]:
        """What the words from one place on may have been."""
        token = tokens[at]
        choices = [_Choice(1, (rows[at],), token.text, self._unknown(token.text) if rows[at] < 0 else 0.0)]
        if doubtful[at] and len(token.text) >= SHORTEST:
            scored = self._single(token.text, edits_of(token.text) if rows[at] < 0 else 1)
            scored += self._splits(token.text) if rows[at] < 0 else []
            scored.sort(key=lambda one: one[0])
            choices += [choice for _, choice in scored[:KEPT]]
        if at + 1 < len(tokens) and token.kind == Kind.WORD == tokens[at + 1].kind and min(rows[at], rows[at + 1]) < 0:
            choices += self._joined(token.text + tokens[at + 1].text)
        return choices

    def _single(self, word: str, edits: int) -> list[tuple[float, _Choice]]:
        """At most `KEPT` known words for one word, each with minus its score; the best first."""
        found: list[tuple[float, _Choice]] = []
        limit, worst = DEAREST * edits, inf
        for row in self._near.near(word, edits):
            text = self._words.id(row)
            unlikely = -self._weights.model * self._model.alone(row)
            cost = self._slips.cost(word, text, min(limit, worst - unlikely), edits)
            if 0 < cost < inf and text != NUMBER:
                insort(found, (cost + unlikely, _Choice(1, (row,), text, cost)))
                if len(found) >= KEPT:
                    del found[KEPT:]
                    worst = found[-1][0]
        return found

    def _splits(self, word: str) -> list[tuple[float, _Choice]]:
        """Two known words for one."""
        found, cost = [], self._slips.costs[MISSING_BLANK]
        for at in range(2, len(word) - 1):
            left = self._words.find(word[:at])
            right = self._words.find(word[at:]) if left >= 0 else UNKNOWN
            if right >= 0:
                score = cost - self._weights.model * (self._model.alone(left) + self._model.after(left, right))
                found.append((score, _Choice(1, (left, right), f"{word[:at]} {word[at:]}", cost)))
        return found

    def _joined(self, word: str) -> list[_Choice]:
        """Known words for two words without the blank between them."""
        blank = self._slips.costs[EXTRA_BLANK]
        row = self._words.find(word)
        if row >= 0:
            return [_Choice(2, (row,), word, blank)]
        scored = self._single(word, 1)[:2] if len(word) > 2 * SHORTEST else []
        return [choice._replace(span=2, cost=choice.cost + blank) for _, choice in scored]

    @staticmethod
    def _spoken(typed: str, tokens: list[Token], path: tuple[_Choice, ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The text with the choices in place of what was typed, and what changed."""
        parts, changes, at, done = [], [], 0, 0
        for choice in path:
            first, last = tokens[at], tokens[at + choice.span - 1]
            was = typed[first.start : last.end]
            if choice.span > 1 or choice.text != first.text:
                parts += [typed[done : first.start], choice.text]
                changes.append((was, choice.text))
                done = last.end
            at += choice.span
        return "".join([*parts, typed[done:]]), tuple(changes)
