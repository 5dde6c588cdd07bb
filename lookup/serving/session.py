"""A user as of now: the history with what happened since the night, the vector made from it, and exact scores."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.patches.patch_log import Event
from lookup.release.reader import Ranked, UserHistory
from lookup.release.schema import NO_ITEM
from lookup.scoring.features import DAY
from lookup.scoring.score_parameters import HistoryShares, TransitionRows
from lookup.serving.state import State

NEAREST = 3
"""Of so many of the newest items, those that are similar are candidates."""
BLOCK = 16_384
NOBODY = UserHistory(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


class Moment(NamedTuple):
    """An event of now: a row, a day since 1970 and a weight."""

    row: int
    day: int
    weight: float


class Sums(NamedTuple):
    """What the events of a history add up to."""

    ages: NDArray[np.float64]
    """Of each event, in whole days, as at night; (n,)."""
    vector: NDArray[np.float32]
    """(D,): by the night's own function, as of today."""
    transitions: TransitionRows
    """Of the events' items; an item added by day has none."""
    items: NDArray[np.int32]
    """What the history adds to beside the vector, (m,)."""
    added: NDArray[np.float32]
    """And how much, (m,); both see `ScoreParameters.item_terms`."""


class Person:
    """What is known of a user in a state.

    row: in the release; -1 where it does not know the user. now: microseconds since 1970 of the call. fresh: events
    after the release, by time; without any, the score is the night's.
    """

    def __init__(self, state: State, row: int, now: int, fresh: list[Moment]):
        self.state, self.row, self.now, self.fresh = state, row, now, fresh
        self.today = now // DAY if fresh else state.release.night
        """Days since 1970: ages are counted from there."""
        self.own = state.release.history(row) if row >= 0 else NOBODY
        """What the night knew."""
        self.history = _joined(self.own, fresh, state.release.manifest.max_history) if fresh else self.own
        """Everything, the newest last: at most the manifest's `max_history` events."""
        self._sums: Sums | None = None

    @property
    def sums(self) -> Sums:
        """Made when it is asked for first."""
        if self._sums is None:
            self._sums = self._add_up()
        return self._sums

    def _add_up(self) -> Sums:
        state, parameters = self.state, self.state.release.score_parameters
        rows, days, short = self.history
        ages, weights = np.maximum(self.today - days, 0).astype(np.float64), short.astype(np.float64)
        vector = parameters.encoder.user_vector(state.input(rows), ages, weights)
        transitions = state.release.transition_rows(np.minimum(rows, state.own - 1))
        there = rows >= state.own
        if there.any():
            transitions.next_items[there], transitions.item_repeat[there] = NO_ITEM, 0.0
        shares = HistoryShares(
            rows, parameters.transition_shares(ages, weights), parameters.repeat_shares(ages, weights)
        )
        items, added = parameters.item_terms(shares, transitions, state.vector(rows) @ vector)
        return Sums(ages, vector, transitions, items, added)

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """The exact scores of different item rows, rising; float32 (n,)."""
        _, vector, _, items, added = self.sums
        found = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            np.dot(self.state.vector(rows[part]), vector, out=found[part])
        if len(items) and len(rows):
            place = np.searchsorted(rows, items)
            place[place == len(rows)] = 0
            there = rows[place] == items
            found[place[there]] += added[there]
        return found

    def best(self, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The first of all items by their exact scores, and these, by rising rows: about `n`, and only such as the
        release's search is sure of.

        Scored are what the search finds around the vector, whatever the history adds to, the precomputed list, what is
        similar to the newest items, and all that was added by day. No other item scores more than the last that the
        search found.
        """
        state, release = self.state, self.state.release
        vector = self.sums.vector
        found = release.candidates(vector, n)
        near: list[NDArray[Any]] = [found, self.sums.items, np.arange(state.own, state.own + len(state.added))]
        if self.row >= 0:
            near.append(release.user_topk.items[self.row])
        newest = self.history.rows[-NEAREST:]
        near.append(release.item_topk.items[newest[newest < state.own]].ravel())
        every = np.concatenate(near, dtype=np.int32)
        every.sort()
        last = np.append(every[1:] != every[:-1], True)  # of equal ones; quicker than np.unique for so few
        rows = every[last & (every != NO_ITEM)]
        scores = self.scores(rows)
        if len(found) == state.own:
            return rows, scores
        sure = scores >= release.item_vector[found[-1]] @ vector if len(found) else np.zeros(len(rows), dtype=bool)
        return rows[sure], scores[sure]


def _joined(own: UserHistory, fresh: list[Moment], newest: int) -> UserHistory:
    """The newest events of the night and of the day."""
    rows, days, weights = zip(*fresh, strict=True)
    every = UserHistory(
        np.concatenate([own.rows, np.array(rows, dtype=np.int32)]),
        np.concatenate([own.days, np.array(days, dtype=np.int32)]),
        np.concatenate([own.weights, np.array(weights, dtype=np.float32)]),
    )
    if len(own.days) and days[0] < own.days[-1]:  # it came late
        order = np.argsort(every.days, kind="stable")[-newest:]
        return UserHistory(every.rows[order], every.days[order], every.weights[order])
    return UserHistory(every.rows[-newest:], every.days[-newest:], every.weights[-newest:])


def ranked(rows: NDArray[np.int32], scores: NDArray[np.float32], n: int | None = None) -> Ranked:
    """Rows by falling score, equal ones as they stand. n: about so many are enough."""
    if n is not None and n < len(scores):
        there = scores >= -np.partition(-scores, n - 1)[n - 1]
        rows, scores = rows[there], scores[there]
    order = np.argsort(-scores, kind="stable")
    return rows[order].tolist(), scores[order].tolist()


def moments(state: State, events: Iterable[Event]) -> list[Moment]:
    """Of the events of the log those with items that are known, and of types that count."""
    weights = state.release.manifest.weights
    found = ((state.find(event.item), event) for event in events)
    return [
        Moment(row, event.at // DAY, weights[event.type]) for row, event in found if row >= 0 and event.type in weights
    ]
