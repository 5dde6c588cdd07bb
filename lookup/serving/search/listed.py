"""Hits from the stored list of a head query, with what is true now: stock, prices and conditions, and the user."""

from typing import TYPE_CHECKING

import numpy as np

from lookup.release.schema import NO_ITEM
from lookup.retrieval.variants import first_of_each
from lookup.search.features import standard
from lookup.search.ranker import NAMES
from lookup.serving.hit import Hit
from lookup.serving.limits.variants import make_hit
from lookup.serving.request import stored_hits

if TYPE_CHECKING:
    from lookup.serving.search.request import SearchRequest

USER = NAMES.index("user")


def listed_hits(request: "SearchRequest", row: int) -> list[Hit] | None:
    """The hits of a first page by relevance, from the list of a head query; None where the list cannot give them.

    The list has all variants, of which the first that is kept is shown.

    That is where an item that holds the query's words was added since, or came back, and where fewer than `k` of the
    list are left. A known user moves the stored scores by as much as the ranker weighs the user's taste.
    """
    if not request.searcher.stands(row):
        return None
    state, k, lists = request.state, request.k, request.searcher.index.head.lists
    if request.given is None and request.session is None and not len(request.excluded):
        hits = stored_hits(state, k, lists, row, name="list", arm=request.arm, variants=not request.collapsed)
        return hits if len(hits) == k else None
    items = lists.items[row]
    there = items != NO_ITEM
    order = np.argsort(items[there])
    rows = items[there][order]
    kept = request.given_rows(rows)
    if len(kept) < k:
        return None
    scores = lists.scores[row][there][order][np.searchsorted(rows, kept)]
    if request.session is not None:
        weight = request.searcher.index.ranker.weights[USER]
        scores = scores + weight * standard(request.session.scores(kept), len(kept))
    best = np.lexsort((kept, -scores))
    if request.collapsed:
        best = best[first_of_each(state.group[kept[best]])]
        if len(best) < k:
            return None
    best = best[:k]
    return [
        make_hit(state, item, score, "list", request.arm)
        for item, score in zip(kept[best].tolist(), scores[best].tolist(), strict=True)
    ]
