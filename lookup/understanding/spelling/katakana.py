"""Words in katakana: foreign words, which are misspelt as others are, though no blank divides them."""

import re
from collections.abc import Callable, Sequence

from lookup.text.analyzer import Token, runs
from lookup.text.chunks import Kind

LONGEST = 40
"""Characters of a run; a longer one stays pairs of characters."""
SHORTEST_PART = 2
_WORD = re.compile("[\u30a1-\u30fa\u30fc]{4,}")
"""Shorter ones are too like one another."""


def unknown(tokens: Sequence[Token], knows: Callable[[str], bool]) -> list[str]:
    """The runs in katakana that are neither a known word nor made of known words.

    Empty where nothing in katakana is known: knows is asked for each part.
    """
    return [
        run
        for _, run in runs(tokens)
        if len(run) <= LONGEST and _WORD.fullmatch(run) and not _made_of_known(run, knows)
    ]


def with_words(tokens: Sequence[Token], knows: Callable[[str], bool]) -> list[Token]:
    """The tokens of a text with one word in place of the pairs of characters of each such run."""
    words = set(unknown(tokens, knows))
    if not words:
        return list(tokens)
    found = {start: Token(run, start, start + len(run), Kind.WORD) for start, run in runs(tokens) if run in words}
    kept = [token for token in tokens if not any(one.start <= token.start < one.end for one in found.values())]
    return sorted([*kept, *found.values()], key=lambda token: token.start)


def _made_of_known(run: str, knows: Callable[[str], bool]) -> bool:
    ends = {0}
    for end in range(SHORTEST_PART, len(run) + 1):
        if any(start in ends and knows(run[start:end]) for start in range(end - SHORTEST_PART + 1)):
            ends.add(end)
    return len(run) in ends
