"""Point-in-time features of impressions, made by the functions that `lookup` calls by day."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookup.scoring import features
from lookup.scoring.features import DAY
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows

if TYPE_CHECKING:
    from jobs.infra.vector_store import VectorStore


@dataclass(frozen=True)
class Vectors:
    """The arrays of items (`jobs.infra.vector_store.ITEM_ARRAYS`), mapped or not."""

    item_input: NDArray[np.float32]
    item_vector: NDArray[np.float32]
    item_next_item: NDArray[np.int32]
    item_next_weight: NDArray[np.float32]
    item_repeat: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: "VectorStore") -> "Vectors":
        """From the vectors of a run, mapped."""
        return cls(*(vectors.array(name) for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class KnownEvents:
    """Events of one user, (n,) each, the oldest first."""

    items: NDArray[np.int32]
    times: NDArray[np.int64]
    """In microseconds since 1970, UTC."""
    weights: NDArray[np.float32]

    def before(self, time: int, newest: int) -> "KnownEvents":
        """Return the events before a moment, at most the `newest` of them."""
        end = int(np.searchsorted(self.times, time))
        part = slice(max(0, end - newest), end)
        return KnownEvents(self.items[part], self.times[part], self.weights[part])

    @property
    def days(self) -> NDArray[np.int32]:
        """The days of the events, since 1970."""
        return np.asarray(self.times // DAY, dtype=np.int32)


@dataclass(frozen=True)
class Candidates:
    """Different items with their facts at one point in time, (n,) each; NaN where unknown."""

    items: NDArray[np.int32]
    price: NDArray[np.float64]
    usual_price: NDArray[np.float64]
    in_stock: NDArray[np.float64]
    popularity: NDArray[np.float64]


def point_in_time_features(
    time: int, candidates: Candidates, known: KnownEvents, vectors: Vectors, parameters: ScoreParameters
) -> NDArray[np.float32]:
    """Return the features of candidates for a user, float32 (n, F).

    time: the point in time, in microseconds since 1970. known: the user's events before it.
    """
    today = time // DAY
    hour, weekday = features.clock(time)
    bought = features.bought(known.items, known.days, known.weights, candidates.items, today)
    return features.matrix(
        score=scores(candidates.items, today, known, vectors, parameters),
        price=candidates.price,
        usual_price=candidates.usual_price,
        in_stock=candidates.in_stock,
        popularity=candidates.popularity,
        days_since=bought.days_since,
        times=bought.times,
        hour=hour,
        weekday=weekday,
    )


def scores(
    items: NDArray[np.int32], today: int, known: KnownEvents, vectors: Vectors, parameters: ScoreParameters
) -> NDArray[np.float32]:
    """Return the scores of items for a user with these events, float32 (n,): the scores of the night's lists.

    today: days since 1970.
    """
    ages, weights = (today - known.days).astype(np.float64), known.weights.astype(np.float64)
    vector = parameters.encoder.user_vector(vectors.item_input[known.items], ages, weights)
    found = vectors.item_vector[items] @ vector
    if len(known.items):
        history = HistoryShares(
            known.items, parameters.transition_shares(ages, weights), parameters.repeat_shares(ages, weights)
        )
        transitions = TransitionRows(
            vectors.item_next_item[known.items], vectors.item_next_weight[known.items], vectors.item_repeat[known.items]
        )
        rows, added = parameters.item_terms(history, transitions, vectors.item_vector[known.items] @ vector)
        place = np.minimum(np.searchsorted(rows, items), len(rows) - 1)
        found += np.where(rows[place] == items, added[place], np.float32(0))
    return np.asarray(found, dtype=np.float32)
