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
    """Every user's history before a day: user_id, items, ages, weights (newest first), bought, events, last_event.

    ages: whole days, float32, as the model was trained on them; the day before `until` is 1. At most `newest` events
    are in the lists; `bought` holds the different items of the whole history, rising, `events` counts it.
    """
    from pyspark.sql import functions as F

    age = F.datediff(F.lit(until), F.col("day")).cast("float").alias("age")
    return (
        events.filter(F.col("day") < F.lit(until))
        .groupBy("user_id")
        .agg(
            F.slice(F.sort_array(F.collect_list(F.struct("time", "item", age, "weight")), False), 1, newest).alias("h"),
            F.sort_array(F.collect_set("item")).alias("bought"),
            F.count("*").alias("events"),
            F.max("time").alias("last_event"),
        )
        .select(
            "user_id",
            F.col("h.item").alias("items"),
            F.col("h.age").alias("ages"),
            F.col("h.weight").alias("weights"),
            "bought",
            "events",
            "last_event",
        )
    )


def vectors(users: "DataFrame", run: Run) -> "DataFrame":
    """Add `vector` to users with histories (as made by `histories`, with `user`), on the executors."""
    folder = run.existing("vectors")
    encoder = Encoder.from_json(run.read_json("vectors/space.json")["encoder"])
    names = USER_VECTORS.columns

    def embed(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        from jobs.arrow import list_column

        inputs = np.load(folder / "item_input.npy", mmap_mode="r")
        for batch in batches:
            column = list_column(user_matrix(batch, inputs, encoder))
            columns = [column if name == "vector" else batch.column(name) for name in names]
            yield pa.RecordBatch.from_arrays(columns, names)

    return users.mapInArrow(embed, USER_VECTORS.ddl)


def user_matrix(batch: "pa.RecordBatch", inputs: np.ndarray, encoder: Encoder) -> np.ndarray:
    """The vectors of the users of a batch, float32 (n, D), from its columns items, ages and weights."""
    ends = batch.column("items").offsets.to_numpy()
    items, ages, weights = (
        batch.column(name).values.to_numpy(zero_copy_only=False) for name in ("items", "ages", "weights")
    )
    result = np.empty((batch.num_rows, inputs.shape[1]), dtype=np.float32)
    for row, (a, b) in enumerate(pairwise(ends)):
        result[row] = encoder.user_vector(inputs[items[a:b]], ages[a:b].astype(float), weights[a:b].astype(float))
    return result
