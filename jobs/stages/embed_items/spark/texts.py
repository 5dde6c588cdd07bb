"""The text vectors by Spark: each different text once in its life, one encoder in each Python worker."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.config.learning import EmbedConfig
from jobs.infra.arrow import list_column
from jobs.infra.cluster.tasks import task_threads
from jobs.infra.kept.frames import TakenOver
from jobs.infra.kept.store import KeptVectors
from jobs.infra.kept.table import KEPT
from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import lent_gpu, task_device
from jobs.infra.storage.shipped import Shipped, model_here, shipped_model
from jobs.infra.tables import TEXT_VECTORS
from jobs.models.content.worker_encoder import worker_encoder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TEXTS_A_TASK = 512
"""A task has at least so many texts."""


def text_vectors(
    items: "DataFrame", store: KeptVectors, options: EmbedConfig, model: str
) -> "tuple[DataFrame, dict[str, int]]":
    """Table TEXT_VECTORS: the vectors of the different texts of the run's items; and how many of them are new.

    items: table ITEMS. model: what `TextEncoder` loads. The counts are those of `TakenOver`. Equal inputs make equal
    blocks in every run.
    """
    from pyspark.sql import functions as F

    different = items.where("trim(text) != ''").groupBy("text").agg(F.count("*").alias("items"))
    keyed = different.withColumn("key", F.unhex(F.sha2(F.col("text").cast("binary"), 256)))
    found = TakenOver(store, keyed, partial(_embedded, options=options, model=model), TEXTS_A_TASK)
    return found.to(keyed).select(*TEXT_VECTORS.columns), found.counts


def _embedded(texts: "DataFrame", options: EmbedConfig, model: str) -> "DataFrame":
    """Table KEPT. A partition is sorted by length, so that a block for the encoder holds texts of similar length."""
    from pyspark.sql import functions as F

    task = partial(_encode, options=options, model=shipped_model(model))
    return (
        texts.select("key", "text").sortWithinPartitions(F.length("text"), "text").mapInArrow(measured(task), KEPT.ddl)
    )


def _encode(batches: Iterator[pa.RecordBatch], options: EmbedConfig, model: Shipped | str) -> Iterator[pa.RecordBatch]:
    from pyspark import TaskContext

    device, gpu = task_device(), lent_gpu(TaskContext.get())
    for batch in batches:
        vectors = worker_encoder(options, model_here(model), device, task_threads()).encode(
            batch.column("text").to_pylist()
        )
        labels = [pa.array([label] * len(batch), pa.string()) for label in (None, device, gpu)]
        yield pa.RecordBatch.from_arrays([batch.column("key"), list_column(vectors), *labels], names=KEPT.columns)
