"""Sources for a user with a history: the precomputed list, and items scored by the user's vector of now."""

import numpy as np
from numpy.typing import NDArray

from lookup.release.reader import Release
from lookup.release.schema import NO_ITEM
from lookup.release.shards.users import Users
from lookup.retrieval.ranked_lists import Ranked, RankedLists
from lookup.serving.request import ALL, Request, Source
from lookup.serving.rerank import rerank_delta
from lookup.serving.session import UserSession, ranked
from lookup.serving.state import State

CANDIDATES = 100
"""How many items around the user's vector are scored exactly, at least."""
NOTHING: Ranked = ([], [])


def stored_lists(release: Release, users: Users, seen: bool) -> tuple[RankedLists | None, bool]:
    """The precomputed lists to answer from, and whether all their items may be shown, seen or not.

    users: of the user's shard. seen: whether the hits may have items of the user's history. None where the night made
    no list with them.
    """
    if release.manifest.bought != "include":
        return (None, False) if seen else (users.topk, True)
    if seen:
        return users.topk, True
    made = users.unseen.items.shape[1] > 0  # older releases have none
    return (users.unseen, True) if made else (users.topk, False)


def user_sources(request: Request, session: UserSession, lists: RankedLists | None) -> list[Source]:
    """The sources for a user: the precomputed list, the next one where it goes on from there, the best candidates, and
    all items.

    lists: those with the user's list; None where it stands no more.
    """

    def reranked(rows: NDArray[np.int32], scores: NDArray[np.float32], n: int | None = None) -> Ranked:
        return ranked(rows, scores + rerank_delta(session, rows, scores), n)

    def stored(lists: RankedLists) -> Ranked:
        if not request.state.added and stands_as_ranked(request.state, lists, session.row):
            return lists.top(session.row, ALL)
        return reranked(*_stored_and_added(session, lists))

    def best_candidates(n: int) -> Ranked:
        return reranked(*session.best(max(n + len(request.excluded_rows), CANDIDATES)))

    def all_items(n: int) -> Ranked:
        rows = request.eligible_rows()
        return reranked(rows, session.scores(rows), n)

    computed = [Source("session", best_candidates), Source("session", all_items)]
    if lists is None:
        return computed
    more = Source("list", lambda _: stored(session.users.unseen) if goes_on(session, lists) else NOTHING)
    return [Source("list", lambda _: stored(lists)), more, *computed]


def stands_as_ranked(state: State, lists: RankedLists, row: int) -> bool:
    """Whether the items of a user's list are still in the order of the night: none is repriced. row: of the user."""
    return not state.has_repriced or not state.repriced[lists.items[row]].any()


def outranks(state: State, users: Users, row: int, score: float) -> bool:
    """Whether an item that was added by day scores more than this for a user without new events. row: of the user."""
    return bool(state.added) and float((state.added_vectors @ users.vector[row]).max()) > score


def _stored_and_added(session: UserSession, lists: RankedLists) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """A precomputed list, and after it the items added by day that score no less than its last item."""
    state = session.state
    listed, values = lists.items[session.row], lists.scores[session.row]
    there = listed != NO_ITEM
    listed, values = listed[there], values[there]
    scores = state.added_vectors @ session.users.vector[session.row]
    added = scores >= (values[-1] if len(values) else np.inf)
    return np.concatenate([listed, state.added_rows[added]]), np.concatenate([values, scores[added]])


def goes_on(session: UserSession, lists: RankedLists) -> bool:
    """Whether the list of what the user never had continues the user's list: that one has all that the user had."""
    release, rows = session.state.release, session.night_history.rows
    if lists is not session.users.topk or len(rows) >= release.manifest.max_history:  # then the user had more, perhaps
        return False
    return bool(np.isin(rows, lists.items[session.row]).all())
