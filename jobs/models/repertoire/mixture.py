"""The mix of repeats and discoveries: both as log odds that the user takes the item next, so they sort together.

Of an item that the user has, the log odds are a sum of features: how often and how long ago (several half-lives), how
due it is, how often people take this item again, what the discovery score says of it, how popular it is. Of an item
that the user lacks they rise with the discovery score. Features of the user alone (how much of the user's baskets is
repeats, how many and how large they are) stand in both with weights of their own: so the share of discoveries in a
list, and their places, are learned per user. All weights are fitted by logistic regression on held-out events.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.models.repertoire import logistic
from jobs.models.repertoire.own_items import Habits, OwnItems

LEAST = 1e-9
"""Added to scores and shares before their logarithm is taken."""


@dataclass(frozen=True)
class Mixture:
    """The weights of the features."""

    again: NDArray[np.float64]
    """Of `again_features`, the constant first."""
    new: NDArray[np.float64]
    """Of `new_features`, the constant first."""
    shift: float = 0.0
    """Added to the log odds of discoveries: what makes the best lists, where odds make the best guesses."""

    def again_odds(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """The log odds of items that users have, (P,)."""
        return (features @ self.again[1:] + self.again[0]).astype(np.float32)

    def new_odds(self, scores: NDArray[np.float32], users: NDArray[np.float64]) -> NDArray[np.float32]:
        """The log odds of items that users lack, (U, I). scores: of discovery. users: `user_features`, (U, F)."""
        own = users @ self.new[2:] + self.new[0] + self.shift
        return np.asarray(np.log(scores + LEAST) * self.new[1] + own[:, None], dtype=np.float32)

    def odds(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """The log odds of some items that users lack, (P,). features: `new_features`, (P, F)."""
        return (features @ self.new[1:] + self.new[0] + self.shift).astype(np.float32)


def user_features(own: OwnItems, habits: Habits) -> NDArray[np.float64]:
    """The features of users alone, (U, 4)."""
    return np.stack(
        [habits.user_share(own), np.log1p(own.baskets), np.log(np.maximum(own.size, 1.0)), np.log(own.pace)], axis=1
    )


def again_features(
    own: OwnItems, habits: Habits, popular: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The features of the pairs of users and their items, (P, F). scores: of discovery, for these pairs, (P,)."""
    due = np.clip(habits.due(own), -4.0, 4.0)
    several = own.gaps > 0
    return np.concatenate(
        [
            np.log1p(own.decayed),
            np.stack(
                [
                    np.log(own.decayed[:, -1] / np.maximum(own.baskets[own.users], 1) + 1e-3),
                    np.log1p(own.age),
                    several,
                    due * several,
                    due * due * several,
                    due * ~several,
                    habits.again[own.items],
                    habits.interval[own.items],
                    np.log(popular[own.items] + 1e-6),
                    np.log(scores + LEAST),
                ],
                axis=1,
            ),
            user_features(own, habits)[own.users],
        ],
        axis=1,
    )


def new_features(scores: NDArray[np.float32], users: NDArray[np.float64]) -> NDArray[np.float64]:
    """The features of pairs of users and items that they lack, (P, F). scores: (P,). users: of the user, (P, 4)."""
    return np.concatenate([np.log(scores + LEAST)[:, None], users], axis=1)


def fit(
    again: NDArray[np.float64], again_wanted: NDArray[np.bool_], new: NDArray[np.float64], new_wanted: NDArray[np.bool_]
) -> Mixture:
    """Fit the weights on pairs that were taken, or not, in held-out events; the features are those above."""
    return Mixture(logistic.fit(again, again_wanted), logistic.fit(new, new_wanted))
