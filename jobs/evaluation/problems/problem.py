"""What is measured: who had what, what they took then, and what is known of the items. Numpy and scipy, no Spark."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.ranking.exact import ItemLists

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True)
class Histories:
    """Events of U users in CSR form: user u has the events offsets[u] … offsets[u + 1], in order of time."""

    offsets: NDArray[np.int64]
    """(U + 1,), rising."""
    items: NDArray[np.int32]
    """(E,), item rows; an item may come again."""
    days: NDArray[np.float64]
    """(E,), when, in days. In ordered data without times the position 0, 1, 2 …; in unordered data 0."""
    weights: NDArray[np.float32]
    """(E,), of the event's type."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events of each user, (U,)."""
        return np.diff(self.offsets)

    @property
    def users(self) -> NDArray[np.int64]:
        """The user of each event, (E,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def of(self, user: int) -> slice:
        """Where the events of a user stand in `items`, `days` and `weights`."""
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))

    def rows(self, users: NDArray[np.int64]) -> "Histories":
        """The histories of some users, in the order in which they are given."""
        places, offsets = places_of(self.offsets, users)
        return Histories(offsets, self.items[places], self.days[places], self.weights[places])

    def newest(self, most: int) -> "Histories":
        """The newest `most` events of every user."""
        lengths = np.minimum(self.lengths, most)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.repeat(self.offsets[1:] - offsets[1:], lengths) + np.arange(offsets[-1])
        return Histories(offsets, self.items[places], self.days[places], self.weights[places])

    def matrix(self, columns: int, values: NDArray[np.float32] | None = None) -> "sp.csr_array":
        """float32 (U, columns), sparse: the sum of each user's `values` of an item, (E,); default: `weights`."""
        import scipy.sparse as sp

        data = np.array(self.weights if values is None else values, dtype=np.float32)
        matrix = sp.csr_array((data, self.items.copy(), self.offsets.copy()), shape=(len(self), columns))
        matrix.sum_duplicates()
        return matrix


@dataclass(frozen=True)
class ItemFacts:
    """What is known of the N items before anybody has them; the place in each list is the item's row."""

    ids: list[str]
    texts: list[str]
    """"" where there is none."""
    attributes: list[list[str]]
    """Labels, such as "category=Grocery>Milk", "brand=…", or opaque ids of a public set."""
    prices: NDArray[np.float64]
    """(N,), NaN where unknown."""
    categories: list[str]
    """The widest category; "" where there is none."""

    def __len__(self) -> int:
        return len(self.ids)

    def attribute_matrix(self) -> "sp.csr_array":
        """float32 (N, number of different attributes), sparse: 1 where the item has it."""
        import scipy.sparse as sp

        names = sorted({label for labels in self.attributes for label in labels})
        column = {name: n for n, name in enumerate(names)}
        own = [sorted({column[label] for label in labels}) for labels in self.attributes]
        offsets = np.cumsum([0, *map(len, own)])
        columns = np.asarray([c for labels in own for c in labels], dtype=np.int32)
        return sp.csr_array((np.ones(len(columns), np.float32), columns, offsets), shape=(len(self), len(names)))


@dataclass(frozen=True)
class Problem:
    """Learn from `train`; then, from what is `given` of each of M measured users, list what they take next."""

    name: str
    protocol: str
    """"leave one out", "fixed lists" or "split by time"."""
    items: ItemFacts
    train: Histories
    """All that may be learned from."""
    given: Histories
    """What is known of each measured user when the list is made; row = measured user."""
    given_at: NDArray[np.float64]
    """(M,), that moment, in days: the age of an event is `given_at` less its day."""
    truth: ItemLists
    """What each measured user then took: offsets int64 (M + 1,), items int32, different and rising within a user."""
    ordered: bool
    """Whether `days` says which event came first."""

    @property
    def timed(self) -> bool:
        """Whether `days` are days, and the same for all users, rather than places in a sequence."""
        return self.protocol == "split by time"


class Method(Protocol):
    """What can be measured. It learns from `problem.train` and `problem.items` alone."""

    name: str
    parameters: int
    """Learned or counted numbers that scoring needs; known after `fit`."""

    def fit(self, problem: Problem) -> None:
        """Learn. Reads nothing of the problem but `train`, `items` and what kind of data they are."""

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """The score of every item for each user of a block, float32 (m, N); -inf where it must not be listed.

        at: the moment of each user, (m,), as `Problem.given_at`.
        """


def histories(
    users: NDArray[np.int64],
    count: int,
    items: NDArray[np.int32],
    days: NDArray[np.float64],
    weights: NDArray[np.float32],
) -> Histories:
    """Histories of `count` users from events in any order, (E,) each; events of the same time keep their order."""
    order = np.lexsort((days, users))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=count))]).astype(np.int64)
    return Histories(
        offsets, items[order].astype(np.int32), days[order].astype(np.float64), weights[order].astype(np.float32)
    )


def distinct(users: NDArray[np.int64], count: int, items: NDArray[np.int32]) -> ItemLists:
    """The different items of each of `count` users, rising, from pairs in any order, (E,) each."""
    pairs = np.unique(np.stack([users, items.astype(np.int64)]), axis=1) if len(users) else np.empty((2, 0), np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(pairs[0], minlength=count))]).astype(np.int64)
    return ItemLists(offsets, pairs[1].astype(np.int32))


def places_of(offsets: NDArray[np.int64], users: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the entries of some users stand in a CSR form, and the offsets of the smaller form made of them."""
    starts, lengths = offsets[users], offsets[np.asarray(users) + 1] - offsets[users]
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1]), ends
