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
        """The rows of the main terms of each title; -1 for a term that the release does not know."""
        self.vectors: NDArray[np.float32] = np.zeros((0, index.encoder.dimensions), np.float32)
        """(A, E): of the titles, as if they were queries."""
        self.titles: Titles = index.titles
        """Of the release's items, and of these after them."""
        known = 0
        if before is not None and before.texts == self.texts[: len(before.texts)]:
            known = len(before.texts)
            self.parts, self.title_terms = [*before.parts], [*before.title_terms]
            self.vectors, self.titles = before.vectors, before.titles
        if known < len(self.texts):
            self._add(index, known)

    def _add(self, index: SearchIndex, first: int) -> None:
        """Take in the items from a place on. Indices of words that are not much larger are made anew with them."""
        titles, find = [text[0] for text in self.texts[first:]], index.words.lexicon.find
        self.title_terms += [[find(one[0]) for one in index.analyzer.terms(title) if one] for title in titles]
        self.titles = Titles(index.arrays, self.title_terms)
        words = ([token.text for token in index.analyzer.tokens(title)] for title in titles)
        self.vectors = np.concatenate([self.vectors, [index.encoder.vector(one) for one in words]], dtype=np.float32)
        while self.parts and self.parts[-1].postings.items <= 2 * (len(self.texts) - first):
            first -= self.parts.pop().postings.items
        self.parts.append(index.words.added(self.texts[first:], index.analyzer, first))
