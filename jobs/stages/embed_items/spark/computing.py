"""With what precision the encoders of a night compute, which vectors are kept by."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import is_local, task_device
from jobs.models.content.fingerprint import computing_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def computing(spark: "SparkSession", precision: str) -> str:
    """As `jobs.models.content.fingerprint.computing_of` says of the tasks; those of one night have equal machines."""
    if is_local(spark.sparkContext.master):
        return computing_of(precision, "cpu")
    return str(spark.range(1).mapInArrow(measured(partial(_ask, precision=precision)), "computing string").first()[0])


def _ask(batches: Iterator[pa.RecordBatch], precision: str) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        said = pa.array([computing_of(precision, task_device())] * len(batch), pa.string())
        yield pa.RecordBatch.from_arrays([said], names=["computing"])
