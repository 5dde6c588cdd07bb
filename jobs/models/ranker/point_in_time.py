"""The features of impressions as they were then: numpy, by the functions that the day calls too."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookup.scoring import features
from lookup.scoring.features import DAY
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows


@dataclass(frozen=True)
class Vectors:
    """The arrays of the folder `vectors/` of a run, mapped or not, by the names of a release."""

    item_input: NDArray[np.float32]
    item_vector: NDArray[np.float32]
    item_next_item: NDArray[np.int32]
    item_next_weight: NDArray[np.float32]
    item_repeat: NDArray[np.float32]

    @classmethod
    def open(cls, folder: Path) -> "Vectors":
        """Mapped."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class KnownEvents:
    """KnownEvents of one user, (n,) each, the oldest first."""

    items: NDArray[np.int32]
    times: NDArray[np.int64]
    """In microseconds since 1970, UTC."""
    weights: NDArray[np.float32]

    def before(self, time: int, newest: int) -> "KnownEvents":
        """The newest events of those before a moment."""
        end = int(np.searchsorted(self.times, time))
        part = slice(max(0, end - newest), end)
        return KnownEvents(self.items[part], self.times[part], self.weights[part])

    @property
    def days(self) -> NDArray[np.int32]:
        """Days since 1970."""
        return np.asarray(self.times // DAY, dtype=np.int32)


@dataclass(frozen=True)
class Candidates:
    """Different items at one moment, and what was known of them, (n,) each; NaN where unknown."""

    items: NDArray[np.int32]
    price: NDArray[np.float64]
    usual_price: NDArray[np.float64]
    in_stock: NDArray[np.float64]
    popularity: NDArray[np.float64]


def features_then(
    time: int, candidates: Candidates, known: KnownEvents, vectors: Vectors, parameters: ScoreParameters
) -> NDArray[np.float32]:
    """The features of candidates for a user at a moment, float32 (n, F). known: the user's events before it."""
    today = time // DAY
    hour, weekday = features.clock(time)
    had = features.bought(known.items, known.days, known.weights, candidates.items, today)
    return features.matrix(
        score=scores(candidates.items, today, known, vectors, parameters),
        price=candidates.price,
        usual_price=candidates.usual_price,
        in_stock=candidates.in_stock,
        popularity=candidates.popularity,
        days_since=had.days_since,
        times=had.times,
        hour=hour,
        weekday=weekday,
    )


def scores(
    items: NDArray[np.int32], today: int, known: KnownEvents, vectors: Vectors, parameters: ScoreParameters
) -> NDArray[np.float32]:
    """The scores of items for a user with these events, as the lists have them, float32 (n,). today: since 1970."""
    ages, weights = (today - known.days).astype(np.float64), known.weights.astype(np.float64)
    vector = parameters.encoder.user_vector(vectors.item_input[known.items], ages, weights)
    found = vectors.item_vector[items] @ vector
    if len(known.items):
        had = HistoryShares(
            known.items, parameters.transition_shares(ages, weights), parameters.repeat_shares(ages, weights)
        )
        following = TransitionRows(
            vectors.item_next_item[known.items], vectors.item_next_weight[known.items], vectors.item_repeat[known.items]
        )
        rows, added = parameters.item_terms(had, following, vectors.item_vector[known.items] @ vector)
        place = np.minimum(np.searchsorted(rows, items), len(rows) - 1)
        found += np.where(rows[place] == items, added[place], np.float32(0))
    return np.asarray(found, dtype=np.float32)
