"""Which tokens a query encoder has: a shop's words, its frequent pairs of words, and pieces for all other words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from string import ascii_lowercase, digits
from typing import Any

from lookup.scoring.query_encoder import BETWEEN, INSIDE, LONGEST_PIECE, piece_rows

SHORTEST = 3
"""Letters of the shortest word of the language."""


def choose_tokens(
    texts: Sequence[Sequence[str]], pieces: Iterable[str], *, least: int = 2, least_pairs: int = 30
) -> list[str]:
    """Return the tokens, sorted.

    texts: titles and, where there are some, queries, as lists of words. pieces: those of the transformer
    (`pieces_of`); only what the texts' own words split into is kept, and every letter and digit of the texts. least:
    texts that a word must be in. least_pairs: texts that a pair of neighbours must be in.
    """
    words = Counter(word for text in texts for word in set(text))
    pairs = Counter(pair for text in texts for pair in {BETWEEN.join(both) for both in pairwise(text)})
    known = [piece for piece in pieces if len(piece.removeprefix(INSIDE)) <= LONGEST_PIECE]
    letters = {*ascii_lowercase, *digits}.union(*words) if words else {*ascii_lowercase, *digits}
    known += [mark + letter for letter in sorted(letters) for mark in ("", INSIDE)]
    known = list(dict.fromkeys(known))
    rows = {piece: row for row, piece in enumerate(known)}
    used = {row for word in words for row in piece_rows(word, lambda piece: rows.get(piece, -1))}
    chosen = {known[row] for row in used} | {mark + letter for letter in letters for mark in ("", INSIDE)}
    chosen |= {word for word, times in words.items() if times >= least}
    chosen |= {pair for pair, times in pairs.items() if times >= least_pairs}
    return sorted(chosen)


def language_words(pieces: Iterable[str]) -> list[str]:
    """Return the pieces that are whole words of letters, as words of the language that the transformer learned from.

    Shorter ones than three letters are left out: too many of them are only beginnings.
    """
    return sorted(piece for piece in pieces if len(piece) >= SHORTEST and piece.isalpha() and piece == piece.lower())


def pieces_of(tokenizer: Any) -> list[str]:
    """Return the pieces of a Hugging Face tokenizer; none for one that does not mark what goes on within a word by
    `INSIDE`. A word then splits into its letters."""
    vocabulary = tokenizer.get_vocab()
    special = set(tokenizer.all_special_tokens)
    marked = any(piece.startswith(INSIDE) and len(piece) > len(INSIDE) for piece in vocabulary)
    return sorted(piece for piece in vocabulary if piece not in special) if marked else []
