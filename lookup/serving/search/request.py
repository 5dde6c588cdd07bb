"""One search: what matches now, ranked or sorted, and what fills up where too little does."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ConditionError
from lookup.retrieval.lexical.slots import Rows
from lookup.search.query import Asked
from lookup.search.searcher import Searcher
from lookup.serving.conditions import Both, Condition, Price
from lookup.serving.hit import Hit, SourceName
from lookup.serving.request import Request
from lookup.serving.search import paging
from lookup.serving.search.facets import facets
from lookup.serving.search.result import SearchResult
from lookup.serving.session import UserSession
from lookup.serving.sources.popular import category_sources, popular_sources
from lookup.serving.state import State

SORTS = ("relevance", "price_up", "price_down", "newest", "popular")
RANKED = 1000
"""So many of the items that match are ranked by all features; further ones follow by their words alone."""


@dataclass(frozen=True)
class Level:
    """The items that match a query, or what is left of it after some words were given up."""

    rows: Rows
    dropped: tuple[int, ...]
    """Places of the positions that were given up."""


def bound(query: str, where: Condition | None, sort: str, without: Iterable[str]) -> str:
    """What a page token is bound to: all that changes which items a search answers with."""
    return repr((query, where, sort, sorted(without)))


class SearchRequest:
    """What one call asks for.

    searcher: over the items of the state. session: of the user, None for nobody. sort: one of `SORTS`.
    """

    def __init__(
        self,
        state: State,
        searcher: Searcher,
        asked: Asked,
        k: int,
        *,
        where: Condition | None,
        exclude: Iterable[str],
        sort: str,
        session: UserSession | None,
        arm: str | None,
    ):
        if sort not in SORTS:
            raise ConditionError(f"sort is one of {', '.join(SORTS)}, not {sort!r:.100}")
        self.state, self.searcher, self.asked, self.k, self.sort = state, searcher, asked, k, sort
        self.session, self.arm = session, arm
        price = asked.interpretation.price
        if price is not None:
            low = -np.inf if price.low is None else price.low
            within: Condition = Price(low, np.inf if price.high is None else price.high)
            where = within if where is None else Both(where, within)
        self.request = Request(state, k, exclude=exclude, pins=(), where=where, diversity=None, arm=arm)

    def answer(self, page: paging.Page | None, token: str) -> SearchResult:
        """The hits of a page; the first one where it is None. token: what the next token is bound to."""
        level = self._level()
        order, scores, counted = self._ordered(level)
        # Facets and total are of all pages.
        counted_facets = facets(self.state, counted)
        rows, scores = self._not_shown(order, scores, page)
        names = self._sources(rows[: self.k], level, set(counted.tolist()))
        for row, score, name in zip(rows[: self.k].tolist(), scores[: self.k].tolist(), names, strict=True):
            self.request._add(row, score, name)
        if page is None and len(self.request.hits) < self.k:
            self._fill()
        hits = tuple(self.request.hits)
        return SearchResult(
            hits,
            len(counted),
            counted_facets,
            self.asked.interpretation,
            self._words(level.dropped),
            self._next(page, token, hits) if len(rows) > self.k else None,
        )

    def _level(self) -> Level:
        """The items that hold every word; where there is none, words are given up, the least telling first."""
        positions, given = list(self.asked.positions), []
        for place in [-1, *self.searcher.given_up(positions)[:-1]]:
            if place >= 0:
                given.append(place)
            left = [one for at, one in enumerate(positions) if at not in given]
            rows = self._allowed(self.searcher.matches(left))
            if len(rows):
                return Level(rows, tuple(given))
        return Level(np.zeros(0, np.int32), ())

    def _allowed(self, rows: Rows) -> Rows:
        """Those rows that may be shown and satisfy what is asked, rising."""
        if not len(rows):
            return rows
        blocked = np.frombuffer(self.state.blocked, dtype=np.uint8)
        rows = rows[blocked.take(rows) == 0]
        out = self.request.excluded_rows
        if out:
            rows = rows[~np.isin(rows, list(out))]
        where = self.request.where
        return rows if where is None or not len(rows) else rows[where.holds(self.state, rows)]

    def _ordered(self, level: Level) -> tuple[Rows, NDArray[np.float32], Rows]:
        """All rows that match in the order of the hits, their scores, and those that count as matching, rising."""
        if self.sort != "relevance":
            key = self._sort_key(level.rows)
            order = np.lexsort((level.rows, key))
            return level.rows[order], np.zeros(len(order), np.float32), level.rows
        near = self._allowed(self.searcher.candidates(self.asked))
        first = level.rows
        if len(first) > RANKED:
            by_words = self.searcher.matched(self.asked, first).first
            first = np.sort(first[np.argsort(-by_words, kind="stable")[:RANKED]])
        rows = np.union1d(near, first).astype(np.int32)
        user = None if self.session is None or not len(rows) else self.session.scores(rows)
        scores = self.searcher.index.ranker.scores(self.searcher.features(self.asked, rows, user))
        order = np.lexsort((rows, -scores))
        rows, scores = rows[order], scores[order]
        rest = np.setdiff1d(level.rows, rows)
        if len(rest):
            rows = np.concatenate([rows, rest]).astype(np.int32)
            low = np.float32(scores.min() if len(scores) else 0)
            scores = np.concatenate([scores, np.full(len(rest), low, np.float32)])
        return rows, scores, level.rows

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

    def _not_shown(
        self, rows: Rows, scores: NDArray[np.float32], page: paging.Page | None
    ) -> tuple[Rows, NDArray[np.float32]]:
        if page is None or not len(page.shown):
            return rows, scores
        hashes = self.state.release.arrays["item_hash"]
        inside = rows < self.state.release_items
        numbers = np.zeros(len(rows), np.uint32)
        numbers[inside] = (hashes[rows[inside]] >> np.uint64(32)).astype(np.uint32)
        numbers[~inside] = [paging.number(self.state.id(int(row))) for row in rows[~inside]]
        left = ~np.isin(numbers, page.shown)
        return rows[left], scores[left]

    def _sources(self, rows: Rows, level: Level, matching: set[int]) -> list[SourceName]:
        """Where each hit comes from."""
        plain: SourceName = "corrected" if self.asked.interpretation.corrected else "search"
        if level.dropped:
            plain = "relaxed"
        exact = self.searcher.titles.facts(rows, self.asked.main).exact > 0
        typed = self.asked.interpretation.typed
        named = self.state.find(typed) if typed else -1
        return [
            "exact" if is_exact or row == named else plain if row in matching else "relaxed"
            for row, is_exact in zip(rows.tolist(), exact.tolist(), strict=True)
        ]

    def _fill(self) -> None:
        """Fill up with what is popular in the category that the query means, and in the shop."""
        meant = self.asked.interpretation.categories
        sources = category_sources(self.request, meant[0].row) if meant else []
        self.request.fill_results([*sources, *popular_sources(self.request)])

    def _words(self, places: tuple[int, ...]) -> tuple[str, ...]:
        words = self.asked.words
        return tuple(words[place] for place in places if place < len(words))

    def _next(self, page: paging.Page | None, token: str, hits: tuple[Hit, ...]) -> str | None:
        numbers = [paging.number(hit.item_id) for hit in hits]
        shown = numbers if page is None else np.concatenate([page.shown, np.array(numbers, np.uint32)])
        return paging.token(self.state.release.id, token, shown) if len(shown) <= paging.MOST_SHOWN else None
