"""Baselines for baskets: what each user takes again and again, smoothed by what similar users take.

Both are closed-form. A basket is the events of one day in timed data, of one place in other ordered data, and the whole
history in unordered data.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.methods.selection import select
from jobs.evaluation.problems.problem import Histories, Problem

if TYPE_CHECKING:
    import scipy.sparse as sp

MOST_NEIGHBOURS = 50_000
"""Neighbours are sought among at most so many users, evenly spread over those with training events."""
LOOKED_AT = 512
"""So many users are compared with all neighbours at a time."""


def baskets(histories: Histories) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many baskets of its user come after each event's basket, (E,), and each user's baskets, (U,)."""
    day, users = np.floor(histories.days), histories.users
    new = np.ones(len(day), dtype=np.int64)
    new[1:] = (users[1:] != users[:-1]) | (day[1:] != day[:-1])
    count = np.bincount(users, new, minlength=len(histories)).astype(np.int64)
    number = np.cumsum(new)
    return np.cumsum(count)[users] - number, count


def _binary(histories: Histories, values: NDArray[np.floating[Any]], items: int) -> "sp.csr_array":
    """Sum values over a user's baskets, each item once a basket: float32 (U, items). values: of each event's basket."""
    after, _ = baskets(histories)
    most = int(after.max(initial=0)) + 1
    _, first = np.unique((histories.users * most + after) * items + histories.items, return_index=True)
    first.sort()
    lengths = np.bincount(histories.users[first], minlength=len(histories))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    once = Histories(offsets, histories.items[first], histories.days[first], histories.weights[first])
    return once.matrix(items, values[first].astype(np.float32))


def _spread(train: Histories) -> Histories:
    """Return the users with events, at most MOST_NEIGHBOURS of them."""
    some = np.flatnonzero(train.lengths)
    return train.rows(some[np.unique(np.linspace(0, len(some) - 1, min(len(some), MOST_NEIGHBOURS)).astype(np.int64))])


class TifuKnn:
    """TIFU-KNN: Hu, He, Gao & Zhang, "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation", SIGIR 2020, section 4.

    The n baskets of a user are cut in order into min(n, `groups`) groups of equal size. With the binary vector b of a
    basket, the vector of a group of x baskets is v = 1/x sum_j within^(x - j) b_j; the vector of a user with m groups
    is u = 1/m sum_i between^(m - i) v_i. The score is own u + (1 - own) mean of the vectors of the `neighbours` users
    whose vectors are nearest by Euclid.
    """

    name = "tifu-knn"
    parameters = 0
    GRID: Mapping[str, Sequence[float]] = {
        "own": (0.7, 0.1, 0.3, 0.5, 0.9),
        "neighbours": (300, 100, 600, 900),
        "between": (0.7, 0.5, 0.6, 0.8, 0.9, 1.0),
        "within": (0.9, 0.7, 0.8, 1.0),
        "groups": (7, 3, 11, 15, 23),
    }
    """The first value of each stands where the data leave nothing to choose on."""

    def __init__(self, **settings: float):
        """settings: some of GRID's; `fit` chooses the others on the last training events (`selection.select`)."""
        self.settings: dict[str, float] = dict(settings)
        self._given = frozenset(settings)

    def fit(self, problem: Problem) -> None:
        """Choose the settings; then make the vectors of the training users."""
        self.settings |= select(
            problem, self.GRID, self._given, lambda settings: TifuKnn(**{**self.settings, **settings})
        )
        self._items = len(problem.items)
        self._neighbours = self._vectors(_spread(problem.train))
        self._lengths = np.asarray(self._neighbours.multiply(self._neighbours).sum(1)).ravel()
        self.parameters = int(self._neighbours.nnz)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        own, share = self._vectors(given), self.settings["own"]
        result = np.empty((len(given), self._items), dtype=np.float32)
        for first in range(0, len(given), LOOKED_AT):
            rows = slice(first, first + LOOKED_AT)
            mean = self._nearest(own[rows]) @ self._neighbours
            result[rows] = (share * own[rows] + (1.0 - share) * mean).toarray()
        return result

    def _nearest(self, own: "sp.csr_array") -> "sp.csr_array":
        """Return 1 / k for the k nearest neighbours of each user, sparse (m, neighbours)."""
        import scipy.sparse as sp

        k = min(int(self.settings["neighbours"]), self._neighbours.shape[0])
        distance = self._lengths - 2.0 * (own @ self._neighbours.T).toarray()  # less |u|², the same for all neighbours
        nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
        values = np.full(nearest.size, 1.0 / max(k, 1), dtype=np.float32)
        shape = (own.shape[0], self._neighbours.shape[0])
        return sp.csr_array((values, nearest.ravel(), np.arange(own.shape[0] + 1) * k), shape=shape)

    def _vectors(self, histories: Histories) -> "sp.csr_array":
        after, count = baskets(histories)
        n = count[histories.users]
        groups = np.minimum(n, int(self.settings["groups"]))
        place = n - 1 - after
        group = place * groups // np.maximum(n, 1)  # baskets first … last of the user, cut evenly
        ends = -(-(group + 1) * n // np.maximum(groups, 1))
        size = ends - (-(-group * n // np.maximum(groups, 1)))
        within = self.settings["within"] ** (ends - 1 - place) / np.maximum(size, 1)
        between = self.settings["between"] ** (groups - 1 - group) / np.maximum(groups, 1)
        return _binary(histories, within * between, self._items)


class UpCf:
    """UP-CF@r: Faggioli, Polato & Aiolli, "Recency Aware Collaborative Filtering for Next Basket Recommendation",
    UMAP 2020, section 4.

    The popularity of an item for a user is its share of the user's last r baskets, the `recency`. The score sums
    sim(u, v)^q share(v, i) over all users v, u among them, with the asymmetric cosine of their sets of items,
    |U ∩ V| / (|U|^a |V|^(1 - a)); q is the `locality`, a the `asymmetry`.
    """

    name = "up-cf"
    parameters = 0
    GRID: Mapping[str, Sequence[float]] = {
        "recency": (10, 1, 3, 5, 25, 50, 100),
        "locality": (10, 1, 2, 5, 20, 50),
        "asymmetry": (0.25, 0.0, 0.5, 0.75, 1.0),
    }
    """The first value of each stands where the data leave nothing to choose on."""

    def __init__(self, **settings: float):
        """settings: some of GRID's; `fit` chooses the others on the last training events (`selection.select`)."""
        self.settings: dict[str, float] = dict(settings)
        self._given = frozenset(settings)

    def fit(self, problem: Problem) -> None:
        """Choose the settings; then count what training users hold."""
        self.settings |= select(problem, self.GRID, self._given, lambda settings: UpCf(**{**self.settings, **settings}))
        self._items = len(problem.items)
        train = _spread(problem.train)
        self._sets, self._shares = self._set(train), self._share(train)
        self.parameters = int(self._sets.nnz + self._shares.nnz)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        own = self._set(given)
        a, q = self.settings["asymmetry"], self.settings["locality"]
        sizes, theirs = (np.maximum(np.asarray(one.sum(1)).ravel(), 1.0) for one in (own, self._sets))
        result = np.empty((len(given), self._items), dtype=np.float32)
        for first in range(0, len(given), LOOKED_AT):
            rows = slice(first, first + LOOKED_AT)
            near = (own[rows] @ self._sets.T).tocsr()
            near.data /= np.repeat(sizes[rows] ** a, np.diff(near.indptr)) * theirs[near.indices] ** (1.0 - a)
            near.data **= q
            result[rows] = (near @ self._shares).toarray()
        return result

    def _set(self, histories: Histories) -> "sp.csr_array":
        matrix = histories.matrix(self._items)
        matrix.data[:] = 1.0
        return matrix

    def _share(self, histories: Histories) -> "sp.csr_array":
        after, count = baskets(histories)
        window = np.minimum(count, int(self.settings["recency"]))[histories.users]
        return _binary(histories, np.where(after < window, 1.0 / np.maximum(window, 1), 0.0), self._items)
