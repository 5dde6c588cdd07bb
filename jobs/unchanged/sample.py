"""Some users of an earlier night whose vectors and lists are made again, to see that they are what the code makes."""

import random
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa

from jobs.config.config import Config
from jobs.infra.blocks import Blocks
from jobs.infra.item_groups import codes_of_run
from jobs.infra.tables import EVENTS, USER_TOPK, USER_UNSEEN, USER_VECTORS
from jobs.infra.vector_store import VectorStore

CHECKED = 32
"""So many users, at most."""
CLOSE = 1e-4
"""The last bits of a product depend on how many are made at once; no more of a score may."""


def differs(config: Config) -> str | None:
    """What is another thing than the code makes of the earlier night's events and item vectors; None where nothing is.

    config: of the earlier night.
    """
    table = _table(config, USER_VECTORS.name)
    ids = table.select("user_id").collect()["user_id"]
    if not len(ids):
        return None
    drawn = random.sample(range(len(ids)), min(CHECKED, len(ids)))
    users = table.filter(pl.col("user_id").is_in(ids[drawn].implode())).collect().sort("user_id")
    histories = _histories(config, users["user_id"])
    for name in ("items", "days", "weights"):
        if users[name].to_list() != histories[name].to_list():
            return f"{USER_VECTORS.name}: {name} of a user are not those of the events"
    return _vectors(config, users) or _lists(config, users)


def _histories(config: Config, users: pl.Series) -> pl.DataFrame:
    """What `jobs.infra.frames.histories` makes of the events of some users, in the order of their ids."""
    events = _table(config, EVENTS.name).filter(pl.col("user_id").is_in(users.implode()))
    known = events.filter(pl.col("day") < config.run.day).select("user_id", "time", "item", "day", "weight").collect()
    days = known.with_columns((pl.col("day") - date(1970, 1, 1)).dt.total_days().cast(pl.Int32).alias("days"))
    ordered = days.sort(["user_id", "time", "item", "weight"])
    newest = ordered.group_by("user_id", maintain_order=True).tail(config.train.max_history)
    columns = (pl.col("item").alias("items"), pl.col("days"), pl.col("weight").alias("weights"))
    return newest.group_by("user_id", maintain_order=True).agg(*columns)


def _vectors(config: Config, users: pl.DataFrame) -> str | None:
    vectors = VectorStore.of(config.run)
    inputs, today = vectors.array("item_input"), (config.run.day - date(1970, 1, 1)).days
    for row in users.iter_rows(named=True):
        ages = today - np.asarray(row["days"], np.float64)
        made = vectors.encoder.user_vector(inputs[row["items"]], ages, np.asarray(row["weights"], np.float64))
        if not np.allclose(made, np.asarray(row["vector"], np.float32), rtol=0, atol=CLOSE):
            return f"{USER_VECTORS.name}: the vector of a user is not that of the history"
    return None


def _lists(config: Config, users: pl.DataFrame) -> str | None:
    from jobs.stages.topk.spark.lists import USER_COLUMNS, ranked_unseen

    table = USER_UNSEEN if config.topk.bought == "include" else USER_TOPK
    rows = users.select(USER_COLUMNS).to_arrow().cast(_narrow(users)).combine_chunks().to_batches()[0]
    made = ranked_unseen(rows, VectorStore.of(config.run), config.topk, codes_of_run(config.run))
    kept = _table(config, table.name).filter(pl.col("user").is_in(users["user"].implode())).collect()
    known = {row["user"]: row["scores"] for row in kept.iter_rows(named=True)}
    for user, scores in zip(users["user"], made, strict=True):
        listed = np.asarray(known.get(user, []), np.float32)
        if len(listed) != len(scores) or not np.allclose(listed, scores, rtol=CLOSE, atol=CLOSE):
            return f"{table.name}: the list of a user is not that of the vector"
    return None


def _narrow(users: pl.DataFrame) -> pa.Schema:
    """Lists as Spark makes them: polars has them in its large kind."""
    types = {pl.Int32: pa.int32(), pl.Float32: pa.float32()}

    def narrow(kind: pl.DataType) -> pa.DataType:
        return pa.list_(types[type(kind.inner)]) if isinstance(kind, pl.List) else types[type(kind)]  # type: ignore[index]

    from jobs.stages.topk.spark.lists import USER_COLUMNS

    return pa.schema([(name, narrow(users.schema[name])) for name in USER_COLUMNS])


def _table(config: Config, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(Blocks.of(config.run, name).files, glob=False, hive_partitioning=False)
