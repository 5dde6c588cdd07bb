"""The text vectors by Spark: each different text once, one encoder in each Python worker."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.config.learning import EmbedConfig
from jobs.infra.arrow import list_column
from jobs.infra.cluster.tasks import partitions, task_threads
from jobs.infra.spark import lent_gpu, task_device
from jobs.infra.tables import TEXT_VECTORS
from jobs.models.content.worker_encoder import worker_encoder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TEXTS_A_TASK = 512
"""A task has at least so many texts."""


def text_vectors(items: "DataFrame", options: EmbedConfig, model: str, texts: int) -> "DataFrame":
    """Table TEXT_VECTORS: the vectors of the different texts of the run's items. texts: how many there are. model: what
    `TextEncoder` loads.

    Each partition is sorted by length, so that a block for the encoder holds texts of similar length. Equal inputs make
    equal blocks in every run.
    """
    from pyspark.sql import functions as F

    parts = partitions(items.sparkSession, texts, TEXTS_A_TASK)
    different = (
        items.where("trim(text) != ''").repartition(parts, "text").groupBy("text").agg(F.count("*").alias("items"))
    )
    task = partial(_encode, options=options, model=model)
    return different.sortWithinPartitions(F.length("text"), "text").mapInArrow(task, TEXT_VECTORS.ddl)


def _encode(batches: Iterator[pa.RecordBatch], options: EmbedConfig, model: str) -> Iterator[pa.RecordBatch]:
    from pyspark import TaskContext

    device, gpu = task_device(), lent_gpu(TaskContext.get())
    for batch in batches:
        vectors = worker_encoder(options, model, device, task_threads()).encode(batch.column("text").to_pylist())
        columns = [batch.column("text"), batch.column("items"), list_column(vectors)]
        labels = [pa.array([label] * len(batch), pa.string()) for label in (device, gpu)]
        yield pa.RecordBatch.from_arrays([*columns, *labels], names=TEXT_VECTORS.columns)
