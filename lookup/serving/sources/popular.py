"""Sources of popular items: of the whole shop, and of a category."""

from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.release.schema import WHOLE_SHOP
from lookup.retrieval.ranked_lists import Ranked
from lookup.serving.hit import SourceName
from lookup.serving.limits.conditions import Mask
from lookup.serving.limits.variants import popularity
from lookup.serving.request import Request, Source
from lookup.serving.session import ranked
from lookup.serving.state import State


def popular_sources(request: Request, name: SourceName = "popular") -> list[Source]:
    """The popular list of the whole shop, then all items by popularity; items added by day come last.

    name: the source's name for the hits.
    """
    state = request.state
    stored = [Source(name, lambda _: state.release.popular.top(WHOLE_SHOP, state.release_items))]
    every = Source(name, lambda n: _by_popularity(state, request.eligible_rows(), n))
    return [every] if request.opened else [*stored, every]


def category_sources(request: Request, code: int) -> list[Source]:
    """The popular list of a category, then all items that are in the category now, by popularity. code: of it."""
    state = request.state

    def stored_list(_: int) -> Ranked:
        rows, scores = state.release.popular.top(code + 1, state.release_items)
        if state.category is state.release.item_category:
            return rows, scores
        inside = _is_in(state, np.array(rows, dtype=np.int64), code).tolist()
        return list(compress(rows, inside)), list(compress(scores, inside))

    def all_items(n: int) -> Ranked:
        rows = request.eligible_rows()
        return _by_popularity(state, rows[_is_in(state, rows, code)], n)

    known = code < len(state.release.categories) and not request.opened
    stored = [Source("category", stored_list)] if known else []
    return [*stored, Source("category", all_items)]


def _by_popularity(state: State, rows: NDArray[np.int32], n: int) -> Ranked:
    return ranked(rows, popularity(state)(rows), n)


def _is_in(state: State, rows: NDArray[Any], code: int) -> Mask:
    return np.asarray((state.category.take(rows, axis=0) == code).any(axis=1))
