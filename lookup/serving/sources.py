"""The lists that a call's hits come from, in the order in which they are asked."""

from collections.abc import Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.release.reader import Ranked, Release
from lookup.release.schema import NO_ITEM, NONE, WHOLE_SHOP
from lookup.scoring.explain import Because, Explanation, Used, item_shares
from lookup.scoring.features import DAY
from lookup.serving.filters import Mask
from lookup.serving.live import Live
from lookup.serving.request import SPARE, Request, Source, rows_of
from lookup.serving.rerank import gains, moved
from lookup.serving.session import Moment, Person, moments, ranked
from lookup.serving.state import State

CANDIDATES = 100
"""So many items around a vector are scored exactly, at least."""
BLOCK = 1000
"""Users at a time."""


class ListBatch(NamedTuple):
    """Lists of n users."""

    rows: NDArray[np.int32]
    """(n, k), or as wide as the stored lists where those are shorter: item rows of the release, best first; -1 after
    the last, and for a user whom the release does not know.
    """
    scores: NDArray[np.float32]
    """Of the same shape; 0 where there is no item."""
    release: Release

    def ids(self, place: int) -> list[str]:
        """The item ids of one list."""
        return [self.release.items.id(row) for row in self.rows[place].tolist() if row != NO_ITEM]


def since(live: Live, state: State, user: str, row: int, until: int) -> tuple[int, list[Moment]]:
    """The user's row, -1 where all that the release knows is to be forgotten, and the events that it does not know.

    until: microseconds since 1970; events of later are left out.
    """
    overlay, watermark = live.overlay, state.release.manifest.patches_until
    gone = overlay.forgotten.get(user)
    if gone is not None and gone[1] > watermark:
        row = -1
    if not overlay.all_users and overlay.users.get(user, 0) <= watermark:
        return row, []
    return row, moments(state, live.events(user, watermark, until))


def just_now(state: State, history: Sequence[str], now: int) -> list[Moment]:
    """Events of this moment; ids that nobody knows are passed over. Raises TypeError when it is one text, or holds what
    is not text.
    """
    return [Moment(row, now // DAY, 1.0) for row in rows_of(state, history) if row >= 0]


def of_person(wish: Request, person: Person, listed: bool) -> list[Source]:
    """The lists for a user of whom something is known: the precomputed one, the best candidates, and all items."""

    def as_now(rows: NDArray[np.int32], scores: NDArray[np.float32], n: int | None = None) -> Ranked:
        return ranked(rows, scores + gains(person, rows, scores), n)

    def everything(n: int) -> Ranked:
        rows = wish.eligible()
        return as_now(rows, person.scores(rows), n)

    def best(n: int) -> Ranked:
        return as_now(*person.best(max(n + len(wish.taken), CANDIDATES)))

    computed: list[Source] = [("session", best), ("session", everything)]
    return [("list", lambda n: as_now(*with_added(person))), *computed] if listed else computed


def popular(wish: Request) -> list[Source]:
    """The popular list of the whole shop, and after it all items by how popular they are; added ones last."""
    state = wish.state
    return [
        ("popular", lambda n: state.release.popular.top(WHOLE_SHOP, state.own)),
        ("popular", lambda n: _by_popularity(state, wish.eligible(), n)),
    ]


def of_category(wish: Request, code: int) -> list[Source]:
    """Likewise of the items that are now in a category, by its code."""
    state = wish.state

    def listed(n: int) -> Ranked:
        rows, scores = state.release.popular.top(code + 1, state.own)
        if state.category is state.release.item_category:
            return rows, scores
        there = _is_in(state, np.array(rows, dtype=np.int64), code).tolist()
        return list(compress(rows, there)), list(compress(scores, there))

    def everything(n: int) -> Ranked:
        rows = wish.eligible()
        return _by_popularity(state, rows[_is_in(state, rows, code)], n)

    known = [("category", listed)] if code < len(state.release.categories) else []
    return [*known, ("category", everything)]


def like(wish: Request, row: int) -> list[Source]:
    """What is similar to an item, and the best of its categories, the narrowest first."""
    state, release = wish.state, wish.state.release

    def near(n: int) -> Ranked:
        if row < state.own and not state.added:
            return release.item_topk.top(row, state.own)
        found = (
            release.item_topk.items[row] if row < state.own else release.candidates(_unbiased(state, row), CANDIDATES)
        )
        added = np.arange(state.own, state.own + len(state.added))
        every = np.unique(np.concatenate([found[found != NO_ITEM], added]).astype(np.int32))
        directions = release.encoder.directions(state.vector(np.append(every, np.int32(row))))
        return ranked(every, directions[:-1] @ directions[-1])

    codes = [code for code in state.category[row].tolist() if code != NONE]
    return [("similar", near), *(source for code in reversed(codes) for source in of_category(wish, code))]


def many(live: Live, state: State, users: Sequence[str], k: int) -> ListBatch:
    """The first `k` items of the precomputed lists that may be shown."""
    release = state.release
    found = release.users.find_many(users)
    watermark = release.manifest.patches_until
    gone = [user for user, (_, position) in live.overlay.forgotten.copy().items() if position > watermark]
    if gone:
        found[np.isin(found, release.users.find_many(gone))] = -1
    length = release.user_topk.items.shape[1]
    shape = (len(users), min(k, length))
    batch = ListBatch(np.full(shape, NO_ITEM, dtype=np.int32), np.zeros(shape, dtype=np.float32), release)
    blocked = np.frombuffer(state.blocked, dtype=np.uint8)
    for start in range(0, len(users), BLOCK):  # so many as stay in the processor's cache
        places = start + np.flatnonzero(found[start : start + BLOCK] >= 0)
        for width in (min(length, shape[1] + SPARE), length):
            places = _first_shown(batch, found[places], places, width, blocked)  # the second time: those left short
            if width == length or not len(places):
                break
    return batch


def _first_shown(
    batch: ListBatch, users: NDArray[np.int64], places: NDArray[np.int64], width: int, blocked: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Fill some places of a batch from the first `width` of their lists; returns the places that came out short."""
    rows, scores, release = batch
    k = rows.shape[1]
    items, values = release.user_topk.items[users, :width], release.user_topk.scores[users, :width]
    shown = (blocked[items] == 0) & (items != NO_ITEM)
    counts = shown.sum(axis=1)
    chosen = np.flatnonzero(shown)
    rank = np.arange(len(chosen)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = rank < k
    chosen = chosen[first]
    to = places[chosen // max(width, 1)] * k + rank[first]
    rows.ravel()[to], scores.ravel()[to] = items.ravel()[chosen], values.ravel()[chosen]
    short: NDArray[np.int64] = places[counts < k]
    return short


def explained(person: Person, item: int, now: int) -> Explanation:
    """The score of an item for a user, taken apart. now: microseconds since 1970."""
    state, parameters = person.state, person.state.release.score_parameters
    rows, _, weights = person.history
    ages, _, transitions, _, _ = person.sums
    counts, one = weights.astype(np.float64), np.array([item], dtype=np.int32)
    vectors = state.vector(one)
    found, shares = item_shares(
        parameters,
        rows,
        state.input(rows),
        ages=ages,
        weights=counts,
        transitions=transitions,
        vectors=vectors,
        items=one,
    )
    _, _, gained = parameters.repeat_terms(rows, parameters.repeat_shares(ages, counts), transitions.item_repeat)
    had = found == item
    bias, again = float(vectors[0, parameters.encoder.bias]), float(gained[had].sum())
    if had.any():
        bias *= parameters.kept_share
    place = np.searchsorted(found, rows)
    times = np.bincount(place, minlength=len(found))
    newest = np.full(len(found), np.inf)
    np.minimum.at(newest, place, ages)
    because = tuple(
        Because(state.id(int(found[n])), float(shares[n, 0]), int(times[n]), float(newest[n]))
        for n in np.argsort(-shares[:, 0], kind="stable")
    )
    score = person.scores(one)
    features, gain = moved(person, one, score)
    name = state.id(item)
    said = state.patched.get(name, {})
    used = tuple(Used(field, one.value, (now - one.at) / 1e6, one.source) for field, one in sorted(said.items()))
    return Explanation(name, float(score[0]) + gain, because, bias, again, gain, features, used)


def unmoved(state: State, row: int) -> bool:
    """Whether a user's list stands as the night ranked it: nothing was added, and none of it has another price."""
    if state.added:
        return False
    return not state.has_repriced or not state.repriced[state.release.user_topk.items[row]].any()


def with_added(person: Person) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The precomputed list, and after it what was added by day, with scores by the vector of the night."""
    state, release = person.state, person.state.release
    listed, values = release.user_topk.items[person.row], release.user_topk.scores[person.row]
    there = listed != NO_ITEM
    scores = state.vectors @ release.user_vector[person.row]
    added = np.arange(state.own, state.own + len(state.added), dtype=np.int32)
    return np.concatenate([listed[there], added]), np.concatenate([values[there], scores])


def _by_popularity(state: State, rows: NDArray[np.int32], n: int) -> Ranked:
    scores = np.zeros(len(rows), dtype=np.float32)
    own = rows < state.own
    scores[own] = state.release.item_popularity[rows[own]]
    return ranked(rows, scores, n)


def _is_in(state: State, rows: NDArray[Any], code: int) -> Mask:
    return np.asarray((state.category.take(rows, axis=0) == code).any(axis=1))


def _unbiased(state: State, row: int) -> NDArray[np.float32]:
    """The vector of an item, to find others by what it is, not by how popular they are."""
    vector = np.array(state.vector(np.array([row], dtype=np.int32))[0])
    vector[-1] = 0.0
    return vector
