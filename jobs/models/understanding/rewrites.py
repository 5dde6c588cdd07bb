"""Synonyms and redirects: from files of the shop, and synonyms from clicks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np

from jobs.models.understanding.texts import Arrays, listed, phrase, table
from lookup.errors import DaybreakError
from lookup.text.analyzer import Analyzer
from lookup.understanding.attributes import MOST_WORDS, joined
from lookup.understanding.rewrites import CATEGORY, REDIRECT_KINDS, URL, Redirect, stems
from lookup.understanding.spelling.near_words import LONG
from lookup.understanding.spelling.slips import SlipCosts

DECLARED = 0.9
"""What a synonym of the shop's file counts beside the exact word."""
MOST_SYNONYMS = 16
"""Of one phrase."""
MOST_ON_LINE = 200
"""Words of a line of the shop's file that mean each other."""
_COMMENT = re.compile(r"(?:^|\s)#")
FEWEST_CLICKS = 5.0
"""A query with fewer clicks teaches no synonyms."""
FEWEST_ITEMS = 2
"""Clicked for both queries."""
ALIKE = 0.5
"""From this cosine of their clicks on, two queries mean the same."""
MISSPELT = 16.0
"""Words that slips of at most this cost explain are misspellings of each other, no synonyms."""


class SynonymRule(NamedTuple):
    """Some words, what they mean as well, and what that counts."""

    words: str
    instead: str
    weight: float = DECLARED


def read_synonyms(lines: Iterable[str], name: str = "synonyms") -> list[SynonymRule]:
    """The rules of a shop's file: `a, b, c` (each means the others) and `a, b => c, d` (one way); `#` starts a comment
    at the beginning of a line or after a blank, and not in "c#".

    Raises DaybreakError with the number of a line that says nothing, or too much.
    """
    rules = []
    for number, line in enumerate(lines, 1):
        text = _COMMENT.split(line.lstrip("\ufeff"), maxsplit=1)[0].strip()
        if not text:
            continue
        left, arrow, right = text.partition("=>")
        froms = [one.strip() for one in left.split(",") if one.strip()]
        tos = [one.strip() for one in right.split(",") if one.strip()] if arrow else froms
        if not froms or not tos or "=>" in right or (not arrow and len(froms) < 2):
            raise DaybreakError(f"{name}, line {number}: expected `a, b` or `a => b`, found {text!r:.100}")
        if max(len(froms), len(tos)) > MOST_ON_LINE:
            raise DaybreakError(f"{name}, line {number}: has more than {MOST_ON_LINE} synonyms; divide it")
        rules += [SynonymRule(a, b) for a in froms for b in tos if a != b]
    return rules


def learn_synonyms(clicks: Iterable[tuple[str, str, float]], analyzer: Analyzer) -> list[SynonymRule]:
    """Words that shoppers use for each other: two queries that differ in one word, or that are one word each, and whose
    clicks fall on the same items. The weight is the cosine of their clicks, below that of the shop's own rules.

    clicks: query, item, how often. Numbers, words of one stem and misspellings are no synonyms.
    """
    clicked: defaultdict[tuple[str, ...], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for query, item, times in clicks:
        words = tuple(token.text for token in analyzer.tokens(query))
        if 0 < len(words) <= MOST_WORDS:
            clicked[words][item] += times
    known = {words: items for words, items in clicked.items() if sum(items.values()) >= FEWEST_CLICKS}
    frames: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for words in known:
        for at, word in enumerate(words):
            if word.isalpha() and len(word) > 2:
                frames[(*words[:at], "", *words[at + 1 :])].add(word)
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    slips = SlipCosts()
    for frame, words_there in frames.items():
        if len(frame) == 1:
            pairs = _sharing(words_there, known)
        else:
            pairs = {(a, b) for a in words_there for b in words_there if a < b}
        for a, b in pairs:
            one, other = (tuple(word or w for word in frame) for w in (a, b))
            cosine, shared = _cosine(known[one], known[other])
            if cosine >= ALIKE and shared >= FEWEST_ITEMS and not _same(a, b, analyzer, slips):
                found[a, b].append(cosine)
    rules = []
    for (a, b), cosines in sorted(found.items()):
        weight = min(DECLARED, round(sum(cosines) / len(cosines), 3))
        rules += [SynonymRule(a, b, weight), SynonymRule(b, a, weight)]
    return rules


def _sharing(words: set[str], known: Mapping[tuple[str, ...], Mapping[str, float]]) -> set[tuple[str, str]]:
    """Pairs of one-word queries that share a clicked item: all pairs would be too many."""
    by_item: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(words):
        for item in known[(word,)]:
            by_item[item].append(word)
    return {(a, b) for found in by_item.values() for a in found[:50] for b in found[:50] if a < b}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> tuple[float, int]:
    """The cosine of two queries' clicks, and how many items both have."""
    shared = one.keys() & other.keys()
    dot = sum(one[item] * other[item] for item in shared)
    norms = sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))
    return (dot / norms if norms else 0.0), len(shared)


def _same(a: str, b: str, analyzer: Analyzer, slips: SlipCosts) -> bool:
    """Whether two words are one word with other endings, or one misspelt."""
    return analyzer.stem(a) == analyzer.stem(b) or (
        min(len(a), len(b)) >= LONG and min(slips.cost(a, b, MISSPELT, 2), slips.cost(b, a, MISSPELT, 2)) <= MISSPELT
    )


def build_rewrites(rules: Iterable[SynonymRule], redirects: Mapping[str, Redirect], analyzer: Analyzer) -> Arrays:
    """The arrays of synonyms and redirects in `lookup.understanding.arrays.MEANING`.

    A synonym of more than `MOST_WORDS` words is an error, as is a redirect of no words. Of one rule twice the heavier
    counts. Raises DaybreakError.
    """
    weights: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for rule in rules:
        key, instead = phrase(analyzer, rule.words), phrase(analyzer, rule.instead)
        if not key or not instead:
            wrong = rule.words if not key else rule.instead
            raise DaybreakError(f"a synonym has one to {MOST_WORDS} words, not {wrong!r:.100}")
        if key != instead:
            stem = joined(stems(analyzer.tokens(rule.words), analyzer))
            weights[stem][instead] = max(rule.weight, weights[stem].get(instead, 0.0))
    arrays, phrases = table("meaning_synonyms", weights)
    chosen = [sorted(weights[key].items(), key=lambda one: (-one[1], one[0]))[:MOST_SYNONYMS] for key in phrases]
    arrays["meaning_synonym_first"] = np.concatenate([[0], np.cumsum([len(one) for one in chosen])]).astype(np.int64)
    arrays["meaning_synonym_weight"] = np.array([w for one in chosen for _, w in one], dtype=np.float32)
    arrays |= listed("meaning_synonym_text", [text for one in chosen for text, _ in one])
    targets: dict[str, Redirect] = {}
    for query, redirect in redirects.items():
        key = joined(analyzer.tokens(query))
        if not key or redirect.kind not in (URL, CATEGORY) or not redirect.target:
            raise DaybreakError(
                f"a redirect leads words to a url or a category; {query!r:.100} leads to {redirect!r:.100}"
            )
        targets[key] = redirect
    made, queries = table("meaning_redirects", targets)
    arrays |= made
    kinds = [REDIRECT_KINDS.index(targets[query].kind) for query in queries]
    arrays["meaning_redirect_kind"] = np.array(kinds, dtype=np.uint8)
    return arrays | listed("meaning_redirect_text", [targets[query].target for query in queries])


def build_values(values: Iterable[tuple[str, int, int]], analyzer: Analyzer) -> Arrays:
    """The arrays of declared values in `lookup.understanding.arrays.MEANING`; of one phrase twice the first counts.

    values: text, row of the feature, row of the value. Bare numbers and texts of many words are left out.
    """
    rows: dict[str, tuple[int, int]] = {}
    for text, feature, value in values:
        key = phrase(analyzer, text)
        if key and not key.replace(" ", "").isdigit():
            rows.setdefault(key, (feature, value))
    arrays, ordered = table("meaning_values", rows)
    arrays["meaning_value_feature"] = np.array([rows[key][0] for key in ordered], dtype=np.int32)
    arrays["meaning_value_row"] = np.array([rows[key][1] for key in ordered], dtype=np.int32)
    return arrays
