"""Problems: users' histories, the items that they choose next, and the facts of items. Numpy and scipy, no Spark."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.ranking.exact import ItemLists

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True)
class Histories:
    """Events of U users in CSR form: those of user u are at offsets[u] … offsets[u + 1], in order of time."""

    offsets: NDArray[np.int64]
    """(U + 1,), rising."""
    items: NDArray[np.int32]
    """(E,), item rows; an item may appear again."""
    days: NDArray[np.float64]
    """(E,), the time in days. In ordered data without times: the place 0, 1, 2 …; in unordered data: 0."""
    weights: NDArray[np.float32]
    """(E,), the weight of the event's type."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of events of each user, (U,)."""
        return np.diff(self.offsets)

    @property
    def users(self) -> NDArray[np.int64]:
        """The user of each event, (E,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def of(self, user: int) -> slice:
        """Return the places of a user's events in `items`, `days` and `weights`."""
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))

    def rows(self, users: NDArray[np.int64]) -> "Histories":
        """Return the histories of some users, in the given order."""
        places, offsets = places_of(self.offsets, users)
        return Histories(offsets, self.items[places], self.days[places], self.weights[places])

    def newest(self, most: int) -> "Histories":
        """Return the newest `most` events of every user."""
        lengths = np.minimum(self.lengths, most)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.repeat(self.offsets[1:] - offsets[1:], lengths) + np.arange(offsets[-1])
        return Histories(offsets, self.items[places], self.days[places], self.weights[places])

    def matrix(self, columns: int, values: NDArray[np.float32] | None = None) -> "sp.csr_array":
        """Sum each user's `values` of an item: float32 (U, columns), sparse. values: (E,); by default `weights`."""
        import scipy.sparse as sp

        data = np.array(self.weights if values is None else values, dtype=np.float32)
        matrix = sp.csr_array((data, self.items.copy(), self.offsets.copy()), shape=(len(self), columns))
        matrix.sum_duplicates()
        return matrix


@dataclass(frozen=True)
class ItemFacts:
    """The facts of N items, which need no event; the place in each list is the item's row."""

    ids: list[str]
    texts: list[str]
    """"" for an item without text."""
    attributes: list[list[str]]
    """Such as "category=Grocery>Milk" and "brand=…", or opaque ids of a public set."""
    prices: NDArray[np.float64]
    """(N,), NaN where unknown."""
    categories: list[str]
    """The widest category; "" for an item without one."""

    def __len__(self) -> int:
        return len(self.ids)

    def attribute_matrix(self) -> "sp.csr_array":
        """Return float32 (N, number of different attributes), sparse: 1 for each attribute of an item."""
        import scipy.sparse as sp

        names = sorted({name for own in self.attributes for name in own})
        column = {name: n for n, name in enumerate(names)}
        rows = [sorted({column[name] for name in own}) for own in self.attributes]
        offsets = np.cumsum([0, *map(len, rows)])
        columns = np.asarray([c for own in rows for c in own], dtype=np.int32)
        return sp.csr_array((np.ones(len(columns), np.float32), columns, offsets), shape=(len(self), len(names)))


@dataclass(frozen=True)
class Problem:
    """Learn from `train`; then list the next items of each of M measured users from their `given` events."""

    name: str
    protocol: str
    """"leave one out", "next basket", "fixed lists" or "split by time"."""
    items: ItemFacts
    train: Histories
    """The events to learn from."""
    given: Histories
    """The known events of each measured user at the moment of the list; row = measured user."""
    given_at: NDArray[np.float64]
    """(M,), that moment in days: the age of an event is `given_at` less its day."""
    truth: ItemLists
    """The next items of each measured user: offsets int64 (M + 1,), items int32, different and rising within a user."""
    ordered: bool
    """Whether `days` tells the order of events."""

    @property
    def timed(self) -> bool:
        """Whether `days` are days on one clock for all users, not places in a sequence."""
        return self.protocol == "split by time"

    def learning_from(self, share: float, seed: int = 7) -> "Problem":
        """Return the problem with a share of the users to learn from, drawn by the seed. A larger share has them all,
        too; the measured users stay.
        """
        users = np.random.default_rng(seed).permutation(len(self.train))[: round(share * len(self.train))]
        return replace(self, train=self.train.rows(np.sort(users)))

    def with_users(self, rows: NDArray[np.int64]) -> "Problem":
        """Return the problem with some of its measured users."""
        places, offsets = places_of(self.truth.offsets, rows)
        return replace(
            self,
            given=self.given.rows(rows),
            given_at=self.given_at[rows],
            truth=ItemLists(offsets, self.truth.items[places]),
        )


class Method(Protocol):
    """A method to measure. It learns from `problem.train` and `problem.items` alone."""

    name: str
    parameters: int
    """How many learned or counted numbers scoring needs; known after `fit`."""

    def fit(self, problem: Problem) -> None:
        """Learn from `train` and `items` of the problem, and from the kind of its data."""

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the score of every item for each user of a block, float32 (m, N); -inf keeps an item off the list.

        at: the moment of each user, (m,), as `Problem.given_at`.
        """


def histories(
    users: NDArray[np.int64],
    count: int,
    items: NDArray[np.int32],
    days: NDArray[np.float64],
    weights: NDArray[np.float32],
) -> Histories:
    """Make histories of `count` users from events in any order, (E,) each; simultaneous events keep their order."""
    order = np.lexsort((days, users))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=count))]).astype(np.int64)
    return Histories(
        offsets, items[order].astype(np.int32), days[order].astype(np.float64), weights[order].astype(np.float32)
    )


def distinct(users: NDArray[np.int64], count: int, items: NDArray[np.int32]) -> ItemLists:
    """Return the different items of each of `count` users, rising, from pairs in any order, (E,) each."""
    size = int(items.max(initial=0)) + 1
    pairs = np.unique(users.astype(np.int64) * size + items)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(pairs // size, minlength=count))]).astype(np.int64)
    return ItemLists(offsets, (pairs % size).astype(np.int32))


def places_of(offsets: NDArray[np.int64], users: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of some users' entries in a CSR form, and the offsets of the CSR form of those entries."""
    starts, lengths = offsets[users], offsets[np.asarray(users) + 1] - offsets[users]
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1]), ends
