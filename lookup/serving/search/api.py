"""The calls of a shop that search. What they need is loaded with the first release that has a search index."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from lookup.errors import ReleaseError
from lookup.serving.limits.conditions import Condition, Mask, condition
from lookup.serving.live import Calls
from lookup.serving.request import hits_wanted
from lookup.serving.session import UserSession, read_user
from lookup.serving.state import State

if TYPE_CHECKING:
    from lookup.search.searcher import Searcher
    from lookup.serving.search.explain import SearchExplanation
    from lookup.serving.search.result import SearchResult
    from lookup.serving.search.suggest import Suggested

LONGEST_QUERY = 10_000
"""Characters; of a longer query nothing is read."""


def load() -> None:
    """Import what calls that search need. The first one does not wait for it, and no process forks meanwhile."""
    import lookup.serving.search.explain
    import lookup.serving.search.request
    import lookup.serving.search.suggest
    import lookup.serving.search.texts_now  # noqa: F401


class SearchApi(Calls):
    """The part of a shop that searches.

    Queries are any text. All calls raise TypeError for what is no text, ReleaseError where the release that serves has
    no search index, and as `Shop` says for the parameters that they share with other calls.
    """

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        user: str | None = None,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        sort: str = "relevance",
        without: Collection[str] = (),
        variants: bool = False,
        page: str | None = None,
        at: datetime | int | None = None,
    ) -> "SearchResult":
        """Find the `k` items that a query means, best first.

        user: whose taste counts too, where this host knows the user. sort: "relevance", "price_up", "price_down",
        "newest" or "popular"; what is unknown comes last. without: parts of the understanding to switch off
        (`lookup.understanding.interpreter.PARTS`). variants: whether each variant of a thing is a hit, and counts, by
        itself. page: the `next` of the result before. Others: see `Shop`.

        Candidates are items that hold the query's words, and items near to it in meaning; hidden and sold-out ones
        never. Where no item holds all words, the least telling ones are given up ("relaxed"). What is popular in the
        category that the query means, and then in the shop, fills up the first page. Each hit names its source.

        Raises ConditionError for a bad `sort`, `without` or `page`.
        """
        from lookup.serving.search.request import SearchRequest

        state, searcher, arm, now = self._searching(query, user, at)
        return SearchRequest(
            state,
            searcher,
            query[:LONGEST_QUERY],
            hits_wanted(k),
            without=(without,) if isinstance(without, str) else without,
            where=None if where is None else condition(where),
            exclude=exclude,
            sort=sort,
            variants=variants,
            session=None if user is None else self._session(state, user, now),
            arm=arm,
            page=page,
        ).answer()

    def suggest(
        self, prefix: str, k: int = 8, *, kinds: Collection[str] | None = None, at: datetime | int | None = None
    ) -> "list[Suggested]":
        """Complete what a shopper has typed so far: up to `k` queries, categories, brands and items, best first.

        kinds: those that are wanted, of "query", "category", "brand" and "item"; None: all. Hidden and sold-out items
        are left out. An empty prefix gives what is popular. Raises ConditionError for an unknown kind.
        """
        from lookup.serving.search.suggest import suggest

        state, searcher, _, _ = self._searching(prefix, None, at)
        return suggest(state, searcher, prefix, hits_wanted(k), kinds)

    def explain_search(
        self, query: str, item: str, *, user: str | None = None, at: datetime | int | None = None
    ) -> "SearchExplanation":
        """Take apart the score of an item for a query: what each feature gives, which add up to it.

        Raises KeyError for an unknown item. Others: see `search`.
        """
        from lookup.serving.search.explain import explain
        from lookup.serving.search.request import SearchRequest

        state, searcher, _, now = self._searching(query, user, at)
        session = None if user is None else self._session(state, user, now)
        return explain(SearchRequest(state, searcher, query[:LONGEST_QUERY], 1, session=session), item)

    def _session(self, state: State, user: str, now: int) -> UserSession | None:
        """What is known of a user; None where that is nothing, and where another host serves the user's shard."""
        users, row, events = read_user(self._live, state, user, now)
        return UserSession(state, users, row, now, events) if users is not None and (row >= 0 or events) else None

    def _searching(
        self, text: str, user: str | None, at: datetime | int | None
    ) -> "tuple[State, Searcher, str | None, int]":
        if not isinstance(text, str):
            raise TypeError(f"a query is text (str), not {type(text).__name__}: {text!r:.100}")
        state, arm, now = self._state(user, at)
        searcher = state.searcher
        if searcher is None:
            raise ReleaseError(
                f"release {state.release.id} has no search index: it was built without one, or before there was one; "
                "switch on [search] in daybreak.toml, and run a night"
            )
        return state, searcher, arm, now
