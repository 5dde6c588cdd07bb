"""The item vectors by Spark: sums over partitions fit the space, then every item is joined into it."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.config.learning import EmbedConfig
from jobs.errors import DataError
from jobs.infra.arrow import list_column, matrix
from jobs.infra.blocks import Blocks
from jobs.infra.tables import ITEM_VECTORS
from jobs.models.attributes import FACTS, Vocabulary, item_attributes
from jobs.models.behaviour.model_store import Model
from jobs.models.content.attribute_texts import ITEMS, fit_texts, held_out
from jobs.models.content.space import (
    Basis,
    ColdStartModel,
    Space,
    Sums,
    gram,
    shop_repeats,
    shop_transitions,
    with_one,
)
from lookup.scoring.cold_start import ColdStartFact

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]


def known(items: "DataFrame", texts: "DataFrame", model: "DataFrame", text: int, behaviour: int) -> "DataFrame":
    """Every item with what is known of it: item, vector (of the text, zeros where it has none), input, output, bias,
    events, cold, and the FACTS that labels are made of.

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


def write_followers(items: "DataFrame", model: Model, folder: Path) -> int:
    """Write `item_next_item.npy`, `item_next_weight.npy` and `item_repeat.npy`; returns how many pairs there are.

    items: table ITEMS.
    """
    import polars as pl

    shop = pl.DataFrame(pl.from_arrow(items.select("item_id", "item").toArrow()))
    seen = pl.DataFrame({"item_id": model.item_ids()}, schema={"item_id": pl.String})
    rows = seen.join(shop, on="item_id", how="left", maintain_order="left")["item"].fill_null(-1).to_numpy()
    found, weights = shop_transitions(rows, shop.height, model.load("next_item"), model.load("next_weight"))
    np.save(folder / "item_next_item.npy", found)
    np.save(folder / "item_next_weight.npy", weights)
    np.save(folder / "item_repeat.npy", shop_repeats(rows, shop.height, model.load("item_repeat")))
    return int((found >= 0).sum())


def write_labels(items: Blocks, folder: Path, space: Space, bounds: NDArray[np.float64]) -> ColdStartFact:
    """Write what the vectors of new items are made of by day: `labels.json` (names) and `label_vector.npy`,
    `label_map.npy`, `label_text.npy`, in their order. Returns the numbers beside them.

    items: table ITEMS. folder: with `item_input.npy`. bounds: of prices.
    """
    made, heads = space.cold_start, len(space.cold_start.maps)
    inputs = np.load(folder / "item_input.npy", mmap_mode="r")
    step = max(-(-len(inputs) // ITEMS), 1)
    facts: list[list[str]] = []
    said: list[str] = []
    rows: list[NDArray[np.int64]] = []
    for batch in items.read("item", *FACTS):
        there = items.rows(batch, "item", len(inputs))
        chosen = there % step == 0
        own = item_attributes(batch.filter(pa.array(chosen)), bounds)
        facts, said = facts + own[0], said + own[1]
        rows.append(there[chosen])
    texts = np.asarray(inputs[np.concatenate(rows), space.behaviour : -1])
    fitted, cosine = fit_texts(made.vocabulary.matrix(facts, said), texts, held_out(said))
    (folder / "labels.json").write_text(json.dumps(made.vocabulary.names))
    np.save(folder / "label_vector.npy", made.attribute_vectors)
    np.save(folder / "label_map.npy", made.maps.reshape(space.behaviour, space.behaviour // heads))
    np.save(folder / "label_text.npy", fitted)
    return ColdStartFact(made.temperature, space.weight, space.cold_bias, bounds.tolist(), cosine)


def write_arrays(table: Blocks, folder: Path, dimensions: int) -> None:
    """Write `item_input.npy` and `item_vector.npy`, float32 (I, D), from table ITEM_VECTORS, a block at a time.

    Raises DataError when a row is missing or there twice.
    """
    size = len(table)
    filled = np.zeros(size, dtype=bool)
    arrays = {
        column: np.lib.format.open_memmap(folder / f"item_{column}.npy", "w+", np.float32, (size, dimensions))
        for column in ("input", "vector")
    }
    for batch in table.read("item", *arrays):
        rows = table.rows(batch, "item", size)
        filled[rows] = True
        for column, array in arrays.items():
            array[rows] = matrix(batch.column(column), dimensions)
    if not filled.all():
        raise DataError(f"{table.folder}: {size} rows, but item {int(filled.argmin())} is not among them")
    for array in arrays.values():
        array.flush()


def _sum(frame: "DataFrame", block_sums: Any, size: int) -> Sums:
    """Sum of symmetric matrices, float64 (size, size), of which a partition sends one to the driver."""
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
