"""The speller: the query that a shopper most likely meant, or the typed one as it is.

A noisy channel over whole queries: P(meant) · P(typed | meant). P(meant) mixes the queries that were asked before with
pairs of words; P(typed | meant) prices slips (`slips`). What may have been meant is

- each unknown word as it is, as a known word within one or two edits, or split into known words;
- two words joined, where one of them is unknown;
- a rare word, or one that the shop has beside none of its neighbours, as a more frequent one, when the words beside it
  speak for that by far;
- a whole known query that shares most of its letters.

An unknown word that the transformer's vocabulary has is a word of the language, and seldom misspelt. What a misspelt
word may have been as well is a guess (`Guess`): a search looks for it, too, for less weight, and the items decide.

Numbers, codes and CJK are kept: they are neither corrected nor split, and a known query with other digits is no answer.
Of CJK only a word in katakana may be misspelt, where the night told the words of titles (`katakana`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from types import MappingProxyType
from typing import NamedTuple

from lookup.text.analyzer import Analyzer, Token
from lookup.text.chunks import Kind
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays
from lookup.understanding.spelling.candidates import KEPT, SHORTEST, Choice, Scored, WordCandidates
from lookup.understanding.spelling.katakana import with_words
from lookup.understanding.spelling.known_queries import KnownQueries, digits, letters
from lookup.understanding.spelling.language_model import NUMBER, UNKNOWN, LanguageModel
from lookup.understanding.spelling.near_words import LONGEST, edits_of
from lookup.understanding.spelling.slips import SlipCosts

LONGEST_QUERY = 200
"""Characters; a longer query is a text, and is left as it is."""
MOST_WORDS = 16
"""A query of more words is left as it is."""
PLAIN = 8.0
"""Where a word is so cheaply another, joining it with its neighbour and one more slip is not tried."""
FREQUENT = -7.5
"""From this logarithm of its probability on, a word is frequent: one in some 1,800."""
MOST_DOUBTFUL = 6
"""With more unknown words a query is in another language, or none."""


NO_FORMS: Mapping[str, str] = MappingProxyType({})


class Correction(NamedTuple):
    """A corrected query."""

    text: str
    """The whole query, normalised and corrected."""
    changes: tuple[tuple[str, str], ...]
    """What was typed and what it became, in the query's order."""
    gain: float
    """How much likelier it is than what was typed: the logarithm of the ratio, above 0."""


class Guess(NamedTuple):
    """A word that another one may have been as well."""

    word: str
    """Of the query as it is searched for."""
    instead: str
    weight: float
    """What a match of it counts beside one of the word, below 1."""


class Spelt(NamedTuple):
    """What a query may have been meant to be."""

    correction: Correction | None
    """None: what was typed."""
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True)
class SpellingWeights:
    """What the speller believes before it looks; natural logarithms. Chosen on real misspelt queries of a hardware
    store, by cross-validation, and on made ones of two catalogues whose titles the dictionary did not have."""

    unknown: float = -10.0
    """Log probability that a shopper means a word which the shop does not know."""
    language: float = -6.0
    """The same where it is a word of the language."""
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
    overwhelming: float = 3.5
    """How much likelier a correction of known words must be."""
    guess: float = 0.8
    """What a guess counts that is as likely as the word which was chosen."""
    vague: float = 4.0
    """A guess counts e times less for each time that its logarithm is so much lower."""


class _Typed(NamedTuple):
    """A typed word."""

    token: Token
    row: int
    """Of the word, or of its singular or plural; that of numbers; -1 for an unknown word."""
    cost: float
    """Of keeping it: above 0 where the shop does not know it."""
    doubtful: bool
    """Whether it may be misspelt."""


AS_TYPED = Spelt(None)
LEAST_GUESS = 0.2
"""Guesses of less weight are left out."""


class Speller:
    """Corrects queries by the arrays of a release (`lookup.understanding.arrays.SPELLING`)."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer, weights: SpellingWeights | None = None):
        self._weights = weights or SpellingWeights()
        self._analyzer = analyzer
        self._model = LanguageModel(arrays)
        self._slips = SlipCosts(arrays["spell_costs"].tolist())
        self._candidates = WordCandidates(arrays, self._model, self._slips, self._weights.model)
        self._words = self._candidates.words
        self._count = arrays["spell_word_count"].data
        self._queries = KnownQueries(arrays)
        self._number = self._words.find(NUMBER)

    def knows(self, word: str) -> bool:
        """Whether a normalised word stands in the shop's catalogue or queries."""
        return self._words.find(word) >= 0

    def correct(
        self, text: str, right: Mapping[str, float] | None = None, forms: Mapping[str, str] = NO_FORMS
    ) -> Correction | None:
        """The query that was most likely meant; None: what was typed. As `read`."""
        return self.read(text, right, forms).correction

    def read(self, text: str, right: Mapping[str, float] | None = None, forms: Mapping[str, str] = NO_FORMS) -> Spelt:
        """The query that was most likely meant, and what else its misspelt words may have been.

        right: words that the dictionary may lack, such as a last word that begins known ones, and the log of how likely
        each is meant; at 0 it stays. forms: words of the same stem as one that it has, and that one.
        """
        typed = normalise(text[: LONGEST_QUERY + 1])
        if not typed or len(typed) > LONGEST_QUERY or self._queries.texts.find(typed) >= 0:
            return AS_TYPED
        tokens = with_words(self._analyzer.tokens(typed), self.knows)
        if len(tokens) > MOST_WORDS:
            return AS_TYPED
        words = [self._typed(token, right or {}, forms.get(token.text, "")) for token in tokens]
        words = self._doubted(words)
        if not 0 < sum(word.doubtful for word in words) <= MOST_DOUBTFUL:
            return AS_TYPED
        known = all(word.row >= 0 for word in words)
        kept = self._kept(words)
        near = [self._near_words(word) for word in words]
        best, path = self._best_path(words, near)
        found = self._spoken(typed, words, path)
        codes = [token.text for token in tokens if token.kind == Kind.CODE]
        for row in self._queries.alike(typed):
            query = self._queries.texts.id(row)
            if digits(query) != digits(typed) or not all(code in letters(query) for code in codes):
                continue
            ahead = self._weights.model * (self._weights.known + self._queries.log[row])
            cost = self._slips.cost(typed, query, ahead - best)
            if ahead - cost > best:
                best, found, path = ahead - cost, (query, ((typed, query),)), ()
        gain = best - kept
        if not found[1] or gain <= (self._weights.overwhelming if known else self._weights.sure):
            as_typed = [Choice(1, (word.row,), word.token.text, word.cost) for word in words]
            return Spelt(None, tuple(self._guesses(words, near, as_typed)))
        return Spelt(Correction(found[0], found[1], gain), tuple(self._guesses(words, near, path)))

    def _guesses(
        self, words: Sequence[_Typed], near: Sequence[Sequence[Scored]], path: Sequence[Choice]
    ) -> Iterator[Guess]:
        """What else each unknown word of a path may have been, the likeliest first."""
        at = 0
        for choice in path:
            if choice.span == len(choice.rows) == 1 and words[at].cost > 0 and words[at].row == UNKNOWN:
                scores = {one.text: score for score, one in near[at]}
                best = scores.get(choice.text, choice.cost)
                for text, score in scores.items():
                    weight = self._weights.guess * exp(min(best - score, 0.0) / self._weights.vague)
                    if text != choice.text and weight >= LEAST_GUESS:
                        yield Guess(choice.text, text, round(weight, 3))
            at += choice.span

    def candidates(self, word: str, n: int = 3) -> list[tuple[str, float]]:
        """The likeliest known words for one unknown word: text and log of how likely beside the likeliest one (≤ 0)."""
        found = self._candidates.single(normalise(word), edits_of(word))[:n]
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

    def _typed(self, token: Token, right: Mapping[str, float], form: str) -> _Typed:
        """What the shop knows of a typed word. form: another one of it, where one is known."""
        if token.text in right and not self.knows(token.text):
            return _Typed(token, UNKNOWN, -self._weights.model * right[token.text], right[token.text] < 0)
        if token.kind != Kind.WORD:
            return _Typed(token, self._number, 0.0, False)
        row = self._words.find(token.text)
        if row >= 0:
            return _Typed(token, row, 0.0, self._count[row] < self._weights.rare)
        word = token.text
        for other in map(self._words.find, [*other_numbers(word), *([form] if form else [])]):
            if other >= 0:
                return _Typed(token, other, -self._weights.model * self._weights.inflected, True)
        weights = self._weights
        known = weights.language if self._model.of_language(word) else weights.unknown
        score = known + weights.letters * self._model.spelt(word)
        return _Typed(token, UNKNOWN, -weights.model * score, True)

    def _doubted(self, words: list[_Typed]) -> list[_Typed]:
        """The words, where known ones are doubtful, too, that the shop has beside none of their neighbours.

        Frequent ones are not: they stand beside anything, and whoever misspells seldom hits one.
        """
        if len(words) < 2:
            return words
        beside = [self._model.seen(one.row, other.row) for one, other in pairwise(words)]
        return [
            word._replace(doubtful=True)
            if word.token.kind == Kind.WORD
            and word.row >= 0
            and not (before or after)
            and self._model.alone(word.row) < FREQUENT
            else word
            for word, before, after in zip(words, [False, *beside], [*beside, False], strict=True)
        ]

    def _kept(self, words: list[_Typed]) -> float:
        """The score of what was typed."""
        left, score = self._model.start, 0.0
        for word in words:
            score -= word.cost
            if word.row >= 0:
                score += self._weights.model * self._model.after(left, word.row)
            left = word.row
        return score

    def _best_path(self, words: list[_Typed], near: list[list[Scored]]) -> tuple[float, tuple[Choice, ...]]:
        """The likeliest way through the candidates of every word: its score and its choices (Viterbi)."""
        weight, after = self._weights.model, self._model.after
        ends: list[dict[int, tuple[float, tuple[Choice, ...]]]] = [{} for _ in range(len(words) + 1)]
        ends[0][self._model.start] = (0.0, ())
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

    def _near_words(self, word: _Typed) -> list[Scored]:
        """Known words for a doubtful one."""
        text = word.token.text
        if not word.doubtful or len(text) < SHORTEST:
            return []
        if word.cost > 0:
            return self._candidates.single(text, edits_of(text))
        same = other_numbers(text)
        return [one for one in self._candidates.single(text, 1) if one[1].text not in same]

    def _choices(self, words: list[_Typed], near: list[list[Scored]], at: int) -> list[Choice]:
        """What the words from one place on may have been. near: known words for each of them."""
        word, unknown = words[at], words[at].cost > 0
        text = word.token.text
        choices = [Choice(1, (word.row,), text, word.cost)]
        scored = near[at]
        if unknown and SHORTEST <= len(text) <= LONGEST:
            scored = sorted([*scored, *self._candidates.splits(text, not scored)], key=lambda one: one[0])
        choices += [choice for _, choice in scored[:KEPT]]
        after = words[at + 1] if at + 1 < len(words) else None
        if after and word.token.kind == Kind.WORD == after.token.kind and (unknown or after.cost > 0):
            plain = any(choice.cost < PLAIN for one in near[at : at + 2] for _, choice in one)
            choices += self._candidates.joined(text + after.token.text, not plain)
        return choices

    @staticmethod
    def _spoken(typed: str, words: list[_Typed], path: tuple[Choice, ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
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
