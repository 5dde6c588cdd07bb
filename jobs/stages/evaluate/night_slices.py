"""The slices of the night: kinds of wanted items and kinds of users, for one block of users after the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.slices import Slice, of_items, of_users
from jobs.ranking.exact import ItemLists
from jobs.stages.evaluate.contestants import EvaluatedUsers


@dataclass(frozen=True)
class Kinds:
    """What decides in which slices a user and a wanted item are."""

    new: NDArray[np.bool_]
    """(I,): items without an event before the held-out days."""
    tail: NDArray[np.bool_]
    """(I,): items outside the most popular ones that have most of the events."""
    light: float
    """The lowest third of the users have at most so many events."""
    heavy: float
    """The highest third of the users have more events than this."""


def slices_of(users: EvaluatedUsers, kinds: Kinds) -> list[Slice]:
    """The slices that are not empty, "all" first. The rows of users are those of the block."""
    offsets = np.concatenate([[0], np.cumsum([len(truth) for truth in users.truth])]).astype(np.int64)
    whole = Slice("all", np.arange(len(users.truth)), ItemLists(offsets, np.concatenate(users.truth)))
    items = whole.truth.items
    bought = users.batch.column("bought").to_pylist()
    known = np.concatenate([np.isin(truth, own) for truth, own in zip(users.truth, bought, strict=True)])
    events = users.batch.column("events").to_numpy()
    parts = [
        whole,
        of_items("new items", whole, kinds.new[items]),
        of_items("long tail", whole, kinds.tail[items]),
        of_items("never had", whole, ~known),
        of_users("light users", whole, events <= kinds.light),
        of_users("heavy users", whole, events > kinds.heavy),
    ]
    return [part for part in parts if len(part.users)]
