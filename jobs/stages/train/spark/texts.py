"""The text vectors of a shop whose training begins with another shop's model, by Spark."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.config.learning import EmbedConfig
from jobs.errors import DataError
from jobs.infra.arrow import list_column, matrix
from jobs.infra.cluster.tasks import partitions, task_threads, watching
from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import task_device
from jobs.infra.storage.shipped import Shipped, model_here, shipped_model
from jobs.infra.tables import ITEMS
from jobs.models.content.worker_encoder import worker_encoder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TEXTS_A_TASK = 512
"""A task has at least so many texts."""


def text_vectors(spark: "SparkSession", config: Config, texts: pa.ChunkedArray, model: str) -> NDArray[np.float32]:
    """Embed texts, (n,), each different one once: float32 (n, T); zeros for none. model: what `TextEncoder` loads.

    Raises DataError where there is no text at all.
    """
    from pyspark.sql import functions as F

    names = [(text or "").strip() and text for text in texts.to_pylist()]
    different = config.run.read(spark, ITEMS).where("trim(text) != ''").select("text").distinct().persist()
    count = different.count()
    parts = partitions(spark, count, TEXTS_A_TASK)
    task = partial(_encode, options=config.embed, model=shipped_model(model))
    with watching(spark, "train", "texts"):
        sorted_texts = different.repartition(parts, "text").sortWithinPartitions(F.length("text"), "text")
        found = sorted_texts.mapInArrow(measured(task), "text string, vector array<float>").toArrow()
    different.unpersist()
    if not count:
        raise DataError("train.from: no item of this shop has a text, and a pretrained model reads texts alone")
    vectors = found["vector"].combine_chunks()
    place = {text: row for row, text in enumerate(found["text"].to_pylist())}
    width = len(vectors[0])
    with_none = np.concatenate([matrix(vectors, width), np.zeros((1, width), dtype=np.float32)])
    return np.asarray(with_none[[place.get(name, -1) for name in names]])


def _encode(batches: Iterator[pa.RecordBatch], options: EmbedConfig, model: Shipped | str) -> Iterator[pa.RecordBatch]:
    device = task_device()
    for batch in batches:
        texts = batch.column("text")
        vectors = worker_encoder(options, model_here(model), device, task_threads()).encode(texts.to_pylist())
        yield pa.RecordBatch.from_arrays([texts, list_column(vectors)], names=["text", "vector"])
