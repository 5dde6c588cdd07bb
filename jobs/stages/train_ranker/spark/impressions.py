"""Table `impressions`: a sample of impressions with their outcomes and point-in-time features."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.config import Config
from jobs.infra.receipts.tasks import measured
from jobs.infra.tables import EVENTS, IMPRESSIONS, ITEMS, SHOWN, VISITS
from jobs.infra.vector_store import VectorStore
from jobs.models.ranker.point_in_time import Candidates, KnownEvents, Vectors, point_in_time_features
from jobs.stages.train_ranker.spark.facts import facts
from jobs.stages.train_ranker.spark.outcomes import ImpressionTables, draw

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Batches = Iterator["pa.RecordBatch"]

FACTS = ("price", "usual_price", "in_stock", "popularity")
IMPRESSION_COLUMNS = ("item", "kind", "clicked", "converted", "weight")


def write_impressions(spark: "SparkSession", config: Config, since: date) -> dict[str, int]:
    """Write the table of impressions since a day. Returns how many there are in each stratum, before sampling."""
    from pyspark.sql import functions as F

    run, settings = config.run, config.ranker
    events = run.read(spark, EVENTS).filter(F.col("weight") > 0)
    recent = events.filter(F.col("day") >= F.lit(since))
    tables = ImpressionTables(run.read(spark, SHOWN), run.read(spark, VISITS), recent, run.read(spark, ITEMS))
    sample = draw(tables, since, settings)
    drawn = sample.rows.withColumn("day", F.to_date("time"))
    mornings = drawn.select("item", "day").distinct()
    known = facts(events, mornings, settings, config.topk.popular_half_life_days, run.day)
    full = drawn.withColumnRenamed("price", "_shown_at").join(known, ["item", "day"])
    full = full.withColumn("price", F.coalesce("_shown_at", "price")).drop("_shown_at")
    one = F.struct(
        F.unix_micros("time").alias("time"), *IMPRESSION_COLUMNS, *(F.col(n).cast("double").alias(n) for n in FACTS)
    )
    users = full.groupBy("user_id").agg(F.sort_array(F.collect_list(one)).alias("shown"))
    task = partial(
        _with_features,
        store=VectorStore.of(run),
        newest=config.train.max_history,
    )
    made = users.join(_histories(events), "user_id", "left").mapInArrow(measured(task), IMPRESSIONS.ddl)
    run.write(IMPRESSIONS, made)
    spark.catalog.clearCache()
    return sample.counts


def _histories(events: "DataFrame") -> "DataFrame":
    """Return user_id and `known`: all events of the user, the oldest first."""
    from pyspark.sql import functions as F

    one = F.struct(F.unix_micros("time").alias("time"), "item", "weight")
    return events.groupBy("user_id").agg(F.sort_array(F.collect_list(one)).alias("known"))


def _with_features(batches: Batches, store: VectorStore, newest: int) -> Batches:
    """Make rows of table `impressions` from users with `shown`, their impressions, and `known`, their events.

    Both are in order of time.
    """
    import pyarrow as pa

    from jobs.infra.arrow import list_column

    vectors, parameters = Vectors.of(store), store.score_parameters
    for batch in batches:
        user_ids, shown, known = (batch.column(name) for name in ("user_id", "shown", "known"))
        for row in range(batch.num_rows):
            events, there = _events(known[row].values), shown[row].values
            times = there.field("time").to_numpy()
            starts = np.flatnonzero(np.diff(times, prepend=-1))
            parts = []
            for start, end in zip(starts, [*starts[1:], len(times)], strict=True):
                moment = there.slice(start, end - start)
                time = int(times[start])
                item_facts = (moment.field(name).to_numpy(zero_copy_only=False) for name in FACTS)
                candidates = Candidates(moment.field("item").to_numpy(), *item_facts)
                earlier = events.before(time, newest)
                parts.append(point_in_time_features(time, candidates, earlier, vectors, parameters))
            columns = {
                "user_id": pa.array([user_ids[row].as_py()] * len(times)),
                "time": pa.array(times, pa.timestamp("us", "UTC")),
                "features": list_column(np.concatenate(parts)),
                **{name: there.field(name) for name in IMPRESSION_COLUMNS},
            }
            yield pa.RecordBatch.from_arrays([columns[n] for n in IMPRESSIONS.columns], IMPRESSIONS.columns)


def _events(known: "pa.StructArray | None") -> KnownEvents:
    if known is None:
        return KnownEvents(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
    return KnownEvents(*(known.field(name).to_numpy() for name in ("item", "time", "weight")))
