"""Candidates for a query, and their scores: by words and by meaning, among the items as they are now."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.retrieval.lexical.index import WordIndex
from lookup.retrieval.lexical.slots import NOTHING, Rows
from lookup.search.added import AddedItems
from lookup.search.features import (
    KnownItems,
    Matched,
    Values,
    alike,
    means,
    names_a_brand_alone,
    price_beside,
    standard,
    table,
)
from lookup.search.index import SearchIndex
from lookup.search.query import Asked, Positions
from lookup.search.titles import InTitle

BY_WORDS, BY_MEANING = 300, 150
"""How many candidates words and meaning bring in."""
RANKED = 1000
"""So many of the items that match are ranked by all features."""
FEW = 10_000
"""Of more items that hold a word some can be shown, without a look."""
Ranking = tuple[Rows, Values]
"""Rows, best first, and their scores."""


class Searcher:
    """Searches a release and the items added since. Immutable.

    facts: of the items by row, first those of the release. added: the texts of the items after them
    (`lookup.search.texts`). retold: those of the release's items that have other texts now, by row. before: an earlier
    one of the same index, whose work on the same texts serves again. returned: rows of the release, rising, that may be
    shown now and could not at night.
    """

    def __init__(
        self,
        index: SearchIndex,
        facts: KnownItems,
        added: Sequence[Sequence[str]] = (),
        before: "Searcher | None" = None,
        returned: Rows = NOTHING,
        *,
        retold: Mapping[int, Sequence[str]] | None = None,
    ):
        self.index, self.facts, self.returned = index, facts, returned
        earlier = None if before is None or before.index is not index else before.added
        texts = {**dict(enumerate(added, index.items)), **(retold or {})}
        self.added: AddedItems = AddedItems(index, texts, earlier)
        self.parts: list[WordIndex] = [index.words, *self.added.parts]
        """Indices of words; each has the places (`AddedItems`) after those of the one before it."""
        self._stands: dict[int, bool] = {}
        same = earlier is not None and earlier.texts == self.added.texts
        if before is not None and same and np.array_equal(before.returned, returned):
            self._stands = before._stands
        self._popular = np.asarray(index.arrays["item_popular"])

    def asked(self, text: str, without: Collection[str] = ()) -> Asked:
        """A query, understood with the words of added items. As `SearchIndex.asked`."""
        return self.index.asked(text, without, self.added.parts, self.added.row_of)

    def matches(self, positions: Positions) -> Rows:
        """All rows that hold every position, rising; none for a query without words."""
        if not positions:
            return NOTHING
        return self._rows([part.postings.matches(part.slots(positions)) for part in self.parts])

    def candidates(self, asked: Asked) -> Rows:
        """Rows of the best items by words, and of those nearest in meaning, rising."""
        found = [part.postings.top(part.slots(asked.positions), BY_WORDS)[0] for part in self.parts]
        vector = asked.vector
        if vector.any():
            found.append(self.index.texts.search(vector, BY_MEANING)[0])
            if len(self.added.vectors):
                near = np.argsort(-(self.added.vectors @ vector), kind="stable")[:BY_MEANING]
                found.append((near + self.index.items).astype(np.int32))
        return self._rows([different(found)])

    def by_words(self, positions: Positions, rows: Rows) -> Values:
        """The lexical score of some rows, rising, float32 (n,): quick, for very many of them."""
        if len(self.parts) == 1:
            return self.index.words.postings.scores_of(rows, self.index.words.slots(positions))
        places = self.added.places(rows)
        order = np.argsort(places, kind="stable")
        places = places[order]
        parts = np.split(places, np.searchsorted(places, [part.postings.first for part in self.parts[1:]]))
        found = np.zeros(len(rows), np.float32)
        found[order] = np.concatenate(
            [
                part.postings.scores_of(inside, part.slots(positions))
                for part, inside in zip(self.parts, parts, strict=True)
            ]
        )
        return found

    def ranked(
        self,
        asked: Asked,
        matching: Rows,
        allowed: Callable[[Rows], Rows],
        score_for: Callable[[Rows], Values] | None = None,
    ) -> Ranking:
        """Candidates and the best matching rows by their words, ranked by all features; ties by row.

        matching: allowed rows, rising. allowed: those of some rows that are. score_for: scores of rows for a user.
        """
        if len(matching) > RANKED:
            matching = _best(matching, self.by_words(asked.positions, matching))
        rows = different([allowed(self.candidates(asked)), matching])
        user = None if score_for is None or not len(rows) else score_for(rows)
        scores = self.index.ranker.scores(self.features(asked, rows, user))
        order = np.argsort(-scores, kind="stable")
        return rows[order], scores[order]

    def stands(self, head: int) -> bool:
        """Whether the night's list of a head query has all that it should: no item with its words is new or back, none
        that is described anew holds them now and did not at night, or the reverse, and none is listed without them.

        head: the query's row.
        """
        if len(self.parts) == 1 and not len(self.returned):
            return True
        known = self._stands.get(head)
        if known is None:
            needed = self.asked(self.index.head.text(head)).needed()
            rows = self.matches(needed)
            new = len(rows) > 0 and int(rows[-1]) >= self.index.items
            retold = self.added.retold
            holds = np.isin(retold, rows)
            held = np.isin(retold, self.index.words.postings.matches(self.index.words.slots(needed)))
            near = np.isin(retold, self.index.head.lists.items[head]) & ~holds
            other = (holds != held).any() or near.any()
            known = self._stands[head] = not new and not other and not np.isin(self.returned, rows).any()
        return known

    def matched(self, asked: Asked, rows: Rows) -> Matched:
        """What of a query some rows hold."""
        rows = self.added.places(rows)
        words, held = np.zeros(len(rows), np.float32), np.zeros((len(rows), 5), np.float32)
        release = rows < self.index.items
        for part in self.parts:
            first, items = part.postings.first, part.postings.items
            inside = np.flatnonzero((rows >= first) & (rows < first + items))
            if len(inside):
                slots = part.slots(asked.positions)
                words[inside] = part.postings.scores_of(rows[inside], slots)
                held[inside] = part.postings.held(rows[inside], slots)
        most = self._most(asked.positions)
        vectors = self._vectors(rows, release)
        meaning = vectors @ asked.vector
        of_titles = self._title_meaning(rows, release, asked.vector, meaning)
        return Matched(words / np.float32(most) if most else words, held, meaning, of_titles, vectors)

    def features(self, asked: Asked, rows: Rows, user: Values | None = None) -> NDArray[np.float32]:
        """The features of some rows, float32 (n, F). user: their scores for the user, (n,), where one is known."""
        if not len(rows):
            return table({}, rows)
        matched = self.matched(asked, rows)
        title = self.title_facts(asked, rows)
        held, meant = matched.held, asked.interpretation
        vague = names_a_brand_alone(meant)
        popular, new = np.zeros(len(rows), np.float32), np.ones(len(rows), np.float32)
        release = rows < self.index.items
        popular[release], new[release] = self._popular[rows[release]], self.index.new[rows[release]]
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
            "pairs": title.pairs,
            "head": title.head,
            "meaning": np.zeros(len(rows), np.float32) if vague else matched.meaning,
            "title_meaning": np.zeros(len(rows), np.float32) if vague else matched.title_meaning,
            "alike": np.zeros(len(rows), np.float32) if vague else alike(matched),
            "category": means(meant.categories, self.facts.category.take(rows, axis=0)),
            "brand": means(meant.brands, self.facts.brand.take(rows)),
            "popular": popular,
            "price": price_beside(self.facts.price.take(rows), matched.first),
            "new": new,
            "user": standard(user, len(rows)),
        }
        return table(columns, rows)

    def title_facts(self, asked: Asked, rows: Rows) -> InTitle:
        """What of a query stands in the titles of some rows."""
        return self.added.titles.facts(self.added.places(rows), asked.main)

    def given_up(self, asked: Asked, allowed: Callable[[Rows], Rows] = lambda rows: rows) -> list[int]:
        """The places of positions in the order in which they are given up: first what no item has, then the most
        frequent one, which says least. allowed: rows of those that count.
        """

        def says(place: int) -> float:
            rows = self.matches(asked.needed([place]))
            none = len(rows) <= FEW and not len(allowed(rows))
            return -1.0 if none else self._says(asked.positions, place)

        return sorted(range(len(asked.positions)), key=lambda place: (says(place), -place))

    def _rows(self, places: Sequence[Rows]) -> Rows:
        """The rows at some places, rising."""
        found = np.concatenate(places)
        if self.added.plain:
            return found
        found = self.added.rows(found)
        found.sort()
        return found

    def _vectors(self, rows: Rows, release: NDArray[np.bool_]) -> Values:
        if release.all():
            return self.index.texts.vectors(rows)
        found = np.zeros((len(rows), self.index.encoder.dimensions), np.float32)
        found[release] = self.index.texts.vectors(rows[release])
        found[~release] = self.added.vectors[rows[~release] - self.index.items]
        return found

    def _title_meaning(self, rows: Rows, release: NDArray[np.bool_], vector: Values, meaning: Values) -> Values:
        """The cosines of a query and some titles; those of the whole texts where there are no vectors of titles, and
        for entries, of which the title is all that a vector says.
        """
        codes, scales = self.index.arrays.get("title_code"), self.index.arrays.get("title_scale")
        if codes is None or scales is None:
            return meaning
        found = meaning.copy()
        inside = rows[release]
        found[release] = (codes[inside].astype(np.float32) @ vector) * scales[inside]
        return found

    def _most(self, positions: Positions) -> float:
        """What an item can score that holds every position as well as can be."""
        return sum(max(self._says(positions, place), 0.0) for place in range(len(positions)))

    def _says(self, positions: Positions, place: int) -> float:
        said = (
            (part.postings, part.lexicon.find(term), weight) for part in self.parts for term, weight in positions[place]
        )
        return max((postings.idf(row) * weight for postings, row, weight in said if row >= 0), default=-1.0)


def different(rows: Sequence[Rows]) -> Rows:
    """The rows that are in some of several arrays, rising, each once."""
    every = np.concatenate(rows, dtype=np.int32)
    every.sort()  # quicker than np.union1d and np.unique for so few
    return every[np.append(every[1:] != every[:-1], True)] if len(every) else every


def _best(rows: Rows, scores: Values) -> Rows:
    """The `RANKED` rows with the highest scores, rising; of equal ones the first. rows: rising, more than that."""
    least = np.partition(scores, len(scores) - RANKED)[len(scores) - RANKED]
    chosen = scores > least
    equal = np.flatnonzero(scores == least)
    chosen[equal[: RANKED - int(np.count_nonzero(chosen))]] = True
    return np.compress(chosen, rows)
