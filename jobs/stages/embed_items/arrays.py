"""The arrays of the folder of vectors, written block by block. No Spark."""

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.arrow import matrix
from jobs.infra.blocks import Blocks
from jobs.infra.vector_store import VectorStore, VectorWriter
from jobs.models.attributes import FACTS, item_attributes
from jobs.models.behaviour.model_store import Model
from jobs.models.content.attribute_parts import ITEMS, fit_parts, held_out
from jobs.models.content.space import Space, shop_repeats, shop_transitions
from lookup.scoring.cold_start import ColdStartFact
from lookup.scoring.parts import LABELS, LOOK, Part


def write_item_vectors(table: Blocks, writer: VectorWriter, dimensions: int) -> None:
    """Write `item_input` and `item_vector` from table ITEM_VECTORS.

    Raises DataError when a row is missing or there twice.
    """
    size = len(table)
    filled = np.zeros(size, dtype=bool)
    shape = (size, dimensions)
    with writer.create("item_input", shape) as inputs, writer.create("item_vector", shape) as vectors:
        for batch in table.read("item", "input", "vector"):
            rows = table.rows(batch, "item", size)
            filled[rows] = True
            for column, array in (("input", inputs), ("vector", vectors)):
                array[rows] = matrix(batch.column(column), dimensions)
    if not filled.all():
        raise DataError(f"{table.folder}: {size} rows, but item {int(filled.argmin())} is not among them")


def write_transitions(items: Blocks, model: Model, writer: VectorWriter) -> int:
    """Write `item_next_item`, `item_next_weight` and `item_repeat`; returns how many transitions there are.

    items: table ITEMS.
    """
    shop = pl.read_parquet(items.files, columns=["item_id", "item"], glob=False, hive_partitioning=False)
    seen = pl.DataFrame({"item_id": model.item_ids()}, schema={"item_id": pl.String})
    rows = seen.join(shop, on="item_id", how="left", maintain_order="left")["item"].fill_null(-1).to_numpy()
    found, weights = shop_transitions(rows, shop.height, model.load("next_item"), model.load("next_weight"))
    writer.write("item_next_item", found)
    writer.write("item_next_weight", weights)
    writer.write("item_repeat", shop_repeats(rows, shop.height, model.load("item_repeat")))
    return int((found >= 0).sum())


def write_labels(
    items: Blocks, writer: VectorWriter, space: Space, bounds: NDArray[np.float64]
) -> tuple[ColdStartFact, list[tuple[Part, int]]]:
    """Write the names of the labels and their arrays, after `item_input`.

    items: table ITEMS. bounds: of prices. Returns the numbers beside them, and each content part with its width.
    """
    made, heads = space.cold_start, len(space.cold_start.maps)
    inputs = VectorStore(writer.folder).array("item_input")
    step = max(-(-len(inputs) // ITEMS), 1)
    attributes: list[list[str]] = []
    texts: list[str] = []
    rows: list[NDArray[np.int64]] = []
    for batch in items.read("item", *FACTS):
        there = items.rows(batch, "item", len(inputs))
        chosen = there % step == 0
        own = item_attributes(batch.filter(pa.array(chosen)), bounds)
        attributes, texts = attributes + own[0], texts + own[1]
        rows.append(there[chosen])
    labels, apart = made.vocabulary.matrix(attributes, texts), held_out(texts)
    vectors = np.asarray(inputs[np.concatenate(rows)])
    writer.labels(made.vocabulary.names)
    writer.write("label_vector", made.attribute_vectors)
    writer.write("label_map", made.maps.reshape(space.behaviour, space.behaviour // heads))
    parts, start = [], space.behaviour
    fitted = {LOOK: np.zeros((len(made.vocabulary.names), 0), dtype=np.float32)}  # where no item has a picture
    for part in space.content:
        width = part.basis.width
        fitted[part.name], cosine = fit_parts(labels, vectors[:, start : start + width], apart)
        parts.append((Part(part.name, 1, part.weight, LABELS, cosine), width))
        start += width
    for name, values in fitted.items():
        writer.write(f"label_{name}", values)
    bases = [part.basis.components for part in space.content if part.name == LOOK]
    writer.write("look_basis", np.ascontiguousarray(bases[0]) if bases else np.zeros((0, 0), dtype=np.float32))
    return ColdStartFact(made.temperature, space.cold_bias, bounds.tolist()), parts
