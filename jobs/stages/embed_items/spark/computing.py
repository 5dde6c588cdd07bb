"""With what precision the encoders of a night compute, which vectors are kept by."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import is_local, task_device
from jobs.models.content.fingerprint import computing_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def computing(spark: "SparkSession", precision: str, of: Callable[[str, str], str] = computing_of) -> str:
    """What `of` says of precision and device in the tasks; those of one night have equal machines.

    of: `jobs.models.content.fingerprint.computing_of`, or one like it.
    """
    if is_local(spark.sparkContext.master):
        return of(precision, "cpu")
    task = partial(_ask, precision=precision, of=of)
    return str(spark.range(1).mapInArrow(measured(task), "computing string").first()[0])


def _ask(batches: Iterator[pa.RecordBatch], precision: str, of: Callable[[str, str], str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        said = pa.array([of(precision, task_device())] * len(batch), pa.string())
        yield pa.RecordBatch.from_arrays([said], names=["computing"])
