"""Candidates for a query, and their scores: by words and by meaning, among the items as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.index import WordIndex
from lookup.retrieval.lexical.slots import NOTHING, Rows
from lookup.search.features import ItemFacts, Matched, Values, alike, means, price_beside, standard, table
from lookup.search.index import SearchIndex
from lookup.search.query import Asked, Positions
from lookup.search.titles import Titles

BY_WORDS, BY_MEANING = 300, 150
"""How many candidates words and meaning bring in."""


@dataclass(frozen=True)
class AddedItem:
    """What a search needs of an item that was added by day."""

    texts: Sequence[str]
    """Of `lookup.retrieval.lexical.counts.FIELDS`."""


class Searcher:
    """Searches a release and the items added since. Immutable.

    facts: of the items by row, first those of the release. added: the items after them.
    """

    def __init__(self, index: SearchIndex, facts: ItemFacts, added: Sequence[AddedItem] = ()):
        self.index, self.facts = index, facts
        self.parts: list[WordIndex] = [index.words]
        titles = None
        if added:
            self.parts.append(index.words.added([one.texts for one in added], index.analyzer))
            find = index.words.lexicon.find
            titles = [[find(terms[0]) for terms in index.analyzer.terms(one.texts[0]) if terms] for one in added]
        self.titles = index.titles if titles is None else Titles(index.arrays, titles)
        self._popular = np.asarray(index.arrays["item_popular"])

    def matches(self, positions: Positions) -> Rows:
        """All rows that hold every position, rising; none for a query without words."""
        if not positions:
            return NOTHING
        return np.concatenate([part.postings.matches(part.slots(positions)) for part in self.parts])

    def candidates(self, asked: Asked) -> Rows:
        """Rows of the best items by words, and of those nearest in meaning, rising."""
        found = [part.postings.top(part.slots(asked.positions), BY_WORDS)[0] for part in self.parts]
        return np.unique(np.concatenate(found)).astype(np.int32)

    def matched(self, asked: Asked, rows: Rows) -> Matched:
        """What of a query some rows hold."""
        words, held = np.zeros(len(rows), np.float32), np.zeros((len(rows), 5), np.float32)
        release = rows < self.index.items
        for part, inside in zip(self.parts, (release, ~release), strict=False):
            if not inside.any():
                continue
            slots = part.slots(asked.positions)
            words[inside] = part.postings.scores_of(rows[inside], slots)
            held[inside] = part.postings.held(rows[inside], slots)
        most = self._most(asked.positions)
        none = np.zeros((len(rows), 0), np.float32)
        return Matched(words / np.float32(most) if most else words, held, np.zeros(len(rows), np.float32), none)

    def features(self, asked: Asked, rows: Rows, user: Values | None = None) -> NDArray[np.float32]:
        """The features of some rows, float32 (n, F). user: their scores for the user, (n,), where one is known."""
        if not len(rows):
            return table({}, rows)
        matched = self.matched(asked, rows)
        title = self.titles.facts(rows, asked.main)
        held, meant = matched.held, asked.interpretation
        popular = np.zeros(len(rows), np.float32)
        release = rows < self.index.items
        popular[release] = self._popular[rows[release]]
        columns = {
            "words": matched.words,
            "title": held[:, 0],
            "brand_words": held[:, 1],
            "category_words": held[:, 2],
            "attributes": held[:, 3],
            "description": held[:, 4],
            "whole": (held[:, 0] > 0.999).astype(np.float32),
            "phrase": title.phrase,
            "exact": title.exact,
            "early": title.early,
            "brief": title.brief,
            "meaning": matched.meaning,
            "alike": alike(matched),
            "category": means(meant.categories, self.facts.category.take(rows, axis=0)),
            "brand": means(meant.brands, self.facts.brand.take(rows)),
            "popular": popular,
            "price": price_beside(self.facts.price.take(rows), matched.first),
            "user": standard(user, len(rows)),
        }
        return table(columns, rows)

    def given_up(self, positions: Positions) -> list[int]:
        """The places of positions in the order in which they are given up: first what no item has, then the most
        frequent one, which says least.
        """
        return sorted(range(len(positions)), key=lambda place: (self._says(positions, place), -place))

    def _most(self, positions: Positions) -> float:
        """What an item can score that holds every position as well as can be."""
        return sum(max(self._says(positions, place), 0.0) for place in range(len(positions)))

    def _says(self, positions: Positions, place: int) -> float:
        lexicon, postings = self.index.words.lexicon, self.index.words.postings
        rows = ((lexicon.find(term), weight) for term, weight in positions[place])
        return max((postings.idf(row) * weight for row, weight in rows if row >= 0), default=-1.0)
