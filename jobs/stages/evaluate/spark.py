"""The slices of the night, block of users by block: by the kinds of items and users that the whole run tells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.slices import Slice, head, of_items, of_users
from jobs.ranking.exact import ItemLists
from jobs.stages.evaluate.contestants import EvaluatedUsers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Kinds:
    """What says in which slices a user and a wanted item are."""

    new: NDArray[np.bool_]
    """(I,): items without an event before the held-out days."""
    tail: NDArray[np.bool_]
    """(I,): items outside the most popular that hold most events."""
    light: float
    """The lowest third of the users have at most so many events."""
    heavy: float
    """The highest third have more."""


def kinds_of(users: "DataFrame", before: "DataFrame", items: int) -> Kinds:
    """Tell them. users: with `events`, their number. before: the events, with `item`. items: how many there are."""
    from pyspark.sql import functions as F

    counts = before.groupBy("item").agg(F.count("*").alias("n")).toArrow()
    taken = np.zeros(items, dtype=np.int64)
    taken[counts["item"].to_numpy()] = counts["n"].to_numpy()
    light, heavy = users.approxQuantile("events", [1 / 3, 2 / 3], 0.0) or (0.0, 0.0)
    return Kinds(taken == 0, ~head(taken), light, heavy)


def slices_of(users: EvaluatedUsers, kinds: Kinds) -> list[Slice]:
    """The slices that are not empty, "all" first; a user's row is that in the block."""
    offsets = np.concatenate([[0], np.cumsum([len(truth) for truth in users.truth])]).astype(np.int64)
    whole = Slice("all", np.arange(len(users.truth)), ItemLists(offsets, np.concatenate(users.truth)))
    items = whole.truth.items
    bought = users.batch.column("bought").to_pylist()
    had = np.concatenate([np.isin(truth, own) for truth, own in zip(users.truth, bought, strict=True)])
    events = users.batch.column("events").to_numpy()
    parts = [
        whole,
        of_items("new items", whole, kinds.new[items]),
        of_items("long tail", whole, kinds.tail[items]),
        of_items("never had", whole, ~had),
        of_users("light users", whole, events <= kinds.light),
        of_users("heavy users", whole, events > kinds.heavy),
    ]
    return [part for part in parts if len(part.users)]
