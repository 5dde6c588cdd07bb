"""The dictionary of the shop: its words, pairs of words and known queries, with their counts, as arrays for the day."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.models.understanding.texts import Arrays, table
from lookup.text.analyzer import Analyzer, Token
from lookup.text.chunks import Kind
from lookup.text.normalise import normalise
from lookup.understanding.spelling.known_queries import grams, letters
from lookup.understanding.spelling.language_model import END, NUMBER, hash_of, letter_places
from lookup.understanding.spelling.near_words import LONGEST, deleted, edits_of, hashed, letters_of
from lookup.understanding.spelling.slips import DEFAULT_COSTS
from lookup.understanding.spelling.speller import LONGEST_QUERY

MOST_WORDS, MOST_PAIRS, MOST_QUERIES = 100_000, 1_000_000, 100_000
"""The most frequent of each are kept."""
DISCOUNT = 0.6
"""Taken from the count of each pair, and given to words alone (Ney, Essen and Kneser 1994)."""
INDEXED = 2
"""A word that is in no title must be in so many places of other texts: what is there once may be misspelt."""
INDEXED_WEIGHT = 0.1
"""What a word of any text counts beside one of a title."""
QUERY_WEIGHT = 3.0
"""What one search counts beside one title."""


def build_speller(
    titles: Iterable[str],
    queries: Mapping[str, float],
    analyzer: Analyzer,
    values: Iterable[str] = (),
    *,
    right: Iterable[str] = (),
    costs: Iterable[float] = DEFAULT_COSTS,
    segmented: Mapping[str, float] | None = None,
    indexed: Mapping[str, float] | None = None,
    language: Iterable[str] = (),
) -> Arrays:
    """The arrays of `lookup.understanding.arrays.SPELLING`.

    titles: of items, any case. queries: how often each was searched. values: of attributes, brands and categories, each
    once; their words are known, but say nothing of what stands beside what. right: texts whose words are known, and to
    which nothing is corrected unless the shop has them as well: it would find nothing. costs: of slips, by kind.
    segmented: the words in Chinese and Japanese of titles, and how often each is there. indexed: words of all texts of
    the items, and how often each is there: of these, a word of `INDEXED` places is known though it is in no title.
    language: normalised words that are right though the shop may lack them.
    """
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    known: Counter[str] = Counter()
    for title in titles:
        _count(analyzer, title, 1.0, words, pairs, begins=False)
    for text, times in queries.items():
        query = normalise(text)
        if times > 0 and query:
            _count(analyzer, query, QUERY_WEIGHT * times, words, pairs, begins=True)
            if len(query) <= LONGEST_QUERY:
                known[query] += times  # type: ignore[assignment]
    for value in values:
        words.update(token.text for token in analyzer.tokens(value) if _is_word(token))
    words.update({word: n for word, n in (segmented or {}).items() if len(word) <= LONGEST})
    for word, times in (indexed or {}).items():
        if times >= INDEXED and word.isalpha() and len(word) <= LONGEST:
            words[word] += INDEXED_WEIGHT * times  # type: ignore[assignment]
    words[NUMBER] += 1
    alone = {token.text for text in right for token in analyzer.tokens(text) if _is_word(token)} - words.keys()
    words.update(alone)
    kept = _most(words, MOST_WORDS)
    return (
        _words(kept, _most(pairs, MOST_PAIRS), alone | {NUMBER})
        | _queries(_most(known, MOST_QUERIES))
        | {"spell_costs": np.array(list(costs), dtype=np.float32), "spell_language": _hashes(set(language) - set(kept))}
    )


def _is_word(token: Token) -> bool:
    return token.kind == Kind.WORD and len(token.text) <= LONGEST


def _count(
    analyzer: Analyzer, text: str, weight: float, words: Counter[str], pairs: Counter[tuple[str, str]], *, begins: bool
) -> None:
    """Add the words of a text and its pairs. begins: the first word is a pair with an empty one; of a title it is not,
    for titles begin with a brand, and queries seldom do."""
    left = "" if begins else None
    for token in analyzer.tokens(text):
        word = token.text if _is_word(token) else NUMBER
        words[word] += weight  # type: ignore[assignment]
        if left is not None:
            pairs[left, word] += weight  # type: ignore[assignment]
        left = word


def _most(counted: Counter[Any], n: int) -> dict[Any, float]:
    """The n most frequent, ties by name: the same every night."""
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:n])


def _words(words: dict[str, float], pairs: dict[tuple[str, str], float], never: set[str]) -> Arrays:
    """Words in the order of their rows, their near forms and their pairs. never: what nothing is corrected to."""
    made, texts = table("spell_words", words)
    row_of = {text: row for row, text in enumerate(texts)}
    row_of[""] = len(texts)
    count = np.array([words[text] for text in texts])
    log = np.log(count / count.sum())
    deletes = [
        hashed(deleted(text, edits_of(text))) | np.uint64(row) for row, text in enumerate(texts) if text not in never
    ]
    found = [(row_of[a] << 32 | row_of[b], n) for (a, b), n in pairs.items() if a in row_of and b in row_of]
    found.sort()
    packed = np.array([pair for pair, _ in found], dtype=np.uint64)
    times = np.array([n for _, n in found], dtype=np.float64)
    left, right = (packed >> np.uint64(32)).astype(np.int64), (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    totals = np.bincount(left, times, len(texts) + 1)
    given = np.bincount(left, np.minimum(times, DISCOUNT), len(texts) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        backoff = np.where(totals > 0, given / totals, 1.0)
    pair_log = np.log(np.maximum(times - DISCOUNT, 0) / totals[left] + backoff[left] * np.exp(log[right]))
    return {
        **made,
        "spell_word_count": count.astype(np.float32),
        "spell_word_log": log.astype(np.float32),
        "spell_word_backoff": np.log(np.maximum(backoff, 1e-9)).astype(np.float32),
        "spell_word_letters": np.array([letters_of(text) for text in texts], dtype=np.uint32),
        "spell_word_length": np.array([min(len(text), 255) for text in texts], dtype=np.uint8),
        "spell_letter_log": _letters(texts),
        "spell_deletes": np.sort(np.concatenate([*deletes, np.empty(0, np.uint64)])),
        "spell_pairs": packed,
        "spell_pair_log": pair_log.astype(np.float32),
    }


def _letters(words: list[str]) -> NDArray[np.float32]:
    """Log probability of a letter after the two before it, (28, 28, 28), from different words: shrunk to the letter
    after one, and that to the letter alone, by five occasions each."""
    counts = np.zeros((END + 1, END + 1, END + 1))
    for word in words:
        a, b = END, END
        for c in (*letter_places(word), END):
            counts[a, b, c] += 1
            a, b = b, c
    alone = (counts.sum((0, 1)) + 1) / (counts.sum() + END + 1)
    two = counts.sum(0)
    after = (two + 5 * alone) / (two.sum(1, keepdims=True) + 5)
    found: NDArray[np.float32] = np.log((counts + 5 * after) / (counts.sum(2, keepdims=True) + 5)).astype(np.float32)
    return found


def _hashes(words: Iterable[str]) -> NDArray[np.uint32]:
    return np.array(sorted({hash_of(word) for word in words}), dtype=np.uint32)


def _queries(known: dict[str, float]) -> Arrays:
    """Known queries in the order of their rows, and their grams."""
    made, texts = table("spell_queries", known)
    count = np.array([known[text] for text in texts], dtype=np.float64)
    each = [grams(letters(text)) for text in texts]
    sizes = np.array([len(one) for one in each], dtype=np.int64)
    flat = np.array([gram for one in each for gram in one], dtype=np.uint32)
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), sizes)
    order = np.argsort(flat, kind="stable")
    different, starts = np.unique(flat[order], return_index=True)
    return {
        **made,
        "spell_query_log": np.log(count / max(count.sum(), 1.0)).astype(np.float32),
        "spell_grams": different,
        "spell_gram_offsets": np.append(starts, len(flat)).astype(np.int64),
        "spell_gram_queries": rows[order],
        "spell_query_letters": np.minimum(sizes, 65535).astype(np.uint16),
    }
