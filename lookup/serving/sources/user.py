"""Sources for a user with a history: the precomputed list, and items scored by the user's vector of now."""

import numpy as np
from numpy.typing import NDArray

from lookup.release.schema import NO_ITEM
from lookup.retrieval.ranked_lists import Ranked
from lookup.serving.request import Request, Source
from lookup.serving.rerank import rerank_delta
from lookup.serving.session import UserSession, ranked
from lookup.serving.state import State

CANDIDATES = 100
"""How many items around the user's vector are scored exactly, at least."""


def user_sources(request: Request, session: UserSession, listed: bool) -> list[Source]:
    """The sources for a user: the precomputed list, the best candidates, and all items.

    listed: whether the precomputed list still stands.
    """

    def reranked(rows: NDArray[np.int32], scores: NDArray[np.float32], n: int | None = None) -> Ranked:
        return ranked(rows, scores + rerank_delta(session, rows, scores), n)

    def best_candidates(n: int) -> Ranked:
        return reranked(*session.best(max(n + len(request.excluded_rows), CANDIDATES)))

    def all_items(n: int) -> Ranked:
        rows = request.eligible_rows()
        return reranked(rows, session.scores(rows), n)

    computed = [Source("session", best_candidates), Source("session", all_items)]
    return [Source("list", lambda _: reranked(*_precomputed(session))), *computed] if listed else computed


def stands_as_ranked(state: State, row: int) -> bool:
    """Whether a user's list is still as the night ranked it: no item was added, and none of the list is repriced.

    row: of the user.
    """
    if state.added:
        return False
    return not state.has_repriced or not state.repriced[state.release.user_topk.items[row]].any()


def _precomputed(session: UserSession) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The precomputed list, and after it the items added by day, with scores by the vector of the night."""
    state, release = session.state, session.state.release
    listed, values = release.user_topk.items[session.row], release.user_topk.scores[session.row]
    there = listed != NO_ITEM
    scores = state.added_vectors @ release.user_vector[session.row]
    return np.concatenate([listed[there], state.added_rows]), np.concatenate([values[there], scores])
