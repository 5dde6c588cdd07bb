"""A user as of now: the history with the events since the night, the vector made from it, and exact scores."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.keys import clean_id
from lookup.patches.patch_log import Event
from lookup.release.schema import NO_ITEM
from lookup.release.shards.users import UserHistory, Users
from lookup.retrieval.ranked_lists import Ranked
from lookup.scoring.features import DAY
from lookup.scoring.score_parameters import HistoryShares, TransitionRows
from lookup.serving.live import Live
from lookup.serving.request import rows_of
from lookup.serving.state import State

NEAREST = 3
"""How many of the newest items contribute the items similar to them as candidates."""
BLOCK = 16_384
"""How many items are scored at a time."""
NO_HISTORY = UserHistory(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


class SessionEvent(NamedTuple):
    """An event since the night: an item row, a day since 1970 and the weight of its type."""

    row: int
    day: int
    weight: float


class HistoryTerms(NamedTuple):
    """What the n events of a history add up to."""

    ages: NDArray[np.float64]
    """In whole days, as at night, (n,)."""
    vector: NDArray[np.float32]
    """Of the user, (D,): made by the night's own function, as of today."""
    transitions: TransitionRows
    """Of the events' items; an item added by day has none."""
    items: NDArray[np.int32]
    """The items whose score is not the product of vectors alone, (m,): see `ScoreParameters.item_terms`."""
    added: NDArray[np.float32]
    """What their scores gain, (m,)."""


class UserSession:
    """What is known of a user in a state.

    users: those of the user's shard. row: of the user among them; -1 for a user whom the release does not know. now:
    the time of the call, microseconds since 1970. new_events: those after the release, by time. Without any, scores are
    those of the night.
    """

    def __init__(self, state: State, users: Users, row: int, now: int, new_events: list[SessionEvent]):
        self.state, self.users, self.row, self.now, self.new_events = state, users, row, now, new_events
        self.today = now // DAY if new_events else state.release.night
        """The day that ages count from, in days since 1970."""
        self.night_history = users.history(row) if row >= 0 else NO_HISTORY
        """The history that the night knew."""
        most = state.release.manifest.max_history
        self.history = _joined(self.night_history, new_events, most) if new_events else self.night_history
        """The whole history, the newest event last: at most the manifest's `max_history` events."""
        self._terms: HistoryTerms | None = None

    @property
    def terms(self) -> HistoryTerms:
        """What the history adds up to; computed when it is first asked for."""
        if self._terms is None:
            self._terms = self._add_up()
        return self._terms

    def _add_up(self) -> HistoryTerms:
        state, parameters = self.state, self.state.release.score_parameters
        rows, days, short = self.history
        ages, weights = np.maximum(self.today - days, 0).astype(np.float64), short.astype(np.float64)
        vector = parameters.encoder.user_vector(state.item_inputs(rows), ages, weights)
        transitions = state.release.transition_rows(np.minimum(rows, state.release_items - 1))
        added_by_day = rows >= state.release_items
        if added_by_day.any():
            transitions.next_items[added_by_day], transitions.item_repeat[added_by_day] = NO_ITEM, 0.0
        shares = HistoryShares(
            rows, parameters.transition_shares(ages, weights), parameters.repeat_shares(ages, weights)
        )
        items, added = parameters.item_terms(shares, transitions, state.item_vectors(rows) @ vector)
        return HistoryTerms(ages, vector, transitions, items, added)

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """The exact scores of items, float32 (n,). rows: different item rows, rising, (n,)."""
        _, vector, _, items, added = self.terms
        found = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            np.dot(self.state.item_vectors(rows[part]), vector, out=found[part])
        if len(items) and len(rows):
            place = np.searchsorted(rows, items)
            place[place == len(rows)] = 0
            there = rows[place] == items
            found[place[there]] += added[there]
        return found

    def best(self, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """About the best `n` of all items by exact score: their rows, rising, and their scores.

        Candidates are what the release's index finds around the user's vector, the items whose score the history
        changes, the precomputed list, what is similar to the newest items, and all items added by day. No other item
        scores more than the last one that the index found; so candidates below that one are left out.
        """
        state, release = self.state, self.state.release
        vector = self.terms.vector
        found = release.candidates(vector, n)
        near: list[NDArray[Any]] = [found, self.terms.items, state.added_rows]
        if self.row >= 0:
            near.append(self.users.topk.items[self.row])
        newest = self.history.rows[-NEAREST:]
        near.append(release.item_topk.items[newest[newest < state.release_items]].ravel())
        candidates = np.concatenate(near, dtype=np.int32)
        candidates.sort()
        last = np.append(candidates[1:] != candidates[:-1], True)  # of equal ones; quicker than np.unique for so few
        rows = candidates[last & (candidates != NO_ITEM)]
        scores = self.scores(rows)
        if len(found) == state.release_items:
            return rows, scores
        sure = scores >= release.item_vector[found[-1]] @ vector if len(found) else np.zeros(len(rows), dtype=bool)
        return rows[sure], scores[sure]


class LazyScores:
    """The exact scores of a user without events since the night, whose history is read when they are asked for."""

    def __init__(self, state: State, users: Users, row: int, now: int):
        self._asked = state, users, row, now
        self._session: UserSession | None = None

    def __call__(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """As `UserSession.scores`."""
        if self._session is None:
            self._session = UserSession(*self._asked, [])
        return self._session.scores(rows)


def read_user(live: Live, state: State, user: str, until: int) -> tuple[Users | None, int, list[SessionEvent]]:
    """The users of the user's shard, the row among them, and the events that the release does not know yet.

    The row is -1 for an unknown user, and for one whose past is to be forgotten. Without users where this host does not
    serve the shard: then nothing else is told of the user, and the call is counted (`Live.elsewhere`). until:
    microseconds since 1970; later events are left out. Raises TypeError for what cannot be an id.
    """
    users = state.release.whole
    if users is not None:
        row = users.keys.find(user)
    else:
        users, row = state.release.find_user(user)
    if users is None:
        live.note_elsewhere(user, state.release)
        return None, -1, []
    overlay, watermark = live.overlay, state.watermark
    if not overlay.users and not overlay.forgotten and not overlay.all_users:
        return users, row, []
    user = clean_id(user)
    forgotten = overlay.forgotten.get(user)
    if forgotten is not None and forgotten[1] > watermark:
        row = -1
    if not overlay.all_users and overlay.users.get(user, 0) <= watermark:
        return users, row, []
    return users, row, _session_events(state, live.events(user, watermark, until))


def just_now(state: State, items: Sequence[str], now: int) -> list[SessionEvent]:
    """Events of this moment with items, each of weight 1. Unknown ids are left out.

    Raises TypeError for what cannot be an id, and for one text in place of a list.
    """
    return [SessionEvent(row, now // DAY, 1.0) for row in rows_of(state, items) if row >= 0]


def ranked(rows: NDArray[np.int32], scores: NDArray[np.float32], n: int | None = None) -> Ranked:
    """Rows by falling score; equal scores keep their order. n: about how many are enough."""
    if n is not None and n < len(scores):
        there = scores >= -np.partition(-scores, n - 1)[n - 1]
        rows, scores = rows[there], scores[there]
    order = np.argsort(-scores, kind="stable")
    return rows[order].tolist(), scores[order].tolist()


def _session_events(state: State, events: Iterable[Event]) -> list[SessionEvent]:
    """The events of the log that have a known item and a type with a weight."""
    weights = state.release.manifest.weights
    found = ((state.find(event.item), event) for event in events)
    return [
        SessionEvent(row, event.at // DAY, weights[event.type])
        for row, event in found
        if row >= 0 and event.type in weights
    ]


def _joined(night: UserHistory, new_events: list[SessionEvent], most: int) -> UserHistory:
    """The newest events of the night's history and of the day, `most` at most."""
    rows, days, weights = zip(*new_events, strict=True)
    joined = UserHistory(
        np.concatenate([night.rows, np.array(rows, dtype=np.int32)]),
        np.concatenate([night.days, np.array(days, dtype=np.int32)]),
        np.concatenate([night.weights, np.array(weights, dtype=np.float32)]),
    )
    if len(night.days) and days[0] < night.days[-1]:  # an event that the log got late
        order = np.argsort(joined.days, kind="stable")[-most:]
        return UserHistory(joined.rows[order], joined.days[order], joined.weights[order])
    return UserHistory(joined.rows[-most:], joined.days[-most:], joined.weights[-most:])
