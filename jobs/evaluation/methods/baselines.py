"""Plain baselines: popular items, overall and by category, own repeats, decayed co-occurrence. Others: `linear`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.problems.problem import Histories, ItemFacts, Problem

if TYPE_CHECKING:
    import scipy.sparse as sp

HALF_LIFE = 14.0
"""Days after which an event counts half for popularity, as in the night's popular lists."""


def recency(ages: NDArray[np.float64], power: float = 1.0) -> NDArray[np.float64]:
    """Return (1 + age) ** -power: how much a past event still counts. ages: days or places; below 0 they count as 0."""
    return (1.0 + np.maximum(ages, 0.0)) ** -power


def decayed(given: Histories, at: NDArray[np.float64], power: float = 1.0) -> NDArray[np.float32]:
    """Return the weight of each event times its recency, float32 (E,). at: the moment of each user."""
    return (given.weights * recency(np.repeat(at, given.lengths) - given.days, power)).astype(np.float32)


def popularity(problem: Problem) -> NDArray[np.float64]:
    """Sum the weights of each item's training events, (N,); in timed data a weight halves every HALF_LIFE days."""
    train, weights = problem.train, problem.train.weights.astype(np.float64)
    if problem.timed and len(train.days):
        weights *= np.exp2((train.days - train.days.max()) / HALF_LIFE)
    return np.bincount(train.items, weights, minlength=len(problem.items)).astype(np.float64)


class Popular:
    """The same list for everybody: items by their weighted events."""

    name = "popular"
    parameters = 0

    def fit(self, problem: Problem) -> None:
        """Count events."""
        self._score = popularity(problem).astype(np.float32)
        self.parameters = len(self._score)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        return np.tile(self._score, (len(given), 1))


def categories(items: ItemFacts) -> list[list[str]]:
    """Return the categories of each item; [""] for an item without one.

    They are the steps of its category path, the attributes "category=…". In a set without paths it is the widest
    category. In a set without categories they are all attributes, such as the opaque category ids of public sets.
    """
    found = [[name for name in own if name.startswith("category=")] for own in items.attributes]
    if not any(found):
        found = [[one] for one in items.categories] if any(items.categories) else items.attributes
    return [own or [""] for own in found]


class CategoryPopular:
    """Popular items of the user's categories: sum over categories g of P(g | user) P(item | g).

    P(g | user) is the share of g in the summed weights of the user's events; an event of an item of several categories
    counts for them in equal parts. A user without events has the shares of all training events. P(i | g) = n_i / N_g, n
    as in `popularity`, N_g its sum over the items of g. A new item, in no training event, has in each category the mean
    rate of the items with events, 1 / their number; so new items of the same categories are equal. In a category
    without training events every rate is 0.
    """

    name = "category-popular"
    parameters = 0

    def fit(self, problem: Problem) -> None:
        """Count events."""
        import scipy.sparse as sp

        n = popularity(problem)
        seen = np.bincount(problem.train.items, minlength=len(problem.items)) > 0
        member = replace(problem.items, attributes=categories(problem.items)).attribute_matrix().astype(np.float64)
        total, count = n @ member, seen.astype(np.float64) @ member
        known, new = sp.diags_array(n) @ member, sp.diags_array((~seen).astype(np.float64)) @ member
        rates = known @ sp.diags_array(_inverse(total)) + new @ sp.diags_array(_inverse(count))
        self._parts = (sp.diags_array(_inverse(member.sum(1))) @ member).tocsr().astype(np.float32)
        self._rates = rates.T.tocsr().astype(np.float32)
        self._usual = ((n @ self._parts) * _inverse(n.sum())).astype(np.float32)
        self.parameters = int(self._rates.nnz)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        own = given.matrix(self._parts.shape[0])
        weight = np.asarray(own.sum(1))[:, None]
        shares = np.where(weight > 0, (own @ self._parts).toarray() * _inverse(weight), self._usual)
        return np.asarray(shares.astype(np.float32) @ self._rates, dtype=np.float32)


def _inverse(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 / x, and 0 for 0."""
    return np.where(x > 0, 1.0 / np.where(x > 0, x, 1.0), 0.0)


class OwnRepeats:
    """The items of the user's history, by frequency and recency; after them popular items.

    An item counts the summed weights of the user's events, halved every HALF_LIFE days; in sequences times `recency`.
    Items of one basket often count the same: then the more popular one comes first.
    """

    name = "own-repeats"
    parameters = 0
    HALF_LIFE = 90.0
    """Chosen on the validation part of a grocer's data."""
    TIES = 5e-6
    """Of its worth an item gains up to so much by its place in popularity: it orders only what is equal."""

    def fit(self, problem: Problem) -> None:
        """Count popularity."""
        # It rises with popularity but stays below 0, so items of the history come first.
        popular = popularity(problem)
        self._fill = (-1.0 / (1.0 + popular)).astype(np.float32)
        _, place = np.unique(popular, return_inverse=True)
        self._gain = 1.0 + self.TIES * place / max(len(popular), 1)
        self._timed = problem.timed
        self.parameters = len(self._fill)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        ages = np.repeat(at, given.lengths) - given.days
        counts = np.exp2(-ages / self.HALF_LIFE) if self._timed else recency(ages)
        own = given.matrix(len(self._fill), (given.weights * counts).astype(np.float32)).tocoo()
        result = np.tile(self._fill, (len(given), 1))
        result[own.coords] = own.data * self._gain[own.coords[1]]
        return result


class ItemCosine:
    """Decayed co-occurrence of items, divided by powers of their popularity.

    In ordered data C_ij sums 1 / (1 + distance in days or places) over pairs of events of a user, j after i or at the
    same time, at most WINDOW events on; the score of item j is sum_i w_i C_ij / (n_i n_j) ** POWER, with the recency w
    of the user's events. In unordered data it is the plain cosine of the columns of the matrix of users and items
    (Sarwar et al., WWW 2001, section 3.1.1), each w 1.
    """

    name = "item-cosine"
    parameters = 0
    WINDOW = 50
    POWER = 0.3

    def fit(self, problem: Problem) -> None:
        """Count pairs."""
        self._ordered, n = problem.ordered, len(problem.items)
        if problem.ordered:
            pairs, power = self._pairs(problem.train, n), self.POWER
            count = np.bincount(problem.train.items, problem.train.weights, minlength=n)
        else:
            history = problem.train.matrix(n)
            history.data[:] = 1.0
            pairs, power = (history.T @ history).tocsr(), 0.5
            count = pairs.diagonal()
            pairs.setdiag(0.0)
        scale = (np.maximum(count, 1e-12) ** -power).astype(np.float32)
        # In place: another copy of the pairs may not fit.
        pairs.data *= np.repeat(scale, np.diff(pairs.indptr))
        pairs.data *= scale[pairs.indices]
        self._similar = pairs
        self.parameters = int(pairs.nnz)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        own = given.matrix(self._similar.shape[0], decayed(given, at) if self._ordered else None)
        if not self._ordered:
            own.data[:] = 1.0
        return (own @ self._similar).toarray()

    def _pairs(self, train: Histories, n: int) -> "sp.csr_array":
        import scipy.sparse as sp

        users, total = train.users, sp.csr_array((n, n), dtype=np.float32)
        for step in range(1, self.WINDOW + 1):
            first = np.flatnonzero(users[step:] == users[:-step])
            distance = train.days[first + step] - train.days[first]
            weight = train.weights[first] * train.weights[first + step] * recency(distance)
            both = first[distance == 0]  # neither comes before the other
            pairs = np.concatenate([first, both + step]), np.concatenate([first + step, both])
            data = np.concatenate([weight, weight[distance == 0]]).astype(np.float32)
            total += sp.csr_array((data, (train.items[pairs[0]], train.items[pairs[1]])), shape=(n, n))
        return total
