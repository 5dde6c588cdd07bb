"""Sources for an item: what is similar to it, and the best of its categories."""

import numpy as np
from numpy.typing import NDArray

from lookup.release.schema import NO_ITEM, NONE
from lookup.retrieval.ranked_lists import Ranked
from lookup.serving.request import Request, Source
from lookup.serving.session import ranked
from lookup.serving.sources.popular import category_sources
from lookup.serving.state import State

CANDIDATES = 100
"""How many items around an item that was added by day are compared with it."""


def item_sources(request: Request, row: int) -> list[Source]:
    """The items similar to an item, then the best of its categories, the narrowest first. row: of the item."""
    state = request.state
    codes = [code for code in state.category[row].tolist() if code != NONE]
    of_categories = (source for code in reversed(codes) for source in category_sources(request, code))
    return [Source("similar", lambda _: _similar(state, row)), *of_categories]


def _similar(state: State, row: int) -> Ranked:
    release = state.release
    of_release = row < state.release_items
    if of_release and not state.added:
        return release.item_topk.top(row, state.release_items)
    near = release.item_topk.items[row] if of_release else release.candidates(_unbiased(state, row), CANDIDATES)
    rows = np.unique(np.concatenate([near[near != NO_ITEM], state.added_rows]).astype(np.int32))
    directions = release.encoder.directions(state.item_vectors(np.append(rows, np.int32(row))))
    return ranked(rows, directions[:-1] @ directions[-1])


def _unbiased(state: State, row: int) -> NDArray[np.float32]:
    """The vector of an item without its bias: it finds items by what they are, not by how popular they are."""
    vector = np.array(state.item_vectors(np.array([row], dtype=np.int32))[0])
    vector[-1] = 0.0
    return vector
