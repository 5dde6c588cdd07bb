"""The rerank delta: what changes since the night add to the scores, as the ranker weighs them.

The changes are other prices, and what the user bought or viewed since.
"""

import numpy as np
from numpy.typing import NDArray

from lookup.scoring import features
from lookup.serving.session import UserSession

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Matrix = NDArray[np.float32]


def rerank_delta(session: UserSession, rows: Rows, scores: Scores) -> Scores:
    """What to add to the scores of items, float32 (n,); 0 where nothing changed, and without a ranker.

    rows: different item rows, (n,). scores: of these rows, (n,). See `lookup.scoring.ranker.Ranker.score_deltas`.

    The delta does not weigh stock: lists do not show what is sold out, and an item that is back in stock stands where
    the night saw it.
    """
    delta = np.zeros(len(rows), dtype=np.float32)
    ranker = session.state.release.ranker
    if ranker is None or not (session.new_events or session.state.has_repriced):
        return delta
    places = np.flatnonzero(changed(session, rows))
    if len(places):
        delta[places] = ranker.score_deltas(*features_now_and_at_night(session, rows[places], scores[places]))
    return delta


def changed(session: UserSession, rows: Rows) -> NDArray[np.bool_]:
    """Whether the features of an item are other than at night, (n,)."""
    state = session.state
    found = state.repriced.take(rows, mode="clip") & (rows < state.release_items)
    if session.new_events:
        newly = np.sort([event.row for event in session.new_events])
        found |= newly.take(np.searchsorted(newly, rows), mode="clip") == rows
    return np.asarray(found)


def features_now_and_at_night(session: UserSession, rows: Rows, scores: Scores) -> tuple[Matrix, Matrix]:
    """The features of items as they are now, and as they were at night, both at this hour; float32 (n, F) each."""
    state, release, n = session.state, session.state.release, len(rows)
    today = session.now // features.DAY
    now = features.bought(*session.history, rows, today)
    night = features.bought(*session.night_history, rows, today) if session.new_events else now
    known = np.minimum(rows, state.release_items - 1)
    price, before = state.price[rows], release.item_price[known]
    popularity, usual = release.item_popularity[known], release.item_usual_price[known]
    if state.added:  # the night knew nothing of the items added by day
        of_release = rows < state.release_items
        before, usual = (np.where(of_release, known, np.nan) for known in (before, usual))
        popularity = np.where(of_release, popularity, np.float32(0))
    # Only a change of a known price counts: that a price becomes known, or unknown, sells nothing.
    before = np.where(np.isnan(before) | np.isnan(price), price, before)
    hour, weekday = features.clock(session.now)
    both = features.matrix(
        score=np.tile(scores, 2),
        price=np.concatenate([price, before]),
        usual_price=np.tile(usual, 2),
        in_stock=1.0,
        popularity=np.tile(popularity, 2),
        days_since=np.concatenate([now.days_since, night.days_since]),
        times=np.concatenate([now.times, night.times]),
        hour=hour,
        weekday=weekday,
    )
    return both[:n], both[n:]
