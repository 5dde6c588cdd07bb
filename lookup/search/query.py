"""From a query that is understood to what the index is asked for: slots, and the words of the semantic part."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.index import WordIndex
from lookup.scoring.query_encoder import QueryEncoder
from lookup.text.analyzer import Analyzer
from lookup.text.chunks import Kind
from lookup.understanding.interpreter import Interpretation
from lookup.understanding.spelling import katakana

WEAK = 0.4
"""What a part of a code, or the bare number of a size, counts beside the whole."""
COMPLETED = 0.6
"""What a word counts that begins with the last word typed, where no item has that word itself."""
COMPLETIONS = 16
SHORTEST_PREFIX = 2
UNFINISHED = -3.0
"""Log of how often the last word of a query is not finished."""

RowOf = Callable[[str], int]
"""From a term to its row, or a negative number."""
Positions = list[list[tuple[str, float]]]
"""Of each position of a query the terms that may stand there, with their weights."""


@dataclass(frozen=True)
class Asked:
    """What the index is asked for."""

    interpretation: Interpretation
    positions: Positions
    parts: tuple[tuple[str, ...], ...]
    """Of each position the terms that stand for it only together."""
    main: tuple[int, ...]
    """The row of each position's main term; -1 for an unknown one."""
    words: tuple[str, ...]
    """The words as written, for the vector of the query."""
    vector: NDArray[np.float32]
    """Of the words, float32 (E,), of length 1; zeros where nothing of it is known."""

    def needed(self, places: Iterable[int] | None = None) -> Positions:
        """What an item must hold to match, one term of each; by places of positions, by default all.

        For a code that is the code, or all of its parts: an item with one of them is another one.
        """
        found: Positions = []
        for place in range(len(self.positions)) if places is None else places:
            parts, terms = self.parts[place], self.positions[place]
            whole = [one for one in terms if one[0] not in parts]
            found += [[*whole, (part, WEAK)] for part in parts] or [terms]
        return found


def right_words(
    text: str, analyzer: Analyzer, parts: Sequence[WordIndex], knows: Callable[[str], bool]
) -> dict[str, float]:
    """Words of a query that may be right though no dictionary has them, with the log of how likely each is meant: those
    of added items and words in katakana whose characters some item holds are (0), and a last word that no item has may
    be the beginning of what the shopper means.

    parts: the index of the release, and that of added items. knows: whether the dictionary has a word.
    """
    query = analyzer.query(text)
    right = {
        run: 0.0
        for run in katakana.unknown(query.tokens, knows)
        if any(
            len(part.postings.matches(part.slots([[(term, 1.0)] for term, *_ in analyzer.query(run)])))
            for part in parts
        )
    }
    for token, terms in zip(query.tokens, query, strict=False) if len(parts) > 1 else ():
        if any(part.lexicon.find(term) >= 0 for part in parts[1:] for term in terms):
            right[token.text] = 0.0
    prefix = query.prefix
    if len(prefix) >= SHORTEST_PREFIX and not any(part.lexicon.find(term) >= 0 for part in parts for term in query[-1]):
        share = parts[0].lexicon.share(prefix)
        if share:
            right[prefix] = min(log(share) + UNFINISHED, -1e-9)
    return right


def other_forms(text: str, analyzer: Analyzer, index: WordIndex, knows: Callable[[str], bool]) -> dict[str, str]:
    """Words of a query that the dictionary lacks but that find items by their stem, each with a form that it has:
    "berry" where the shop writes "berries".
    """
    query = analyzer.query(text)
    return {
        token.text: form
        for token, terms in zip(query.tokens, query, strict=False)
        if token.kind == Kind.WORD and not knows(token.text) and (form := index.lexicon.form(terms[0]))
    }


def asked(
    interpretation: Interpretation, analyzer: Analyzer, index: WordIndex, encoder: QueryEncoder, row_of: RowOf
) -> Asked:
    """What to ask an index for. Synonyms stand beside the words that they are for; weaker forms count less.

    row_of: the number of a main term, also of added items.
    """
    query = analyzer.query(interpretation.text)
    positions: Positions = [[(term, 1.0) for term in strong] for strong in query]
    for place, weak in enumerate(query.weak[: len(positions)]):
        positions[place] += [(term, WEAK) for term in weak]
    _add_synonyms(positions, interpretation, analyzer)
    if query.prefix and positions:
        _complete(positions, query.prefix, index)
    main = tuple(row_of(strong[0]) if strong else -1 for strong in query)
    words = tuple(token.text for token in query.tokens)
    parts = tuple(map(tuple, query.parts))
    return Asked(interpretation, positions, parts, main, words, encoder.vector(words))


def _add_synonyms(positions: Positions, interpretation: Interpretation, analyzer: Analyzer) -> None:
    for synonym in (*interpretation.synonyms, *interpretation.guesses):
        places = range(synonym.first, min(synonym.end, len(positions)))
        if not places:
            continue
        words = [token.text for token in analyzer.tokens(synonym.instead)]
        # Several words are a compound since the night: only an item where they follow one another holds its term.
        instead = analyzer.term(words)
        for place in places:
            if all(term != instead for term, _ in positions[place]):
                positions[place].append((instead, synonym.weight))


def _complete(positions: Positions, prefix: str, index: WordIndex) -> None:
    last = positions[-1]
    if len(prefix) < SHORTEST_PREFIX or any(index.lexicon.find(term) >= 0 for term, _ in last):
        return
    for completion in index.lexicon.completions(prefix, COMPLETIONS):
        term = index.lexicon.term(completion.term)
        if all(term != known for known, _ in last):
            last.append((term, COMPLETED))
