"""The lists that every night compares: those of the new release, of the incumbent and of three baselines.

All functions work on a block of users, with numpy and torch, without Spark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.methods.baselines import OwnRepeats
from jobs.infra.tables import CHALLENGER, INCUMBENT
from jobs.infra.vector_store import VectorStore
from jobs.models.user_vectors import history_shares, user_matrix
from jobs.ranking.exact import ItemLists, top_k
from jobs.ranking.terms import HistoryBatch, ItemTransitions, terms
from jobs.stages.evaluate.incumbent import ABSENT
from lookup.scoring.score_parameters import ScoreParameters

if TYPE_CHECKING:
    import pyarrow as pa

POPULAR, OWN_PURCHASES, OWN_RECENT = "popular", "own purchases", "own purchases, half-life 90 days"
METHODS = (CHALLENGER, INCUMBENT, POPULAR, OWN_PURCHASES, OWN_RECENT)


@dataclass(frozen=True)
class Contestant:
    """A release, or one to be, whose vectors make lists."""

    vectors: VectorStore
    """With `jobs.infra.vector_store.ITEM_ARRAYS`; the rest may be missing."""
    parameters: ScoreParameters

    def lists(
        self, batch: "pa.RecordBatch", length: int, without: ItemLists | None, item_block: int, device: str
    ) -> NDArray[np.int32]:
        """The best items of each user of a batch of histories, int32 (n, length), -1 after the last.

        without: the items that are not listed, by user.
        """
        vectors = user_matrix(batch, self.vectors.array("item_input"), self.parameters.encoder)
        items = self.vectors.array("item_vector")
        added = terms(
            HistoryBatch.of(**history_shares(batch, self.parameters)),
            ItemTransitions.of(self.vectors),
            self.parameters,
            vectors,
            items,
        )
        found, scores = top_k(
            vectors, items, length, terms=added, exclude=without, item_block=item_block, device=device
        )
        return np.where(scores > ABSENT / 2, found, np.int32(-1))


@dataclass(frozen=True)
class EvaluatedUsers:
    """A block of users who took items in the held-out days."""

    batch: "pa.RecordBatch"
    """Their histories, as `jobs.infra.frames.histories` makes them."""
    history: list[NDArray[np.int32]]
    """Item rows, with repeats, of each user."""
    without: list[NDArray[np.int32]]
    """Item rows that must not be listed for each user; empty where bought items may be listed."""
    truth: list[NDArray[np.int32]]
    """Item rows that each user took in the held-out days; at least one each."""


def take_users(batch: "pa.RecordBatch", masked: bool) -> EvaluatedUsers:
    """The users of a batch of histories with `truth` who are measured.

    masked: items that a user has bought before are neither listed nor wanted. A user who wants nothing else is left
    out.
    """
    import pyarrow as pa

    def rows(name: str) -> list[NDArray[np.int32]]:
        return [np.asarray(one, dtype=np.int32) for one in batch.column(name).to_pylist()]

    bought = rows("bought")
    truth = [np.setdiff1d(t, b) if masked else t for t, b in zip(rows("truth"), bought, strict=True)]
    kept = [n for n, t in enumerate(truth) if len(t)]
    nothing = np.empty(0, dtype=np.int32)
    history = rows("items")
    return EvaluatedUsers(
        batch=batch.take(pa.array(kept, pa.int64())),
        history=[history[n] for n in kept],
        without=[bought[n] if masked else nothing for n in kept],
        truth=[truth[n] for n in kept],
    )


def lists(
    users: EvaluatedUsers,
    contestants: dict[str, Contestant],
    popularity: NDArray[np.float32],
    popular: int,
    length: int,
    *,
    item_block: int,
    device: str,
) -> Iterator[tuple[str, NDArray[np.int32]]]:
    """Each method's lists of item rows, int32 (n, length), -1 after the last.

    contestants: by method. popularity: the score of each item on the day on which the histories end, (I,). popular: the
    length of the popular list of that day, which is the first baseline. The others are each user's own items, by how
    often, and by how often and how lately, the more popular one first where that is equal. The popular list fills them
    up.
    """
    offsets = np.concatenate([[0], np.cumsum([len(w) for w in users.without])])
    without = ItemLists(offsets, np.concatenate(users.without)) if offsets[-1] else None
    for method, contestant in contestants.items():
        yield method, contestant.lists(users.batch, length, without, item_block, device)
    best = most_popular(popularity, popular)
    ages, weights = (users.batch.column(name).to_pylist() for name in ("ages", "weights"))
    often = [own_items(items, np.ones(len(items)), popularity) for items in users.history]
    lately = [
        own_items(items, np.asarray(weight) * np.exp2(-np.asarray(age) / OwnRepeats.HALF_LIFE), popularity)
        for items, age, weight in zip(users.history, ages, weights, strict=True)
    ]
    for method, own in ((POPULAR, [best[:0]] * len(often)), (OWN_PURCHASES, often), (OWN_RECENT, lately)):
        yield method, np.stack([fill(o, best, w, length) for o, w in zip(own, users.without, strict=True)])


def most_popular(popularity: NDArray[np.float32], length: int) -> NDArray[np.int32]:
    """The popular list of the shop, as `topk` makes it: items above 0, the highest first, ties by the lower row."""
    order = np.argsort(-popularity, kind="stable")[:length]
    return order[popularity[order] > 0].astype(np.int32)


def own_items(
    items: NDArray[np.int32], counts: NDArray[np.float64], popularity: NDArray[np.float32]
) -> NDArray[np.int32]:
    """The different items of a history, the one with the highest sum of counts first, ties by popularity, then by row.

    counts: how much each event counts, (events,). popularity: of all items, (I,).
    """
    own, place = np.unique(items, return_inverse=True)
    sums = np.bincount(place, weights=counts, minlength=len(own))
    return own[np.lexsort((own, -popularity[own], -sums))]


def fill(
    first: NDArray[np.int32], more: NDArray[np.int32], without: NDArray[np.int32], length: int
) -> NDArray[np.int32]:
    """A list of `first`, filled up from `more`, each item once and none of `without`; -1 after the last."""
    joined = np.concatenate([first, more])
    _, places = np.unique(joined, return_index=True)
    ordered = joined[np.sort(places)]
    ordered = ordered[~np.isin(ordered, without)][:length]
    return np.pad(ordered, (0, length - len(ordered)), constant_values=-1).astype(np.int32)
