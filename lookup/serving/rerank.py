"""What changed since the night, as an addition to scores: a price, and what the user had, as the ranker weighs them."""

import numpy as np
from numpy.typing import NDArray

from lookup.scoring import features
from lookup.scoring.explain import Feature
from lookup.serving.session import Person

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Matrix = NDArray[np.float32]


def gains(person: Person, rows: Rows, scores: Scores) -> Scores:
    """What to add to the scores of different item rows, float32 (n,); 0 where nothing changed, or without a ranker.

    scores: of these rows, (n,). See `lookup.scoring.ranker.Ranker.gains`. Stock is not weighed: what is sold out is
    not shown,
    and what is back in stock stands where the night saw it.
    """
    found = np.zeros(len(rows), dtype=np.float32)
    ranker = person.state.release.ranker
    if ranker is None or not (person.fresh or person.state.has_repriced):
        return found
    there = np.flatnonzero(changed(person, rows))
    if len(there):
        found[there] = ranker.gains(*now_and_then(person, rows[there], scores[there]))
    return found


def moved(person: Person, row: Rows, score: Scores) -> tuple[tuple[Feature, ...], float]:
    """What the ranker's features give for one item, the largest share first, and the gain in all.

    row, score: of the item, (1,).
    """
    ranker = person.state.release.ranker
    if ranker is None:
        return (), 0.0
    now, night = now_and_then(person, row, score)
    shares = ranker.contributions(now[0])
    steps = ranker.gain(now[0], night[0]) if changed(person, row)[0] else dict.fromkeys(shares, 0.0)
    found = (Feature(name, share, steps[name]) for name, share in shares.items())
    return tuple(sorted(found, key=lambda one: -abs(one.share))), sum(steps.values())


def changed(person: Person, rows: Rows) -> NDArray[np.bool_]:
    """Whether a row's features are other than at night, (n,)."""
    state = person.state
    found = state.repriced.take(rows, mode="clip") & (rows < state.own)
    if person.fresh:
        fresh = np.sort([moment.row for moment in person.fresh])
        found |= fresh.take(np.searchsorted(fresh, rows), mode="clip") == rows
    return np.asarray(found)


def now_and_then(person: Person, rows: Rows, scores: Scores) -> tuple[Matrix, Matrix]:
    """The features of rows as they are now and as they were at night, at this hour both; float32 (n, F) each."""
    state, release, n = person.state, person.state.release, len(rows)
    today = person.now // features.DAY
    now = features.bought(*person.history, rows, today)
    night = features.bought(*person.own, rows, today) if person.fresh else now
    own = np.minimum(rows, state.own - 1)
    price, before = state.price[rows], release.item_price[own]
    popularity, usual = release.item_popularity[own], release.item_usual_price[own]
    if state.added:  # by day: of them the night knew nothing
        there = rows < state.own
        before, usual = (np.where(there, known, np.nan) for known in (before, usual))
        popularity = np.where(there, popularity, np.float32(0))
    # That a price is known now does not make an item sell, nor that it is not.
    before = np.where(np.isnan(before) | np.isnan(price), price, before)
    hour, weekday = features.clock(person.now)
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
