"""Texts with the item that each asks for: of a log, of what is bought together, or of titles made worse.

A title is made worse as shoppers type it: words dropped, cut short or misspelt, or replaced by a synonym of the shop.
"""

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np

FEWEST, MOST = 1, 5
"""Words that are left of a title."""
CUT, MISSPELT, REPLACED = 0.05, 0.05, 0.3
"""How often a word is cut short; misspelt; replaced, where it has synonyms."""
SHORTEST = 5
"""Letters of a word that may be cut short or misspelt."""


LOG, TOGETHER, TITLES = "log", "together", "titles"
"""Where a pair is from: what a shopper searched for and took; what is bought on one day; a title made worse."""


class Pair(NamedTuple):
    """A text and the item it asks for."""

    query: str
    item: int
    """The row of the item."""
    source: str = TITLES
    own: int = -1
    """The row of the item whose title the text is, which is then neither wanted nor wrong; -1 for none."""


def worse_titles(
    titles: Sequence[Sequence[str]], each: int, seed: int, synonyms: Mapping[str, Sequence[str]] | None = None
) -> list[Pair]:
    """Return `each` worse forms of every title that has words, as pairs with its row.

    titles: lists of words. synonyms: of a word, one-way.
    """
    rng = np.random.default_rng(seed)
    return [
        Pair(worse(title, rng, synonyms or {}), row) for row, title in enumerate(titles) if title for _ in range(each)
    ]


def worse(title: Sequence[str], rng: np.random.Generator, synonyms: Mapping[str, Sequence[str]]) -> str:
    """Return a title as a shopper may type it: 1 to 5 of its words in order, some of them changed."""
    count = min(len(title), int(rng.integers(FEWEST, MOST + 1)))
    places = np.sort(rng.choice(len(title), count, replace=False)).tolist()
    return " ".join(_changed(title[place], rng, synonyms) for place in places)


def _changed(word: str, rng: np.random.Generator, synonyms: Mapping[str, Sequence[str]]) -> str:
    drawn = rng.random(3)
    known = synonyms.get(word, ())
    if known and drawn[0] < REPLACED:
        return known[int(rng.integers(len(known)))]
    if len(word) < SHORTEST or not word.isalpha():  # a model number with another letter is another model
        return word
    if drawn[1] < CUT:
        return word[: int(rng.integers(3, len(word)))]
    return misspelt(word, rng) if drawn[2] < MISSPELT else word


def misspelt(word: str, rng: np.random.Generator) -> str:
    """Return a word of two letters or more with one letter dropped, doubled, swapped with the next or replaced."""
    place = int(rng.integers(len(word) - 1))
    before, letter, following, after = word[:place], word[place], word[place + 1], word[place + 2 :]
    other = ascii_lowercase[int(rng.integers(len(ascii_lowercase)))]
    changed = (following, letter + letter + following, following + letter, other + following)
    return before + changed[int(rng.integers(len(changed)))] + after
