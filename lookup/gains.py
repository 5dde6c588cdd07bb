"""What changed since the night, as an addition to scores: a price, and what the user had, as the ranker weighs them."""

import numpy as np
from numpy.typing import NDArray

from lookup import features
from lookup.explain import Feature
from lookup.session import Person

Rows = NDArray[np.int32]


def gains(person: Person, rows: Rows, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """What to add to the scores of different item rows, float32 (n,); 0 where nothing changed, or without a ranker.

    scores: of these rows, (n,). See `lookup.ranker.Ranker.gains`. Stock is not weighed: what is sold out is not shown,
    and what is back in stock stands where the night saw it.
    """
    found = np.zeros(len(rows), dtype=np.float32)
    ranker = person.state.release.ranker
    if ranker is None:
        return found
    there = np.flatnonzero(changed(person, rows))
    if len(there):
        found[there] = ranker.gains(*now_and_then(person, rows[there], scores[there]))
    return found


def moved(person: Person, row: Rows, score: NDArray[np.float32]) -> tuple[tuple[Feature, ...], float]:
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
    found = np.take(person.state.repriced, rows, mode="clip") & (rows < person.state.own)
    if person.fresh:
        found |= np.isin(rows, [moment.row for moment in person.fresh])
    return np.asarray(found)


def now_and_then(
    person: Person, rows: Rows, scores: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The features of rows as they are now and as they were at night, at this hour both; float32 (n, F) each."""
    state, release = person.state, person.state.release
    own = np.minimum(rows, state.own - 1)
    there = rows < state.own  # of what was added by day nothing was known
    hour, weekday = features.clock(person.now)
    made = []
    for history, price in ((person.history, state.price[rows]), (person.own, release.item_price[own])):
        had = features.bought(*history, rows, person.now // features.DAY)
        made.append(
            features.matrix(
                score=scores,
                price=np.where(there, price, np.nan),
                usual_price=np.where(there, release.item_usual_price[own], np.nan),
                in_stock=1.0,
                popularity=np.where(there, release.item_popularity[own], 0.0),
                days_since=had.days_since,
                times=had.times,
                hour=hour,
                weekday=weekday,
            )
        )
    return made[0], made[1]
