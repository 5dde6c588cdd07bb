"""Slices of the measured users and of their wanted items, by kind of item and kind of user."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.problems.problem import Problem, distinct, places_of
from jobs.ranking.exact import ItemLists

HEAD = 0.8
"""The head is the fewest items with this share of the training events; the others are the long tail."""
CATEGORIES = 10
NEW = "new items"


@dataclass(frozen=True)
class Slice:
    """Some of the measured users, and those of their wanted items that count."""

    name: str
    users: NDArray[np.int64]
    """(n,), rows of `Problem.truth`, rising."""
    truth: ItemLists
    """The wanted items of those n users: at least one each."""

    @property
    def each(self) -> list[NDArray[np.int32]]:
        """The wanted items of each user."""
        return np.split(self.truth.items, self.truth.offsets[1:-1])


def wanted(problem: Problem, masked: bool) -> Slice:
    """Return the slice "all". masked: given items are not wanted, and a user who wants nothing else is left out."""
    return of_items(
        "all",
        Slice("", np.arange(len(problem.given)), problem.truth),
        ~_given(problem) if masked else np.ones(len(problem.truth.items), np.bool_),
    )


def slices(problem: Problem, whole: Slice) -> list[Slice]:
    """Return the slices of a whole (by `wanted`) that are not empty.

    By item: "new items" (in no training event), "long tail" (outside the head), "never had" (not among the user's given
    events; left out where it would be everything), and the ten most wanted categories. By user: "light users" and
    "heavy users", the lowest and the highest third by number of given events.
    """
    users = np.repeat(whole.users, np.diff(whole.truth.offsets))
    items = whole.truth.items
    events = _events(problem)
    known = _is_given(users, items, problem)
    parts = [
        of_items(NEW, whole, new_items(problem)[items]),
        of_items("long tail", whole, ~head(events)[items]),
        *_histories(problem, whole),
        *_categories(problem, whole),
    ]
    if known.any():
        parts.append(of_items("never had", whole, ~known))
    return [part for part in parts if len(part.users)]


def new_items(problem: Problem) -> NDArray[np.bool_]:
    """Return the items in no training event, bool (N,)."""
    return _events(problem) == 0


def head(events: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the fewest items with the share HEAD of the training events, ties by the lower row: bool (N,).

    events: the number of training events of each item, (N,).
    """
    order = np.argsort(-events, kind="stable")
    before = np.cumsum(events[order]) - events[order]
    result = np.zeros(len(events), dtype=np.bool_)
    result[order[before < HEAD * events.sum()]] = True
    return result


def of_items(name: str, whole: Slice, chosen: NDArray[np.bool_]) -> Slice:
    """Return the slice of some wanted items. chosen: bool (number of wanted items,)."""
    row = np.repeat(np.arange(len(whole.users)), np.diff(whole.truth.offsets))[chosen]
    rows, number = np.unique(row, return_inverse=True)
    return Slice(name, whole.users[rows], distinct(number, len(rows), whole.truth.items[chosen]))


def of_users(name: str, whole: Slice, chosen: NDArray[np.bool_]) -> Slice:
    """Return the slice of some users. chosen: bool (number of the whole's users,)."""
    places, offsets = places_of(whole.truth.offsets, np.flatnonzero(chosen))
    return Slice(name, whole.users[chosen], ItemLists(offsets, whole.truth.items[places]))


def _events(problem: Problem) -> NDArray[np.int64]:
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


def _given(problem: Problem) -> NDArray[np.bool_]:
    users = np.repeat(np.arange(len(problem.given)), np.diff(problem.truth.offsets))
    return _is_given(users, problem.truth.items, problem)


def _is_given(users: NDArray[np.int64], items: NDArray[np.int32], problem: Problem) -> NDArray[np.bool_]:
    """Say whether each pair of a measured user and an item is among the given events."""
    size = len(problem.items)
    return np.isin(users * size + items, problem.given.users * size + problem.given.items)
