"""Users' histories from the events, and their vectors."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from jobs.runs import Run
from jobs.tables import USER_VECTORS
from lookup.encoder import Encoder

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def histories(events: "DataFrame", until: date, newest: int) -> "DataFrame":
    """Every user's history before a day: user_id, items, days, ages, weights, bought, events, last_event.

    The lists begin with the oldest event. days: since 1970, UTC. ages: whole days, float32, as the model was trained on
    them; the day before `until` is 1. At most `newest` events
    are in the lists; `bought` holds the different items of the whole history, rising, `events` counts it.
    """
    from pyspark.sql import functions as F

    age = F.datediff(F.lit(until), F.col("day")).cast("float").alias("age")
    one = F.struct("time", "item", age, F.unix_date("day").alias("on"), "weight")
    return (
        events.filter(F.col("day") < F.lit(until))
        .groupBy("user_id")
        .agg(
            F.reverse(F.slice(F.sort_array(F.collect_list(one), False), 1, newest)).alias("h"),
            F.sort_array(F.collect_set("item")).alias("bought"),
            F.count("*").alias("events"),
            F.max("time").alias("last_event"),
        )
        .select(
            "user_id",
            F.col("h.item").alias("items"),
            F.col("h.on").alias("days"),
            F.col("h.age").alias("ages"),
            F.col("h.weight").alias("weights"),
            "bought",
            "events",
            "last_event",
        )
    )


def vectors(users: "DataFrame", run: Run) -> "DataFrame":
    """Add what table USER_VECTORS needs to users with histories (as made by `histories`, with `user`), on executors."""
    folder = run.existing("vectors")
    encoder = Encoder.from_json(run.read_json("vectors/space.json")["encoder"])
    names = USER_VECTORS.columns

    def embed(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        from jobs.arrow import list_column

        inputs = np.load(folder / "item_input.npy", mmap_mode="r")
        for batch in batches:
            made = {"vector": list_column(user_matrix(batch, inputs, encoder)), **had(batch, encoder)}
            columns = [made[name] if name in made else batch.column(name) for name in names]
            yield pa.RecordBatch.from_arrays(columns, names)

    return users.mapInArrow(embed, USER_VECTORS.ddl)


def user_matrix(batch: "pa.RecordBatch", inputs: np.ndarray, encoder: Encoder) -> np.ndarray:
    """The vectors of the users of a batch, float32 (n, D), from its columns items, ages and weights."""
    result = np.empty((batch.num_rows, inputs.shape[1]), dtype=np.float32)
    for row, (items, ages, weights) in enumerate(_events(batch)):
        result[row] = encoder.user_vector(inputs[items], ages, weights)
    return result


def had(batch: "pa.RecordBatch", encoder: Encoder) -> "dict[str, pa.ListArray]":
    """The columns history (the different items of each user of a batch, rising), shares and repeats (their sums)."""
    import pyarrow as pa

    users = []
    for items, ages, weights in _events(batch):
        found, place = np.unique(items, return_inverse=True)
        parts = (encoder.next_shares(ages, weights), encoder.repeat_shares(ages, weights))
        users.append((found, *(np.bincount(place, weights=part, minlength=len(found)) for part in parts)))
    ends = pa.array(np.cumsum([0, *(len(found) for found, _, _ in users)]).astype(np.int32))
    kinds = {"history": np.int32, "shares": np.float32, "repeats": np.float32}
    columns = {name: [user[n] for user in users] or [np.empty(0)] for n, name in enumerate(kinds)}
    return {
        name: pa.ListArray.from_arrays(ends, pa.array(np.concatenate(columns[name]).astype(kind)))
        for name, kind in kinds.items()
    }


def _events(batch: "pa.RecordBatch") -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Items, ages and weights of each user's history."""
    ends = batch.column("items").offsets.to_numpy()
    items, ages, weights = (
        batch.column(name).values.to_numpy(zero_copy_only=False) for name in ("items", "ages", "weights")
    )
    for a, b in pairwise(ends):
        yield items[a:b], ages[a:b].astype(float), weights[a:b].astype(float)
