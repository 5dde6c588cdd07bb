"""Sources for an item: what is similar to it, and the best of its categories."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookup.release.schema import NO_ITEM, NONE
from lookup.retrieval.ranked_lists import Ranked
from lookup.retrieval.variants import NO_GROUP
from lookup.scoring.parts import LOOK
from lookup.serving.request import Request, Source
from lookup.serving.session import ranked
from lookup.serving.sources.popular import category_sources
from lookup.serving.state import State

CANDIDATES = 100
"""How many items around an item that was added by day are compared with it."""


def item_sources(request: Request, row: int, by: str | None = None) -> list[Source]:
    """The items similar to an item, then the best of its categories, the narrowest first.

    row: of the item. by: the part of the vectors that tells what is similar; None: all of them alike.
    """
    state = request.state
    codes = [code for code in state.category[row].tolist() if code != NONE]
    of_categories = (source for code in reversed(codes) for source in category_sources(request, code))
    own = len(state.groups.rows(int(state.group[row]))) if request.collapsed else 0  # which are near and do not count

    def near(n: int) -> Ranked:
        return _similar(state, row, request.opened) if by is None else _similar_by(state, row, by, n + own)

    return [Source("similar", near), *of_categories]


def part_of(state: State, by: str | None) -> str | None:
    """The part of the vectors that `by` names. Raises ValueError where the release has no such part."""
    if by is None:
        return None
    encoder = state.release.encoder
    known = [part.name for part in encoder.parts if encoder.width(part.name)]
    if by not in known:
        raise ValueError(f"by is {by!r:.100}; the vectors of release {state.release.id} have {', '.join(known)}")
    return by


def _similar_by(state: State, row: int, by: str, n: int) -> Ranked:
    """The items nearest in one part alone; none where the item has nothing there. n: how many are wanted."""
    vector = state.item_vectors(np.array([row], dtype=np.int32))
    # The item itself is the nearest of all.
    return near_in_part(state, state.release.encoder.directions(vector, by)[0], by, n + 1)


def near_in_part(state: State, direction: NDArray[np.float32], by: str, n: int) -> Ranked:
    """The items with the largest cosines to a direction in one part of the vectors; none where it is zero.

    direction: of length 1, (width of the part,). n: how many are wanted.
    """
    release = state.release
    if not direction.any():
        return [], []
    asked = np.zeros(release.item_vector.shape[1], dtype=np.float32)
    asked[release.encoder.place(by)] = direction
    near = release.candidates(asked, max(n, CANDIDATES))
    rows = np.unique(np.concatenate([near, state.added_rows]).astype(np.int32))
    directions = release.encoder.directions(state.item_vectors(rows), by)
    there = directions.any(axis=1)
    return ranked(rows[there], (directions @ direction)[there])


def _similar(state: State, row: int, opened: bool) -> Ranked:
    """The similar items. opened: with all variants of them, and of the item itself."""
    release = state.release
    of_release = row < state.release_items
    if of_release and not state.added and not opened:
        return release.item_topk.top(row, state.release_items)
    near = release.item_topk.items[row] if of_release else release.candidates(_unbiased(state, row), CANDIDATES)
    near = near[near != NO_ITEM]
    if opened:
        codes = {int(state.group[one]) for one in (row, *near.tolist())} - {NO_GROUP}
        near = np.append(near, [one for code in codes for one in state.groups.rows(code) if one != row])
    rows = np.unique(np.concatenate([near, state.added_rows]).astype(np.int32))
    directions = release.encoder.directions(state.item_vectors(np.append(rows, np.int32(row))))
    return ranked(rows, directions[:-1] @ directions[-1])


def _unbiased(state: State, row: int) -> NDArray[np.float32]:
    """The vector of an item without its bias: it finds items by what they are, not by how popular they are."""
    vector = np.array(state.item_vectors(np.array([row], dtype=np.int32))[0])
    vector[-1] = 0.0
    return vector


def look_sources(request: Request, vector: Sequence[float] | NDArray[np.float32]) -> list[Source]:
    """The items whose pictures are nearest to a vector of the vision model.

    Raises ValueError where the release has no pictures, or those of a model with vectors of another length.
    """
    state, basis = request.state, request.state.release.arrays["look_basis"]
    part_of(state, LOOK)
    asked = np.asarray(vector, dtype=np.float32)
    if asked.shape != basis.shape[:1] or not np.isfinite(asked).all():
        raise ValueError(f"{basis.shape[0]} finite numbers expected, not an array of shape {asked.shape}")
    direction = asked @ basis
    length = float(np.linalg.norm(direction))
    direction = direction / length if length > 0.0 else direction
    return [Source("similar", lambda n: near_in_part(state, direction, LOOK, n))]
