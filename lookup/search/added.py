"""What a search knows of the items whose words are not those of the night: added ones, and those described anew."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.index import WordIndex
from lookup.retrieval.lexical.slots import NOTHING, Rows
from lookup.search.index import SearchIndex
from lookup.search.titles import Titles, title_vectors

GONE = -1
"""Owns an entry that an item no longer has."""
Texts = Mapping[int, Sequence[str]]


class AddedItems:
    """The words, titles and vectors of added items, and of the release's items that have other texts now. Immutable.

    Each stands in an entry. Entries have places behind the rows of the release; an item that is described anew gets a
    new one, and leaves its old one or its own row. `places` and `rows` lead from rows to places and back.

    texts: of each such item by its row (`lookup.search.texts`). before: an earlier one of the same index. What did not
    change since is no new work: other texts get an index of words of their own, and small ones are joined from time to
    time, so that for n items there are some log n. Once most entries are left, all are made anew.
    """

    def __init__(self, index: SearchIndex, texts: Texts, before: "AddedItems | None" = None):
        self.texts: Texts = dict(texts)
        self.parts: list[WordIndex] = []
        """Indices of words, their entries one after another, behind the rows of the release."""
        self.title_terms: list[list[int]] = []
        """The numbers of the main terms of the title of each entry (`row_of`)."""
        self._numbers: dict[str, int] = {}
        self._find, self._items = index.words.lexicon.find, index.items
        self.vectors: NDArray[np.float32] = np.zeros((0, index.encoder.dimensions), np.float32)
        """(A, E): of the titles of entries, as if they were queries."""
        self.titles: Titles = index.titles
        """Of the release's items, and of entries after them."""
        self._entries: list[Sequence[str]] = []
        self.owner: Rows = NOTHING
        """The row of the item that each entry is of, int32 (A,); `GONE` where it has another one."""
        new = list(self.texts)
        if before is not None:
            known = before.texts
            new = [row for row, text in self.texts.items() if row not in known or known[row] != text]
            left = np.isin(before.owner, [*new, *(row for row in known if row not in self.texts)])
            owner = np.where(left, np.int32(GONE), before.owner)
            if 2 * int((owner == GONE).sum()) <= len(owner) + len(new):
                self.owner, self._entries = owner, [*before._entries]
                self.parts, self.title_terms = [*before.parts], [*before.title_terms]
                self.vectors, self.titles = before.vectors, before.titles
                self._numbers = dict(before._numbers)
            else:
                new = list(self.texts)
        if new:
            first = len(self._entries)
            self._entries += [self.texts[row] for row in new]
            self.owner = np.concatenate([self.owner, np.array(new, np.int32)])
            self._add(index, first)
        live = np.flatnonzero(self.owner >= 0)
        order = np.argsort(self.owner[live])
        self._rows, self._place = self.owner[live][order], (live[order] + self._items).astype(np.int32)
        self.retold: Rows = self._rows[self._rows < self._items]
        """Rows of the release's items that have an entry, rising."""
        self._told = np.zeros(self._items + 1, bool)
        """Of each of the release's items whether it has an entry; and one more, so that none is too few."""
        self._told[self.retold] = True
        self.plain = np.array_equal(self.owner, self._items + np.arange(len(self.owner)))
        """Whether the place of every item is its row, as long as items were only added."""

    def row_of(self, term: str) -> int:
        """The number of a term: its row in the release; a number after all rows for one that only titles of entries
        have; -1 for any other.
        """
        row = self._find(term)
        return row if row >= 0 else self._numbers.get(term, -1)

    def places(self, rows: Rows) -> Rows:
        """The place of each row."""
        if self.plain or not len(self._rows):
            return rows
        at = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        return np.where(self._rows[at] == rows, self._place[at], rows).astype(np.int32)

    def rows(self, places: Rows) -> Rows:
        """The rows of items at some places, without those that are there no longer, in the order of places."""
        if self.plain:
            return places
        entry = places >= self._items
        found = places.astype(np.int32)
        found[entry] = self.owner[places[entry] - self._items]
        left = np.where(entry, found == GONE, self._told.take(places, mode="clip"))
        kept: Rows = found[~left]
        return kept

    def _add(self, index: SearchIndex, first: int) -> None:
        """Take in entries from a place on. Indices of words that are not much larger are made anew with them."""
        titles = [text[0] for text in self._entries[first:]]
        terms = [[one[0] for one in index.analyzer.terms(title) if one] for title in titles]
        for term in {term for title in terms for term in title}:
            if self.row_of(term) < 0:
                self._numbers[term] = len(index.words.lexicon) + len(self._numbers)
        self.title_terms += [[self.row_of(term) for term in title] for title in terms]
        self.titles = Titles(index.arrays, self.title_terms)
        self.vectors = np.concatenate([self.vectors, title_vectors(titles, index.analyzer, index.encoder)])
        while self.parts and self.parts[-1].postings.items <= 2 * (len(self._entries) - first):
            first -= self.parts.pop().postings.items
        self.parts.append(index.words.added(self._entries[first:], index.analyzer, first))
