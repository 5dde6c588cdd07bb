"""What a search knows of the items that were added since the night."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.index import WordIndex
from lookup.search.index import SearchIndex
from lookup.search.titles import Titles


class AddedItems:
    """The words, titles and vectors of added items. Immutable.

    texts: of each item (`lookup.search.texts`). before: an earlier one of the same index. Where its items are the first
    of these, only the others are new work: they get an index of words of their own, and small ones are joined from time
    to time, so that of n items there are some log n.
    """

    def __init__(self, index: SearchIndex, texts: Sequence[Sequence[str]], before: "AddedItems | None" = None):
        self.texts: list[Sequence[str]] = list(texts)
        self.parts: list[WordIndex] = []
        """Indices of words, their rows one after another, behind those of the release."""
        self.title_terms: list[list[int]] = []
        """The numbers of the main terms of each title (`row_of`)."""
        self._numbers: dict[str, int] = {}
        self._find = index.words.lexicon.find
        self.vectors: NDArray[np.float32] = np.zeros((0, index.encoder.dimensions), np.float32)
        """(A, E): of the titles, as if they were queries."""
        self.titles: Titles = index.titles
        """Of the release's items, and of these after them."""
        known = 0
        if before is not None and before.texts == self.texts[: len(before.texts)]:
            known = len(before.texts)
            self.parts, self.title_terms = [*before.parts], [*before.title_terms]
            self.vectors, self.titles = before.vectors, before.titles
            self._numbers = dict(before._numbers)
        if known < len(self.texts):
            self._add(index, known)

    def row_of(self, term: str) -> int:
        """The number of a term: its row in the release; a number after all rows for one that only titles of added items
        have; -1 for any other.
        """
        row = self._find(term)
        return row if row >= 0 else self._numbers.get(term, -1)

    def _add(self, index: SearchIndex, first: int) -> None:
        """Take in the items from a place on. Indices of words that are not much larger are made anew with them."""
        titles = [text[0] for text in self.texts[first:]]
        terms = [[one[0] for one in index.analyzer.terms(title) if one] for title in titles]
        for term in {term for title in terms for term in title}:
            if self.row_of(term) < 0:
                self._numbers[term] = len(index.words.lexicon) + len(self._numbers)
        self.title_terms += [[self.row_of(term) for term in title] for title in terms]
        self.titles = Titles(index.arrays, self.title_terms)
        words = ([token.text for token in index.analyzer.tokens(title)] for title in titles)
        self.vectors = np.concatenate([self.vectors, [index.encoder.vector(one) for one in words]], dtype=np.float32)
        while self.parts and self.parts[-1].postings.items <= 2 * (len(self.texts) - first):
            first -= self.parts.pop().postings.items
        self.parts.append(index.words.added(self.texts[first:], index.analyzer, first))
