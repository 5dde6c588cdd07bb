"""Kept vectors by Spark: joined by key with what a night wants, so that executors embed only what is new."""

import random
from collections.abc import Callable
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np

from jobs.infra.cluster.tasks import partitions
from jobs.infra.cluster.written import write_counted
from jobs.infra.frames import empty
from jobs.infra.kept.store import CHECKED, KeptVectors, Segment, as_made
from jobs.infra.kept.table import KEPT
from jobs.infra.spark import parquet
from jobs.infra.storage.storage import Storage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    Encode = Callable[[DataFrame], DataFrame]

AT_ONCE = 500_000
"""So many new ones are embedded and kept at a time: a night that is killed and begins again goes on from there."""


class TakenOver:
    """What a night wants of an encoder: taken over where it is kept, and made, and then kept, where it is not.

    wanted: column `key`, and what `encode` reads; rows of one key are one. encode: from rows of `wanted` with different
    keys, or some, to table KEPT, in which each key is once. a_task: rows of a task of `encode`, at least.

    Two nights at the same time may make the same vector; all take that of the first segment.
    """

    def __init__(self, store: KeptVectors, wanted: "DataFrame", encode: "Encode", a_task: int):
        self.store, self.wanted, self.encode, self.a_task = store, wanted, encode, a_task
        self.spark: SparkSession = wanted.sparkSession
        self.keys = wanted.select("key").distinct()
        self.count = self.keys.count()
        self.parts = partitions(self.spark, self.count, a_task)
        segments = store.segments()
        before = sum(map(len, segments))
        if segments and not self._as_made(segments, before):
            store.replace(segments)
            segments, before = [], 0
        added = self._add(segments)
        self.segments = [*segments, *added]
        self.new = sum(map(len, added))
        self.dropped = 0
        if store.too_much(self.segments, self.count):
            old = self.segments
            self.segments = [self._write(self._with(self.keys, old))]
            store.replace(old)
            self.dropped = before - (self.count - self.new)
        store.tidy()

    @property
    def counts(self) -> dict[str, int]:
        """For the receipt."""
        return {"new": self.new, "taken_over": self.count - self.new, "dropped": max(self.dropped, 0)}

    def to(self, wanted: "DataFrame") -> "DataFrame":
        """Rows that have a `key`, with the other columns of table KEPT. Whichever vectors were new, the rows have the
        same partitions and the same order.
        """
        return self._with(wanted, self.segments)

    def _with(self, wanted: "DataFrame", segments: list[Segment]) -> "DataFrame":
        kept = _first(self.spark, segments).repartition(self.parts, "key")
        return wanted.repartition(self.parts, "key").join(kept, "key").sortWithinPartitions("key")

    def _as_made(self, segments: list[Segment], rows: int) -> bool:
        """Whether some kept vectors are those that the encoder makes now. rows: how many are kept."""
        from pyspark.sql import functions as F

        drawn = F.xxhash64("key", F.lit(random.getrandbits(32)))
        some = F.pmod(drawn, F.lit(max(rows, 1))) < CHECKED
        kept = _first(self.spark, segments, some).where("vector is not null").select("key", "vector").limit(2 * CHECKED)
        before = {bytes(row["key"]): row["vector"] for row in kept.collect()}
        chosen = self.wanted.where(F.col("key").isin([bytearray(key) for key in before])) if before else None
        if chosen is None:
            return True
        made = {bytes(row["key"]): row["vector"] for row in self.encode(chosen.coalesce(1)).collect()}
        both = [key for key, vector in made.items() if vector is not None]
        old, new = (np.asarray([vectors[key] for key in both], np.float32) for vectors in (before, made))
        return as_made(self.store, old, new)

    def _add(self, segments: list[Segment]) -> list[Segment]:
        from pyspark.sql import functions as F

        known = _all(self.spark, segments).select("key")
        missing = self.wanted.join(known, "key", "left_anti")
        count = missing.select("key").distinct().count() if segments else self.count
        steps = -(-count // AT_ONCE)
        step: Column = F.pmod(F.xxhash64("key"), F.lit(max(steps, 1)))
        made = []
        for number in range(steps):
            parts = partitions(self.spark, count // steps, self.a_task)
            some = missing.where(step == number).repartition(parts, "key")
            made.append(self._write(self.encode(some)))
        return made

    def _write(self, rows: "DataFrame") -> Segment:
        added = self.store.add(partial(write_counted, rows.select(*KEPT.columns)))
        storage = Storage.of(self.spark)
        if storage is not None:  # now: it outlives this driver, too
            storage.keep(added.folder)
        return added


def _all(spark: "SparkSession", segments: list[Segment]) -> "DataFrame":
    """Table KEPT of some segments, and `segment`, the place of the one that has the row."""
    from pyspark.sql import functions as F

    frames = [
        parquet(spark, segment.folder, KEPT.ddl).select(*KEPT.columns, F.lit(place).alias("segment"))
        for place, segment in enumerate(segments)
    ]
    return (
        reduce(lambda a, b: a.unionByName(b), frames) if frames else empty(spark, KEPT).withColumn("segment", F.lit(0))
    )


def _first(spark: "SparkSession", segments: list[Segment], where: "Column | None" = None) -> "DataFrame":
    """Table KEPT with each key once, of the first segment that has it."""
    from pyspark.sql import functions as F

    found = _all(spark, segments)
    found = found if where is None else found.where(where)
    if len(segments) < 2:
        return found.select(*KEPT.columns)
    values = [name for name in KEPT.columns if name != "key"]
    first = F.min_by(F.struct(*values), "segment").alias("first")
    return found.groupBy("key").agg(first).select("key", "first.*")
