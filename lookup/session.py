"""A user as of now: the history with what happened since the night, the vector made from it, and exact scores."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.encoder import Following, Had
from lookup.log import Event
from lookup.release import History, Ranked
from lookup.schema import NO_ITEM
from lookup.state import State

DAY = 86_400_000_000
"""Microseconds."""
NEAREST = 3
"""Of so many of the newest items, those that are similar are candidates."""
BLOCK = 16_384
NOBODY = History(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


class Moment(NamedTuple):
    """An event of now: a row, a day since 1970 and a weight."""

    row: int
    day: int
    weight: float


class Person:
    """What is known of a user in a state. What takes time is made when it is asked for.

    row: in the release; -1 where it does not know the user. today: days since 1970 of the call. fresh: events after the
    release, by time.
    """

    def __init__(self, state: State, row: int, today: int, fresh: list[Moment]):
        self.state, self.row, self.today, self.fresh = state, row, today, fresh

    @cached_property
    def history(self) -> History:
        """Everything, the newest last: at most the manifest's `max_history` events."""
        own = self.state.release.history(self.row) if self.row >= 0 else NOBODY
        if not self.fresh:
            return own
        columns = (np.array(part) for part in zip(*self.fresh, strict=True))
        newest = self.state.release.manifest.max_history
        rows, days, weights = (np.concatenate(pair)[-newest:] for pair in zip(own, columns, strict=True))
        return History(rows.astype(np.int32), days.astype(np.int32), weights.astype(np.float32))

    @cached_property
    def ages(self) -> NDArray[np.float64]:
        """Of each event, in whole days, as at night."""
        return np.maximum(self.today - self.history.days, 0).astype(np.float64)

    @cached_property
    def vector(self) -> NDArray[np.float32]:
        """(D,): by the night's own function, as of today."""
        rows, _, weights = self.history
        return self.state.release.encoder.user_vector(self.state.input(rows), self.ages, weights.astype(np.float64))

    @cached_property
    def following(self) -> Following:
        """Of the events' items; nothing follows an item that was added by day."""
        rows, state = self.history.rows, self.state
        own = np.minimum(rows, state.own - 1)
        found = state.release.following(own)
        added = rows >= state.own
        if added.any():
            found = Following(np.array(found.next_items), found.next_weights, np.array(found.item_repeat))
            found.next_items[added], found.item_repeat[added] = NO_ITEM, 0.0
        return found

    @cached_property
    def terms(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """What the history adds beside the vector (`Encoder.item_terms`)."""
        encoder, rows = self.state.release.encoder, self.history.rows
        weights = self.history.weights.astype(np.float64)
        had = Had(rows, encoder.next_shares(self.ages, weights), encoder.repeat_shares(self.ages, weights))
        return encoder.item_terms(had, self.following, self.state.vector(rows) @ self.vector)

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """The exact scores of different item rows, rising; float32 (n,)."""
        found = np.concatenate(
            [self.state.vector(rows[start : start + BLOCK]) @ self.vector for start in range(0, len(rows), BLOCK)]
            or [np.zeros(0, dtype=np.float32)]
        )
        items, added = self.terms
        if len(items) and len(rows):
            place = np.searchsorted(rows, items)
            place[place == len(rows)] = 0
            there = rows[place] == items
            found[place[there]] += added[there]
        return found

    def candidates(self, n: int) -> NDArray[np.int32]:
        """Rows that may be among the best `n`, rising: of the search around the vector, the precomputed list, what is
        similar to or follows the newest items, the history, and all that was added by day.
        """
        state, release = self.state, self.state.release
        near: list[NDArray[Any]] = [release.candidates(self.vector, n), self.terms[0]]
        if self.row >= 0:
            near.append(release.user_topk.items[self.row])
        newest = self.history.rows[-NEAREST:]
        near.append(release.item_topk.items[newest[newest < state.own]].ravel())
        near.append(np.arange(state.own, state.own + len(state.added)))
        found = np.unique(np.concatenate(near).astype(np.int32))
        return found[1:] if len(found) and found[0] == NO_ITEM else found

    def best(self, n: int) -> Ranked:
        """The candidates, exactly scored, best first; equal ones by their rows."""
        rows = self.candidates(n)
        return ranked(rows, self.scores(rows))


def ranked(rows: NDArray[np.int32], scores: NDArray[np.float32]) -> Ranked:
    """Rows by falling score, equal ones as they stand."""
    order = np.argsort(-scores, kind="stable")
    return rows[order].tolist(), scores[order].tolist()


def moments(state: State, events: Iterable[Event]) -> list[Moment]:
    """Of the events of the log those with items that are known, and of types that count."""
    weights = state.release.manifest.weights
    found = ((state.find(event.item), event) for event in events)
    return [
        Moment(row, event.at // DAY, weights[event.type]) for row, event in found if row >= 0 and event.type in weights
    ]
