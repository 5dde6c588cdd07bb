"""Repeats and discoveries in closed form (`jobs.models.repertoire`) as a method to measure."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.problems.holdout import held_out
from jobs.evaluation.problems.problem import Histories, Problem
from jobs.evaluation.tuning.repertoire import BLOCK, choose, mix
from jobs.models.repertoire import mixture
from jobs.models.repertoire.discovery import Discovery, DiscoveryParts, rows_of
from jobs.models.repertoire.learn import BASKETS, DAYS, FADING, Events, learn, popularity
from jobs.models.repertoire.own_items import OwnItems

if TYPE_CHECKING:
    import scipy.sparse as sp

LEARNED = 20_000
"""At most so many users are chosen and fitted on. With 1,500 of a grocer's 13,858 users NDCG@10 was 3 % lower than with
5,000."""


class Repertoire:
    """Repeats and discoveries, mixed. Everything is chosen on the last of the training events (`held_out`)."""

    name = "repertoire"
    parameters = 0

    def fit(self, problem: Problem) -> None:
        """Choose the weights and fit the mix on the training events but the last; then learn from all of them.

        Raises DataError where there are no last events: in unordered data, and where nobody comes back.
        """
        self._clock, self._n = DAYS if problem.timed else BASKETS, len(problem.items)
        same = kinds(problem)
        known = held_out(problem, LEARNED)
        if known is None:
            raise DataError(f"{problem.name}: no user has events at two times: {self.name} has nothing to learn from")
        before = events_of(known.train, known.timed, known.given_at.max() if known.timed else 0.0)
        parts, self._habits = learn(before, self._clock, self._n, same)
        popular = {half_life: popularity(before, half_life, self._n) for half_life in self._clock.popular}
        self.weights, self.half_life = choose(known, self._own, parts, popular)
        self._mixture = mix(known, self._own, self._weighted(before, parts), self._habits)
        after = events_of(problem.train, problem.timed, np.floor(problem.train.days.max()) + 1.0)
        parts, self._habits = learn(after, self._clock, self._n, same)
        self._discovery = self._weighted(after, parts)
        self.parameters = int(self._discovery.transitions.nnz) + 3 * self._n

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        result = np.empty((len(given), self._n), dtype=np.float32)
        for first in range(0, len(given), BLOCK):
            rows = np.arange(first, min(first + BLOCK, len(given)))
            own = self._own(given.rows(rows), at[rows])
            scores = self._discovery.scores(rows_of(own, FADING, self._n))
            had = scores[own.users, own.items]
            again = mixture.again_features(own, self._habits, self._discovery.popular, had)
            result[rows] = self._mixture.new_odds(scores, mixture.user_features(own, self._habits))
            result[rows[own.users], own.items] = self._mixture.again_odds(again)
        return result

    def _own(self, given: Histories, at: NDArray[np.float64]) -> OwnItems:
        return Events(given.offsets, given.items, given.days, at).own(self._clock)

    def _weighted(self, events: Events, parts: DiscoveryParts) -> Discovery:
        return replace(parts, popular=popularity(events, self.half_life, self._n)).weighted(self.weights)


def events_of(train: Histories, timed: bool, end: float) -> Events:
    """The events of training users. Without times the history of each ends after its last basket; else all end at
    `end`, in days."""
    ends = np.full(len(train), end)
    if not timed:
        some = train.lengths > 0
        ends[some] = train.days[train.offsets[1:][some] - 1] + 1.0
    return Events(train.offsets, train.items, train.days, ends)


def kinds(problem: Problem) -> "sp.csr_array":
    """The narrowest category of each item, float32 (I, K): 1 or nothing."""
    import scipy.sparse as sp

    narrowest = [
        max((one for one in own if one.startswith("category=")), key=len, default="")
        for own in problem.items.attributes
    ]
    names, number = np.unique(narrowest, return_inverse=True)
    known = np.flatnonzero(names[number] != "")
    ones = np.ones(len(known), dtype=np.float32)
    return sp.csr_array((ones, (known, number[known])), shape=(len(narrowest), len(names) if len(known) else 0))
