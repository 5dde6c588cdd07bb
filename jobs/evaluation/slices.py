"""Parts of what is measured: kinds of items that were wanted, and kinds of users."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.problems.problem import Problem, distinct, places_of
from jobs.ranking.exact import ItemLists

HEAD = 0.8
"""The most popular items that hold this share of the training events are the head; the others are the long tail."""
CATEGORIES = 10
NEW = "new items"


@dataclass(frozen=True)
class Slice:
    """Some of the measured users, and what of theirs counts as wanted."""

    name: str
    users: NDArray[np.int64]
    """(n,), rows of `Problem.truth`, rising."""
    truth: ItemLists
    """What those n users wanted: at least one item each."""

    @property
    def each(self) -> list[NDArray[np.int32]]:
        """What each of the users wanted."""
        return np.split(self.truth.items, self.truth.offsets[1:-1])


def wanted(problem: Problem, masked: bool) -> Slice:
    """The slice "all". masked: what a user was given is not wanted; a user with nothing else is left out."""
    return of_items(
        "all",
        Slice("", np.arange(len(problem.given)), problem.truth),
        ~_had(problem) if masked else np.ones(len(problem.truth.items), np.bool_),
    )


def slices(problem: Problem, whole: Slice) -> list[Slice]:
    """The parts of a whole (as `wanted` makes it) that are not empty.

    Of items: "new items" (in no training event), "long tail" (outside the head), "never had" (the user was not given
    it; left out where that is all), and the ten categories most wanted. Of users: "light users" and "heavy users", the
    lowest and the highest third by number of given events.
    """
    users = np.repeat(whole.users, np.diff(whole.truth.offsets))
    items = whole.truth.items
    taken = _taken(problem)
    had = _is_in(users, items, problem)
    parts = [
        of_items(NEW, whole, new_items(problem)[items]),
        of_items("long tail", whole, ~head(taken)[items]),
        *_histories(problem, whole),
        *_categories(problem, whole),
    ]
    if had.any():
        parts.append(of_items("never had", whole, ~had))
    return [part for part in parts if len(part.users)]


def new_items(problem: Problem) -> NDArray[np.bool_]:
    """The items in no training event, bool (N,)."""
    return _taken(problem) == 0


def head(taken: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The fewest items that hold HEAD of the training events, ties by the lower row: bool (N,). taken: (N,)."""
    order = np.argsort(-taken, kind="stable")
    before = np.cumsum(taken[order]) - taken[order]
    result = np.zeros(len(taken), dtype=np.bool_)
    result[order[before < HEAD * taken.sum()]] = True
    return result


def of_items(name: str, whole: Slice, kept: NDArray[np.bool_]) -> Slice:
    """The slice of the wanted items that are kept, bool (number of wanted items,)."""
    row = np.repeat(np.arange(len(whole.users)), np.diff(whole.truth.offsets))[kept]
    rows, number = np.unique(row, return_inverse=True)
    return Slice(name, whole.users[rows], distinct(number, len(rows), whole.truth.items[kept]))


def of_users(name: str, whole: Slice, kept: NDArray[np.bool_]) -> Slice:
    """The slice of the users that are kept, bool (number of the whole's users,)."""
    places, offsets = places_of(whole.truth.offsets, np.flatnonzero(kept))
    return Slice(name, whole.users[kept], ItemLists(offsets, whole.truth.items[places]))


def _taken(problem: Problem) -> NDArray[np.int64]:
    return np.bincount(problem.train.items, minlength=len(problem.items))


def _histories(problem: Problem, whole: Slice) -> list[Slice]:
    lengths = problem.given.lengths[whole.users]
    if lengths.min(initial=0) == lengths.max(initial=0):
        return []
    low, high = np.quantile(lengths, [1 / 3, 2 / 3])
    return [
        of_users("light users", whole, lengths <= low),
        of_users("heavy users", whole, lengths > high),
    ]


def _categories(problem: Problem, whole: Slice) -> list[Slice]:
    names, number = np.unique(problem.items.categories, return_inverse=True)
    of_wanted = number[whole.truth.items]
    count = np.bincount(of_wanted, minlength=len(names))
    count[names == ""] = 0
    most = [n for n in np.argsort(-count, kind="stable")[:CATEGORIES] if count[n]]
    return [of_items(f"category {names[n]}", whole, of_wanted == n) for n in most]


def _had(problem: Problem) -> NDArray[np.bool_]:
    users = np.repeat(np.arange(len(problem.given)), np.diff(problem.truth.offsets))
    return _is_in(users, problem.truth.items, problem)


def _is_in(users: NDArray[np.int64], items: NDArray[np.int32], problem: Problem) -> NDArray[np.bool_]:
    """Whether each pair of a measured user and an item is among the given events."""
    size = len(problem.items)
    return np.isin(users * size + items, problem.given.users * size + problem.given.items)
