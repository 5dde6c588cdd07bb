"""The item vectors by Spark: sums over partitions fit the space, then each item gets its place in it."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.config.learning import EmbedConfig
from jobs.infra.arrow import list_column, matrix
from jobs.infra.tables import ITEM_VECTORS
from jobs.models.attributes import FACTS, Vocabulary, item_attributes
from jobs.models.behaviour.model_store import Model
from jobs.models.content.space import Basis, ColdStartModel, Space, Sums, gram, with_one

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]


def known(items: "DataFrame", texts: "DataFrame", model: "DataFrame", text: int, behaviour: int) -> "DataFrame":
    """The items with all that makes their vectors: item, vector (of the text; zeros where it has none), input, output,
    bias, events, cold, and the FACTS that labels are made of.

    items, texts, model: the tables ITEMS, TEXT_VECTORS and MODEL_ITEMS. text, behaviour: dimensions of their vectors.
    """
    from pyspark.sql import functions as F

    def filled(column: str, size: int) -> Any:
        return F.coalesce(column, F.array_repeat(F.lit(0.0).cast("float"), size)).alias(column)

    trained = model.where("events > 0").select("item_id", "input", "output", "bias", F.col("events").alias("seen"))
    joined = items.select("item", "item_id", *FACTS).join(texts.select("text", "vector"), "text", "left")
    return joined.join(trained, "item_id", "left").select(
        "item",
        filled("vector", text),
        filled("input", behaviour),
        filled("output", behaviour),
        F.coalesce("bias", F.lit(0.0)).cast("float").alias("bias"),
        F.coalesce("seen", F.lit(0)).alias("events"),
        F.isnull("seen").alias("cold"),
        *FACTS,
    )


def fit(texts: "DataFrame", known: "DataFrame", size: int, model: Model, options: EmbedConfig) -> Space:
    """The space of this run.

    texts: table TEXT_VECTORS. known: as `known` returns. size: dimensions of text vectors.
    """
    from pyspark.sql import functions as F

    sums = _sum(texts.select("vector", "items"), partial(_text_sums, size=size), 1 + size)
    low = known.where("not cold").agg(F.percentile_approx("bias", options.cold_bias)).first()[0]
    names, vectors = model.attributes()
    maps = np.array(model.load("maps"))
    labels = ColdStartModel(Vocabulary(names), vectors, maps, float(model.settings["temperature"]))
    return Space(Basis.of(sums, options.dimensions), labels, options.weight, float(low or 0.0))


def joined(known: "DataFrame", space: Space, bounds: NDArray[np.float64]) -> "DataFrame":
    """Table ITEM_VECTORS. bounds: of prices, as the model was fitted with."""
    return known.mapInArrow(partial(_join, space=space, bounds=bounds), ITEM_VECTORS.ddl)


def _sum(frame: "DataFrame", block_sums: Any, size: int) -> Sums:
    """The sum of symmetric matrices, float64 (size, size). Each partition sends one to the driver."""
    total = np.zeros((size, size))
    for row in frame.mapInArrow(partial(_partition_sums, block_sums=block_sums), "sums binary").toLocalIterator():
        total += np.frombuffer(row["sums"]).reshape(size, size)
    return total


def _partition_sums(batches: Batches, block_sums: Any) -> Batches:
    total = None
    for batch in batches:
        if len(batch):
            sums = block_sums(batch)
            total = sums if total is None else total + sums
    if total is not None:
        yield pa.RecordBatch.from_pydict({"sums": pa.array([total.tobytes()], pa.binary())})


def _text_sums(batch: pa.RecordBatch, size: int) -> Sums:
    return gram(with_one(matrix(batch.column("vector"), size)), batch.column("items").to_numpy().astype(np.float64))


def _join(batches: Batches, space: Space, bounds: NDArray[np.float64]) -> Batches:
    for batch in batches:
        inputs, outputs = (matrix(batch.column(name), space.behaviour) for name in ("input", "output"))
        cold = batch.column("cold").to_numpy(zero_copy_only=False)
        if cold.any():
            inputs, outputs = inputs.copy(), outputs.copy()
            inputs[cold], outputs[cold] = space.cold_start.vectors(
                *item_attributes(batch.filter(pa.array(cold)), bounds)
            )
        x, v = space.join(
            matrix(batch.column("vector"), len(space.basis.mean)),
            inputs,
            outputs,
            batch.column("bias").to_numpy(),
            cold,
        )
        columns = [batch.column("item"), list_column(x), list_column(v)]
        yield pa.RecordBatch.from_arrays(columns, names=ITEM_VECTORS.columns)
