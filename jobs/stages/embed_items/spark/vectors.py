"""The item vectors by Spark: sums over partitions fit the space, then each item gets its place in it."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.infra.arrow import list_column, matrix
from jobs.infra.receipts.tasks import measured
from jobs.infra.tables import ITEM_VECTORS
from jobs.models.attributes import FACTS, Vocabulary, item_attributes
from jobs.models.behaviour.model_store import Model
from jobs.models.content.kept_space import FittedSpace, one_in
from jobs.models.content.space import Basis, ColdStartModel, Content, Space, Sums, WithinCategories, gram, with_one

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]
CATEGORIES = 500
"""Of at most so many categories it is learned what tells them apart: those with the most items."""
SUMS = ["gram", "sums", "counts"]
"""The fields of `WithinCategories`, as a partition sends them to the driver."""


@dataclass(frozen=True)
class ContentVectors:
    """The vectors of a content model, and how the space takes them."""

    name: str
    """The part, of `lookup.scoring.parts`."""
    vectors: "DataFrame"
    """`key` and `vector`: a table with one row for each different text, or picture, and `items`, how many have it."""
    key: str
    """The column of table ITEMS that names the row."""
    size: int
    """Dimensions of the vectors."""
    dimensions: int
    """Of the part, at most."""
    weight: float
    by_category: bool = False
    """Whether the part keeps what tells categories apart."""

    @property
    def column(self) -> str:
        """The column of the vector in what `known` returns."""
        return f"vector_{self.name}"


def known(items: "DataFrame", sources: Sequence[ContentVectors], model: "DataFrame", behaviour: int) -> "DataFrame":
    """The items with all that makes their vectors: item, a vector of each source (zeros where an item has none),
    input, output, bias, events, cold, unknown, and the FACTS that labels are made of.

    A cold item has no event that the model saw; an unknown one no vectors in the model either. A model that began with
    another shop's has vectors of cold items.

    items, model: the tables ITEMS and MODEL_ITEMS. behaviour: dimensions of its vectors.
    """
    from pyspark.sql import functions as F

    def filled(column: str, size: int) -> Any:
        return F.coalesce(column, F.array_repeat(F.lit(0.0).cast("float"), size)).alias(column)

    trained = model.select("item_id", "input", "output", "bias", F.col("events").alias("seen"))
    keys = dict.fromkeys(["item", "item_id", *FACTS, *(source.key for source in sources)])
    joined = items.select(*keys)
    for source in sources:
        vectors = source.vectors.select(source.key, F.col("vector").alias(source.column))
        joined = joined.join(vectors, source.key, "left")
    return joined.join(trained, "item_id", "left").select(
        "item",
        *(filled(source.column, source.size) for source in sources),
        filled("input", behaviour),
        filled("output", behaviour),
        F.coalesce("bias", F.lit(0.0)).cast("float").alias("bias"),
        F.coalesce("seen", F.lit(0)).alias("events"),
        (F.coalesce("seen", F.lit(0)) == 0).alias("cold"),
        F.isnull("seen").alias("unknown"),
        *FACTS,
    )


def fit(sources: Sequence[ContentVectors], known: "DataFrame", cold_bias: float) -> FittedSpace:
    """Fit the parts of a space to the vectors of this run. known: as `known` returns. cold_bias: as `[embed]` says."""
    from pyspark.sql import functions as F

    bases, every = {}, one_in(max(source.vectors.count() for source in sources))
    for source in sources:
        there = source.vectors.select("vector", "items").where("vector is not null")
        sums = _sum(there, partial(_content_sums, size=source.size), 1 + source.size)
        within = _within(known, source) if source.by_category else None
        bases[source.name] = Basis.of(sums, source.dimensions, within)
    low = known.where("not cold").agg(F.percentile_approx("bias", cold_bias)).first()[0]
    return FittedSpace(bases, float(low or 0.0), every, hashes(sources, every))


def hashes(sources: Sequence[ContentVectors], every: int) -> dict[str, NDArray[np.int64]]:
    """The hashes of the texts and pictures of each part that `every` divides, rising."""
    from pyspark.sql import functions as F

    found = {}
    for source in sources:
        own = source.vectors.where("vector is not null").select(F.xxhash64(source.key).alias("hash"))
        some = own.where(F.pmod("hash", F.lit(every)) == 0).collect()
        found[source.name] = np.sort(np.array([row["hash"] for row in some], dtype=np.int64))
    return found


def space_of(sources: Sequence[ContentVectors], fitted: FittedSpace, model: Model) -> Space:
    """The space of this run."""
    content = tuple(Content(source.name, fitted.bases[source.name], source.weight) for source in sources)
    names, vectors = model.attributes()
    maps = np.array(model.load("maps"))
    labels = ColdStartModel(Vocabulary(names), vectors, maps, float(model.settings["temperature"]))
    return Space(content, labels, fitted.cold_bias)


def _within(known: "DataFrame", source: ContentVectors) -> Sums | None:
    """The covariance within the CATEGORIES narrowest categories with the most items; None without such."""
    from pyspark.sql import functions as F

    narrowest = F.element_at("category", -1)
    named = known.where(F.size("category") > 0).select(narrowest.alias("category"), source.column)
    most = named.groupBy("category").count().orderBy(F.desc("count"), "category").limit(CATEGORIES).collect()
    codes = {row["category"]: code for code, row in enumerate(most)}
    task = partial(_category_sums, codes=codes, column=source.column, size=source.size)
    rows = named.mapInArrow(measured(task), ", ".join(f"{name} binary" for name in SUMS)).toLocalIterator()
    shapes = ((source.size, source.size), (len(codes), source.size), (len(codes),))
    found = [
        WithinCategories(*(np.frombuffer(row[name]).reshape(shape) for name, shape in zip(SUMS, shapes, strict=True)))
        for row in rows
    ]
    return reduce(operator.add, found).covariance() if found else None


def _category_sums(batches: Batches, codes: dict[str, int], column: str, size: int) -> Batches:
    total = None
    for batch in batches:
        if len(batch):
            own = np.array([codes.get(name, -1) for name in batch.column("category").to_pylist()], dtype=np.int64)
            sums = WithinCategories.of(matrix(batch.column(column), size), own, len(codes))
            total = sums if total is None else total + sums
    if total is not None:
        parts = (total.gram, total.sums, total.counts)
        yield pa.RecordBatch.from_arrays([pa.array([part.tobytes()], pa.binary()) for part in parts], names=SUMS)


def joined(known: "DataFrame", space: Space, bounds: NDArray[np.float64]) -> "DataFrame":
    """Table ITEM_VECTORS. bounds: of prices, as the model was fitted with."""
    return known.mapInArrow(measured(partial(_join, space=space, bounds=bounds)), ITEM_VECTORS.ddl)


def _sum(frame: "DataFrame", block_sums: Any, size: int) -> Sums:
    """The sum of symmetric matrices, float64 (size, size). Each partition sends one to the driver."""
    total = np.zeros((size, size))
    sums = frame.mapInArrow(measured(partial(_partition_sums, block_sums=block_sums)), "sums binary")
    for row in sums.toLocalIterator():
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


def _content_sums(batch: pa.RecordBatch, size: int) -> Sums:
    return gram(with_one(matrix(batch.column("vector"), size)), batch.column("items").to_numpy().astype(np.float64))


def _join(batches: Batches, space: Space, bounds: NDArray[np.float64]) -> Batches:
    for batch in batches:
        inputs, outputs = (matrix(batch.column(name), space.behaviour) for name in ("input", "output"))
        cold = batch.column("cold").to_numpy(zero_copy_only=False)
        unknown = batch.column("unknown").to_numpy(zero_copy_only=False)
        if unknown.any():
            inputs, outputs = inputs.copy(), outputs.copy()
            inputs[unknown], outputs[unknown] = space.cold_start.vectors(
                *item_attributes(batch.filter(pa.array(unknown)), bounds)
            )
        x, v = space.join(
            [matrix(batch.column(f"vector_{part.name}"), len(part.basis.mean)) for part in space.content],
            inputs,
            outputs,
            batch.column("bias").to_numpy(),
            cold,
        )
        columns = [batch.column("item"), list_column(x), list_column(v)]
        yield pa.RecordBatch.from_arrays(columns, names=ITEM_VECTORS.columns)
