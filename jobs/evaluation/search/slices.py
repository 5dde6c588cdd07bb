"""Slices of judged queries, and queries with a wrong letter."""

from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from lookup.search.index import SearchIndex

RARE = 0.001
"""A rare word is in at most this share of the items, or in `FEW` of them."""
FEW = 5
SHORTEST = 5
"""Letters of the shortest query that gets a wrong letter."""
SLICES = ("one word", "several words", "with a number", "with a brand", "misspelt", "rare")


def slices(index: SearchIndex, queries: Sequence[str], brands: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Which queries are of each of `SLICES`, bool (n,).

    With a brand: its name, of any of the table, stands in the query. Misspelt: the index corrects it. Rare: one of its
    words is in few items or in none.
    """
    named = [[token.text for token in index.analyzer.tokens(brand)] for brand in brands]
    made: dict[str, list[bool]] = {name: [] for name in SLICES}
    most = max(FEW, RARE * index.items)
    for query in queries:
        asked = index.asked(query)
        words = [token.text for token in index.analyzer.tokens(query)]
        made["one word"].append(len(words) == 1)
        made["several words"].append(len(words) > 1)
        made["with a number"].append(any(char.isdigit() for char in query))
        made["with a brand"].append(any(_inside(name, words) for name in named))
        made["misspelt"].append(bool(asked.interpretation.corrected))
        rows = [index.words.lexicon.find(position[0][0]) for position in asked.positions if position]
        # The fewer items a word is in, the larger is its idf: `log1p((N - df + .5) / (df + .5))`.
        rare = np.log1p((index.items - most + 0.5) / (most + 0.5))
        made["rare"].append(any(row < 0 or index.words.postings.idf(row) >= rare for row in rows))
    return {name: np.array(values, bool) for name, values in made.items()}


def _inside(name: list[str], words: list[str]) -> bool:
    return bool(name) and any(words[at : at + len(name)] == name for at in range(len(words) - len(name) + 1))


def misspelt(query: str, random: np.random.Generator) -> str | None:
    """A query with one wrong letter: changed, left out, put in, or swapped with the next; None for a short one."""
    places = [at for at, char in enumerate(query) if char.isalpha()]
    if len(places) < SHORTEST:
        return None
    at = int(random.choice(places))
    letter = str(random.choice([one for one in ascii_lowercase if one != query[at].lower()]))
    before, wrong, after = query[:at], query[at], query[at + 1 :]
    kinds = [before + letter + after, before + after, before + letter + wrong + after]
    if after[:1].isalpha() and after[0] != wrong:
        kinds.append(before + after[0] + wrong + after[1:])
    return kinds[int(random.integers(len(kinds)))]
