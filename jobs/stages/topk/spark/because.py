"""Why a user's first items are recommended: the item of the history that gives most to each score."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from jobs.config.release import TopKConfig
from jobs.infra.cluster.tasks import partitions
from jobs.infra.receipts.tasks import measured
from jobs.infra.tables import USER_BECAUSE
from jobs.infra.vector_store import VectorStore
from jobs.ranking.terms import ItemTransitions
from lookup.scoring.explain import item_shares
from lookup.scoring.score_parameters import TransitionRows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]
COLUMNS = ("user", "history", "days", "weights", "listed")


def user_because(
    users: "DataFrame",
    lists: "DataFrame",
    vectors: VectorStore,
    options: TopKConfig,
    *,
    night: date,
    count: int,
) -> "DataFrame":
    """Table USER_BECAUSE, from the tables USER_VECTORS and USER_TOPK. night: the day from which ages are counted."""
    from pyspark.sql import functions as F

    first = lists.select("user", F.slice("items", 1, options.because).alias("listed"))
    both = users.select("user", F.col("items").alias("history"), "days", "weights").join(first, "user")
    task = partial(reasons, vectors=vectors, today=(night - date(1970, 1, 1)).days)
    parts = partitions(users.sparkSession, count, options.user_block)
    return both.select(*COLUMNS).repartition(parts).mapInArrow(measured(task), USER_BECAUSE.ddl)


def reasons(batches: Batches, vectors: VectorStore, today: int) -> Batches:
    """Batches of USER_BECAUSE from batches of COLUMNS. today: days since 1970, from which ages are counted."""
    parameters, follow = vectors.score_parameters, ItemTransitions.of(vectors)
    inputs, outputs = vectors.array("item_input"), vectors.array("item_vector")
    for batch in batches:
        history, days, weights, listed = (batch.column(name) for name in COLUMNS[1:])
        values = [column.values.to_numpy(zero_copy_only=False) for column in (history, days, weights, listed)]
        because, shares, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)], [0]
        events, places = (pairwise(column.offsets.to_numpy().tolist()) for column in (history, listed))
        for (start, end), (first, last) in zip(events, places, strict=True):
            rows, items = values[0][start:end], values[3][first:last]
            if not len(rows) or not len(items):
                lengths.append(0)
                continue
            transitions = TransitionRows(follow.next_item[rows], follow.next_weight[rows], follow.item_repeat[rows])
            ages = np.maximum(today - values[1][start:end], 0).astype(np.float64)
            counts = values[2][start:end].astype(np.float64)
            found, given = item_shares(
                parameters,
                rows,
                inputs[rows],
                ages=ages,
                weights=counts,
                transitions=transitions,
                vectors=outputs[items],
                items=items,
            )
            _, _, again = parameters.repeat_terms(rows, parameters.repeat_shares(ages, counts), transitions.item_repeat)
            given += np.where(found[:, None] == items, again[:, None], 0.0)
            most = given.argmax(axis=0)
            because.append(found[most])
            shares.append(given[most, np.arange(len(items))].astype(np.float32))
            lengths.append(len(items))
        offsets = pa.array(np.cumsum(lengths).astype(np.int32))
        columns = [pa.ListArray.from_arrays(offsets, pa.array(np.concatenate(part))) for part in (because, shares)]
        yield pa.RecordBatch.from_arrays([batch.column("user"), *columns], names=USER_BECAUSE.columns)
