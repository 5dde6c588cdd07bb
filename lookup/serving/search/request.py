"""One search: what matches now, ranked or sorted, and what fills up where too little does."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ConditionError
from lookup.lazy import lazy
from lookup.release.schema import NONE
from lookup.retrieval.lexical.slots import Rows
from lookup.retrieval.variants import count_things, first_of_each
from lookup.search.query import Asked
from lookup.search.searcher import Ranking, Searcher, different
from lookup.serving.hit import Hit, SourceName
from lookup.serving.limits.conditions import Both, Condition, Price
from lookup.serving.limits.variants import OVERFETCH
from lookup.serving.request import Request, rows_of
from lookup.serving.search import paging
from lookup.serving.search.facets import facets
from lookup.serving.search.listed import listed_hits
from lookup.serving.search.result import Facets, SearchResult
from lookup.serving.session import UserSession
from lookup.serving.sources.popular import category_sources, popular_sources
from lookup.serving.state import State
from lookup.understanding.interpreter import Interpretation

SORTS = ("relevance", "price_up", "price_down", "newest", "popular")


@dataclass(frozen=True)
class Level:
    """The items that match a query, or what is left of it after some words were given up."""

    rows: Rows
    """Rising; only those that may be shown and satisfy what is asked."""
    dropped: tuple[int, ...]
    """Places of the positions that were given up."""


class SearchRequest:
    """What one call asks for, and what its result says besides the hits.

    searcher: over the items of the state. without: parts of the understanding to switch off. sort: one of `SORTS`.
    variants: whether a group may be there more than once. session: of the user, None for nobody. page: a token; None
    for the first page. Raises ConditionError for a bad sort, and later, when they are needed first, for other
    parameters that make no sense.
    """

    def __init__(
        self,
        state: State,
        searcher: Searcher,
        query: str,
        k: int,
        *,
        without: Collection[str] = (),
        where: Condition | None = None,
        exclude: Iterable[str] = (),
        sort: str = "relevance",
        variants: bool = False,
        session: UserSession | None = None,
        arm: str | None = None,
        page: str | None = None,
    ):
        if sort not in SORTS:
            raise ConditionError(f"sort is one of {', '.join(SORTS)}, not {sort!r:.100}")
        self.state, self.searcher, self.query, self.k = state, searcher, query, k
        self.without, self.given, self.exclude, self.sort = without, where, exclude, sort
        self.session, self.arm = session, arm
        self.opened, self.collapsed = state.grouped and variants, state.grouped and not variants
        self.page = None if page is None else paging.read(page, self._bound())
        self._more: bool | None = None
        self._head = -1

    @lazy
    def asked(self) -> Asked:
        """The query, understood."""
        try:
            return self.searcher.asked(self.query, self.without)
        except ValueError as error:
            raise ConditionError(f"without: {error}") from None

    @lazy
    def where(self) -> Condition | None:
        """What is given, and the price that the query names."""
        price = self.asked.interpretation.price
        if price is None:
            return self.given
        low = -np.inf if price.low is None else price.low
        within = Price(low, np.inf if price.high is None else price.high)
        return within if self.given is None else Both(self.given, within)

    @lazy
    def excluded(self) -> Rows:
        """Rows that the caller excludes, rising."""
        rows = rows_of(self.state, self.exclude) if self.exclude != () else []
        return np.array(sorted(row for row in rows if row >= 0), np.int32)

    @lazy
    def named(self) -> int:
        """The row of the item whose id the query is, as typed or in other case ("ab-12" for "AB-12"); -1 for none."""
        typed = self.query
        if not typed.strip():
            return -1
        found = (self.state.find(one) for one in dict.fromkeys((typed, typed.upper(), typed.lower())))
        return next((row for row in found if row >= 0), -1)

    @lazy
    def matching(self) -> Level:
        """The items that hold every word, and that whose id the query is; where there is none, words are given up, the
        least telling first.
        """
        asked, given = self.asked, list[int]()
        named = self.allowed(np.array([self.named] if self.named >= 0 else [], np.int32))
        if len(named):
            return Level(different([named, self.allowed(self.searcher.matches(asked.needed()))]), ())
        rows = self.allowed(self.searcher.matches(asked.needed()))
        if len(rows):
            return Level(rows, ())
        for place in self.searcher.given_up(asked, self.allowed)[:-1]:
            given.append(place)
            left = [at for at in range(len(asked.positions)) if at not in given]
            rows = self.allowed(self.searcher.matches(asked.needed(left)))
            if len(rows):
                return Level(rows, tuple(given))
        return Level(np.zeros(0, np.int32), ())

    @lazy
    def ranked(self) -> Ranking:
        """The items that are ranked by all features, in the order of their scores."""
        score_for = None if self.session is None else self.session.scores
        rows, scores = self.searcher.ranked(self.asked, self.matching.rows, self.allowed, score_for)
        place = np.flatnonzero(rows == self.named)
        if len(place):  # what is asked for by name comes first
            order = np.concatenate([place, np.delete(np.arange(len(rows)), place)])
            rows, scores = rows[order], scores[order]
        return rows, scores

    @property
    def compared(self) -> Rows:
        """The rows of `ranked`, rising: scores are beside those of each other."""
        return np.sort(self.ranked[0])

    def answer(self) -> SearchResult:
        """The hits of the page."""
        if self.sort == "relevance" and self.page is None and not self.without and self.named < 0:
            self._head = self.searcher.index.head.find(self.query)
            hits = listed_hits(self, self._head) if self._head >= 0 else None
            if hits is not None:
                return SearchResult(tuple(hits), self, arm=self.arm)
        level, k = self.matching, self.k
        rows, scores = self._things(*(self.ranked if self.sort == "relevance" else self._sorted()))
        if len(rows) <= k and self.sort == "relevance":
            rest, low = self._rest(scores)
            rows, scores = self._things(np.concatenate([rows, rest]), np.concatenate([scores, low]))
        self._more = len(rows) > k
        first = rows[:k]
        request = Request(
            self.state,
            k,
            exclude=(),
            pins=(),
            where=self.where,
            diversity=None,
            arm=self.arm,
            variants=not self.collapsed,
        )
        request.excluded_rows.update(self.excluded.tolist())
        for row, score, name in zip(first.tolist(), scores[:k].tolist(), self._sources(first), strict=True):
            request._add(row, score, name)
        if self.page is None and len(request.hits) < k:
            self._fill(request)
        words = self.asked.words
        dropped = tuple(words[place] for place in level.dropped if place < len(words))
        return SearchResult(tuple(request.hits), self, dropped, self.arm)

    def interpretation(self) -> Interpretation:
        """What was understood."""
        return self.asked.interpretation

    def total(self) -> int:
        """How many items match, on all pages."""
        plain = not self.state.patched and self.given is None and not len(self.excluded) and not self.opened
        if self._head >= 0 and plain:
            return int(self.searcher.index.head.totals[self._head])
        return self._count(self.matching.rows)

    def facets(self) -> Facets:
        """Of all pages."""
        return facets(self.state, self.matching.rows, collapsed=self.collapsed)

    def next(self, hits: tuple[Hit, ...]) -> str | None:
        """The token for the page after the hits."""
        if self._more is None:  # of a stored list
            self._more = self._count(different([self.compared, self.matching.rows])) > len(hits)
        if not self._more:
            return None
        shown_as = [paging.number_of(hit.item_id, hit.group if self.collapsed else None) for hit in hits]
        numbers = np.array(shown_as, np.uint32)
        shown = numbers if self.page is None else np.concatenate([self.page.shown, numbers])
        if len(shown) > paging.MOST_SHOWN:
            return None
        return paging.token(self.state.release.id, self._bound(), shown)

    def allowed(self, rows: Rows) -> Rows:
        """Those of some rows, rising, that may be shown and satisfy what is asked."""
        return self._kept(rows, self.where)

    def given_rows(self, rows: Rows) -> Rows:
        """As `allowed`, whatever price the query names."""
        return self._kept(rows, self.given)

    def _kept(self, rows: Rows, where: Condition | None) -> Rows:
        if not len(rows):
            return rows
        rows = rows[np.frombuffer(self.state.blocked, dtype=np.uint8).take(rows) == 0]
        rows = _less(rows, self.excluded)
        return rows if where is None or not len(rows) else rows[where.holds(self.state, rows)]

    def _bound(self) -> str:
        """What a page token is bound to: all that changes which items a search answers with."""
        return repr((self.query, self.given, self.sort, sorted(self.without), *(["variants"] if self.opened else [])))

    def _rest(self, scores: NDArray[np.float32]) -> Ranking:
        """The items that match and were not ranked, by their words, below all others."""
        rows = _less(self.matching.rows, self.compared)
        order = np.argsort(-self.searcher.by_words(self.asked.positions, rows), kind="stable")
        return rows[order], np.full(len(rows), scores.min() if len(scores) else 0, np.float32)

    def _sorted(self) -> Ranking:
        """The first items that match by another key, enough of them for this page and to know of the next."""
        every = self.matching.rows
        every_key = self._sort_key(every)
        wanted = self.k + 1 + (0 if self.page is None else len(self.page.shown))
        n = wanted * OVERFETCH if self.collapsed else wanted
        while True:
            rows, key = every, every_key
            if n < len(every):
                first = np.flatnonzero(key <= np.partition(key, n - 1)[n - 1])
                rows, key = every[first], every_key[first]
            rows = rows[np.argsort(key, kind="stable")]
            if n >= len(every) or self._count(rows) >= wanted:
                return rows, np.zeros(len(rows), np.float32)
            n *= OVERFETCH

    def _sort_key(self, rows: Rows) -> NDArray[np.float64]:
        """What items are sorted by, the smallest first; what is unknown comes last."""
        if self.sort in ("price_up", "price_down"):
            prices = self.state.price.take(rows)
            key = prices if self.sort == "price_up" else -prices
        else:
            name = "item_day" if self.sort == "newest" else "item_popular"
            known = np.asarray(self.searcher.index.arrays[name])
            # Items of today are the newest, and nobody has bought them yet.
            added = np.inf if self.sort == "newest" else 0.0
            inside = rows < len(known)
            key = np.full(len(rows), -added)
            key[inside] = -known[rows[inside]].astype(np.float64)
        return np.where(np.isnan(key), np.inf, key)

    def _count(self, rows: Rows) -> int:
        """How many things some items are."""
        return count_things(self.state.group[rows]) if self.collapsed else len(rows)

    def _things(self, rows: Rows, scores: NDArray[np.float32]) -> Ranking:
        """Those that no page before this one showed, each group once."""
        rows, scores = self._not_shown(rows, scores)
        if not self.collapsed:
            return rows, scores
        first = first_of_each(self.state.group[rows])
        return rows[first], scores[first]

    def _not_shown(self, rows: Rows, scores: NDArray[np.float32]) -> Ranking:
        """Those that no page before this one showed."""
        if self.page is None or not len(self.page.shown):
            return rows, scores
        hashes = self.state.release.arrays["item_hash"]
        inside = rows < self.state.release_items
        numbers = np.zeros(len(rows), np.uint32)
        numbers[inside] = (hashes[rows[inside]] >> np.uint64(32)).astype(np.uint32)
        numbers[~inside] = [paging.number(self.state.id(int(row))) for row in rows[~inside]]
        if self.collapsed:
            numbers = self._group_numbers(rows, numbers)
        left = ~np.isin(numbers, self.page.shown)
        return rows[left], scores[left]

    def _group_numbers(self, rows: Rows, numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The numbers of items, and for an item with a group that of its group."""
        codes = self.state.group[rows]
        known = self.state.release.arrays["group_hash"]
        inside = (codes != NONE) & (codes < len(known))
        numbers[inside] = (known[codes[inside]] >> np.uint64(32)).astype(np.uint32) ^ np.uint32(paging.OF_GROUPS)
        for place in np.flatnonzero(codes >= len(known)):
            numbers[place] = paging.number_of("", self.state.name("group", int(codes[place])))
        return numbers

    def _sources(self, rows: Rows) -> list[SourceName]:
        """Where each hit comes from."""
        meant, level = self.asked.interpretation, self.matching
        plain: SourceName = "relaxed" if level.dropped else "corrected" if meant.corrected else "search"
        exact = self.searcher.title_facts(self.asked, rows).exact > 0
        exact |= rows == self.named
        matches = _among(rows, level.rows)
        return [
            "exact" if is_exact else plain if holds else "relaxed"
            for is_exact, holds in zip(exact.tolist(), matches.tolist(), strict=True)
        ]

    def _fill(self, request: Request) -> None:
        """Fill up with what is popular in the category that the query means, and in the shop."""
        meant = self.asked.interpretation.categories
        sources = category_sources(request, meant[0].row) if meant else []
        request.fill_results([*sources, *popular_sources(request)])


def _among(rows: Rows, known: Rows) -> NDArray[np.bool_]:
    """Which of some rows are known. known: rising."""
    if not len(known):
        return np.zeros(len(rows), bool)
    return np.equal(known[np.minimum(np.searchsorted(known, rows), len(known) - 1)], rows)


def _less(rows: Rows, gone: Rows) -> Rows:
    """Rows without those that are gone; both rising. Quick for many rows and few that are gone."""
    if not len(gone) or not len(rows):
        return rows
    place = np.searchsorted(rows, gone)
    place[place == len(rows)] = 0
    left = np.ones(len(rows), bool)
    left[place[rows[place] == gone]] = False
    return rows[left]
