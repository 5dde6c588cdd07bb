"""The lists of users by Spark: each task scores a block of users. What lists of items need, too."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.config.release import TopKConfig
from jobs.infra.arrow import matrix
from jobs.infra.cluster.tasks import partitions, task_threads
from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import task_device
from jobs.infra.tables import USER_AGAIN, USER_TOPK, USER_UNSEEN
from jobs.infra.vector_store import VectorStore
from jobs.ranking.device import DeviceItems
from jobs.ranking.exact import ItemLists, Rows, ScanItems, Terms, rank, resident, top_k
from jobs.ranking.join import join
from jobs.ranking.terms import HistoryBatch, ItemTransitions, terms
from jobs.ranking.variants import best_with_had, top_k_things

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]
Groups = NDArray[np.int32] | None


USER_COLUMNS = ("user", "vector", "bought", "history", "shares", "repeats")


def user_unseen(
    users: "DataFrame", vectors: VectorStore, options: TopKConfig, count: int, *, groups: Groups = None
) -> "DataFrame":
    """Table USER_UNSEEN: the best items that each user never had; empty lists unless `bought` is "include".

    groups: of each item, (I,); a list has one item of a group. None: no item has one.
    """
    if options.bought != "include":
        return _no_lists(users)
    return _best_without_bought(users, vectors, options, count, groups)


def user_lists(
    users: "DataFrame",
    unseen: "DataFrame",
    vectors: VectorStore,
    options: TopKConfig,
    count: int,
    *,
    groups: Groups = None,
) -> "DataFrame":
    """Table USER_TOPK: the best items of each user, without bought ones unless `bought` is "include".

    unseen: the table USER_UNSEEN. With the best bought items it makes the best of all, so that all items are scored
    once. groups: as of `user_unseen`.
    """
    if options.bought != "include":
        return _best_without_bought(users, vectors, options, count, groups)
    parts = partitions(users.sparkSession, count, options.user_block)
    task = partial(_user_lists, vectors=vectors, options=options, groups=groups)
    both = users.select(*USER_COLUMNS).join(unseen, "user")
    return both.repartition(parts).mapInArrow(measured(task), USER_TOPK.ddl)


def user_again(users: "DataFrame", vectors: VectorStore, options: TopKConfig, count: int) -> "DataFrame":
    """Table USER_AGAIN: the items of each user's history, best first; empty lists unless `bought` is "separate"."""
    if options.bought != "separate":
        return _no_lists(users)
    parts = partitions(users.sparkSession, count, options.user_block)
    task = partial(_user_again, vectors=vectors, options=options)
    return users.select(*USER_COLUMNS).repartition(parts).mapInArrow(measured(task), USER_AGAIN.ddl)


def _no_lists(users: "DataFrame") -> "DataFrame":
    from pyspark.sql import functions as F

    nothing = (F.array().cast("array<int>").alias("items"), F.array().cast("array<float>").alias("scores"))
    return users.select("user", *nothing)


def _best_without_bought(
    users: "DataFrame", vectors: VectorStore, options: TopKConfig, count: int, groups: Groups
) -> "DataFrame":
    parts = partitions(users.sparkSession, count, options.user_block)
    task = partial(_without_bought, vectors=vectors, options=options, groups=groups, each=count // parts)
    return users.select(*USER_COLUMNS).repartition(parts).mapInArrow(measured(task), USER_UNSEEN.ddl)


def _without_bought(batches: Batches, vectors: VectorStore, options: TopKConfig, groups: Groups, each: int) -> Batches:
    """Make the lists of the users of a task, about `each`."""
    items = vectors.array("item_vector")
    held = held_items(items, each)
    for batch in batches:
        queries = matrix(batch.column("vector"), items.shape[1])
        added = _terms(batch, vectors, queries, items)
        bought = _lists(batch, "bought")
        found = best(queries, held, options.places, options, added=added, exclude=bought, groups=groups)
        yield table(USER_UNSEEN.columns, batch.column("user"), *found)


def ranked_unseen(
    users: pa.RecordBatch, vectors: VectorStore, options: TopKConfig, groups: Groups
) -> list[NDArray[np.float32]]:
    """The scores of the lists of some users, without what they bought, best first; outside of Spark, too.

    users: with USER_COLUMNS.
    """
    made = next(_without_bought(iter([users]), vectors, options, groups, len(users)))
    return [scores.values.to_numpy() for scores in made.column("scores")]


def _user_lists(batches: Batches, vectors: VectorStore, options: TopKConfig, groups: Groups) -> Batches:
    items = vectors.array("item_vector")
    for batch in batches:
        queries = matrix(batch.column("vector"), items.shape[1])
        added = _terms(batch, vectors, queries, items)
        bought = _lists(batch, "bought")
        k = options.places
        if groups is None:
            found = join(rank(queries, items, bought, k, added), _ranked(batch, k), k)
        else:
            found = best_with_had(queries, items, bought, _ranked(batch, k), k=k, groups=groups, terms=added)
        yield table(USER_TOPK.columns, batch.column("user"), *found)


def _user_again(batches: Batches, vectors: VectorStore, options: TopKConfig) -> Batches:
    items = vectors.array("item_vector")
    for batch in batches:
        queries = matrix(batch.column("vector"), items.shape[1])
        added = _terms(batch, vectors, queries, items)
        found = rank(queries, items, _lists(batch, "bought"), options.again, added)
        yield table(USER_AGAIN.columns, batch.column("user"), *found)


def _terms(
    batch: pa.RecordBatch, vectors: VectorStore, queries: NDArray[np.float32], items: NDArray[np.float32]
) -> Terms:
    history = HistoryBatch.of(*(batch.column(name) for name in ("history", "shares", "repeats")))
    return terms(history, ItemTransitions.of(vectors), vectors.score_parameters, queries, items)


def held_items(items: Rows, each: int) -> Rows | DeviceItems | ScanItems:
    """Return what all batches of a task rank. each: about how many queries they have."""
    import torch

    device = task_device()
    if device == "cpu":
        torch.set_num_threads(1)  # `top_k` has threads of its own
    return resident(items, device, each, task_threads())


def best(
    queries: NDArray[np.float32],
    items: Rows | DeviceItems | ScanItems,
    k: int,
    options: TopKConfig,
    *,
    added: Terms | None,
    exclude: ItemLists | None,
    groups: Groups,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The lists of some queries in a task, as `top_k` returns them. items: as `held_items` returns them."""
    device = task_device()

    def search(some: NDArray[np.intp], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        every = len(some) == len(queries)
        return top_k(
            queries if every else queries[some],
            items,
            n,
            terms=added if every or added is None else added.of(some),
            exclude=exclude if every or exclude is None else exclude.of(some),
            user_block=options.user_block,
            item_block=options.item_block,
            device=device,
            threads=task_threads() if device == "cpu" else 1,
        )

    if groups is None:
        return search(np.arange(len(queries)), k)
    return top_k_things(search, len(queries), k, groups)


def table(names: list[str], keys: pa.Array, items: NDArray[np.int32], scores: NDArray[np.float32]) -> pa.RecordBatch:
    """A batch of a table of lists: its key, items and scores."""
    there = items >= 0
    offsets = pa.array(np.concatenate([[0], there.sum(axis=1).cumsum()]).astype(np.int32))
    lists = [pa.ListArray.from_arrays(offsets, pa.array(values[there])) for values in (items, scores)]
    return pa.RecordBatch.from_arrays([keys, *lists], names=names)


def _ranked(batch: pa.RecordBatch, length: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The columns `items` and `scores` as `top_k` returns them. length: of the longest list, or more."""
    lists = _lists(batch, "items")
    there = np.arange(length) < np.diff(lists.offsets)[:, None]
    items, scores = np.full(there.shape, -1, dtype=np.int32), np.zeros(there.shape, dtype=np.float32)
    items[there], scores[there] = lists.items, batch.column("scores").flatten().to_numpy()
    return items, scores


def _lists(batch: pa.RecordBatch, name: str) -> ItemLists:
    column = batch.column(name)
    return ItemLists(column.offsets.to_numpy() - column.offsets[0].as_py(), column.flatten().to_numpy())
