"""The look vectors by Spark: each address is fetched once, and each different picture is embedded once."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from jobs.config.learning import ImagesConfig
from jobs.infra.cluster.tasks import partitions, task_threads
from jobs.infra.kept.frames import TakenOver
from jobs.infra.kept.store import KeptVectors
from jobs.infra.kept.table import KEPT
from jobs.infra.pictures.fetch import Fetcher
from jobs.infra.pictures.guard import PictureError
from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import lent_gpu, task_device
from jobs.infra.storage.shipped import Shipped, model_here, shipped_model
from jobs.infra.storage.storage import Storage
from jobs.infra.tables import FETCHED, LOOK_VECTORS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.models.content.picture_encoder import PictureEncoder

PICTURES_A_TASK = 64
"""A task has at least so many pictures."""
NO_PATH = r"(?i)://|^(data|javascript|file):"
"""What no path is like, as `jobs.infra.pictures.guard.is_url` says."""
AT_ONCE = 16
"""Pictures whose bytes a task holds at the same time, at most, beside what Spark batches."""
MISSING = "its bytes are not there: run `ingest` again"

Batches = Iterator[pa.RecordBatch]


def fetched(items: "DataFrame", pictures: "DataFrame | None", fetcher: Fetcher, threads: int) -> "DataFrame":
    """Table FETCHED. items, pictures: the tables ITEMS and PICTURES. threads: fetches of one task at the same time."""
    from pyspark.sql import functions as F

    spark = items.sparkSession
    different = items.where("trim(image) != ''").groupBy("image").agg(F.count("*").alias("items"))
    digest = F.col("image").startswith("sha256:") if pictures is not None else F.lit(False)
    addresses, storage = different.where(~digest), Storage.of(spark)
    of_web = addresses if storage is None else addresses.where(F.col("image").rlike(NO_PATH))
    parts = partitions(spark, of_web.count(), PICTURES_A_TASK)
    task = partial(_fetch, fetcher=fetcher, threads=threads)
    found = of_web.repartition(parts, "image").mapInArrow(measured(task), FETCHED.ddl)
    if storage is not None:
        here = _fetched_here(addresses.where(~F.col("image").rlike(NO_PATH)), fetcher, threads, storage)
        found = found if here is None else found.unionByName(here)
    if pictures is None:
        return found
    own = different.where(digest).join(pictures, F.col("image") == F.col("picture"), "left")
    too_large = F.when(F.col("picture").isNull(), MISSING).otherwise(f"larger than {fetcher.max_bytes:,} bytes")
    return found.unionByName(
        own.select(
            "image",
            "items",
            F.when(F.col("bytes").isNotNull(), F.substring("image", len("sha256:") + 1, 64)).alias("sha256"),
            "bytes",
            F.when(F.col("bytes").isNull(), too_large).alias("reason"),
        )
    )


def _fetched_here(files: "DataFrame", fetcher: Fetcher, threads: int, storage: Storage) -> "DataFrame | None":
    """Table FETCHED of files of the driver, which executors do not see; None where there are none."""
    import pyarrow.parquet as pq

    names = files.toArrow().to_batches(PICTURES_A_TASK)
    if not sum(map(len, names)):
        return None
    schema = pa.schema(list(zip(FETCHED.columns, FETCHED_TYPES, strict=True)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.parquet"
        with pq.ParquetWriter(path, schema) as writer:
            for batch in _fetch(iter(names), fetcher, threads):
                writer.write_batch(batch)
        url = storage.lend([path], storage.new())[path]
    return files.sparkSession.read.schema(FETCHED.ddl).parquet(url)


def look_vectors(
    found: "DataFrame", store: KeptVectors, model: str, options: ImagesConfig
) -> "tuple[DataFrame, dict[str, int]]":
    """Table LOOK_VECTORS, and how many pictures are new, as `TakenOver` counts them.

    found: table FETCHED. model: as `jobs.models.content.picture_encoder.located` returns.
    """
    from pyspark.sql import functions as F

    there = found.where("sha256 is not null").select(F.unhex("sha256").alias("key"), "bytes")
    kept = TakenOver(store, there, partial(_embedded, model=model, options=options), PICTURES_A_TASK)
    embedded = kept.to(kept.keys).withColumn("sha256", F.lower(F.hex("key")))
    joined = found.drop("bytes").withColumnRenamed("reason", "unfetched").join(embedded, "sha256", "left")
    whole = joined.withColumn("reason", F.coalesce("unfetched", "reason")).select(*LOOK_VECTORS.columns)
    return whole, kept.counts


def _embedded(pictures: "DataFrame", model: str, options: ImagesConfig) -> "DataFrame":
    """Table KEPT. Equal pictures meet in one task, one after the other, and equal inputs make equal batches."""
    task = partial(_embed, model=shipped_model(model), options=options)
    return pictures.select("key", "bytes").sortWithinPartitions("key").mapInArrow(measured(task), KEPT.ddl)


def aside(items: "DataFrame", looks: "DataFrame") -> "DataFrame":
    """Table PICTURE_QUARANTINE: the items whose picture cannot be used, each with the reason.

    items, looks: the tables ITEMS and LOOK_VECTORS.
    """
    from pyspark.sql import functions as F

    bad = looks.where("reason is not null").select("image", "reason")
    return items.select("item", "item_id", "image").join(bad, "image").select(
        F.lit("images").alias("source"),
        F.col("image").alias("file"),
        F.col("item").cast("bigint").alias("row"),
        "reason",
        F.to_json(F.struct("item_id", "image")).alias("record"),
    )  # fmt: skip


def _fetch(batches: Batches, fetcher: Fetcher, threads: int) -> Batches:
    for batch in batches:
        rows = list(zip(batch.column("image").to_pylist(), batch.column("items").to_pylist(), strict=True))
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            got = fetcher.fetch_all([address for address, _ in some], threads)
            found = [_fetched(*row, one) for row, one in zip(some, got, strict=True)]
            yield _rows(FETCHED.columns, found, FETCHED_TYPES)


def _fetched(address: str, items: int, got: bytes | str) -> tuple[Any, ...]:
    if isinstance(got, str):
        return address, items, None, None, got
    return address, items, hashlib.sha256(got).hexdigest(), got, None


def _embed(batches: Batches, model: Shipped | str, options: ImagesConfig) -> Batches:
    from pyspark import TaskContext

    from jobs.models.content.picture import decode

    device, gpu = task_device(), lent_gpu(TaskContext.get())
    encoder, last = _encoder(model_here(model), options, device, task_threads()), b""
    for digests, data in _pairs(batches, options.batch):
        names, pictures = [], []
        rows: list[tuple[Any, ...]] = []
        for digest, picture in zip(digests, data, strict=True):
            if digest == last:
                continue
            last = digest
            try:
                pictures.append(decode(picture, options.max_pixels, encoder.side))
                names.append(digest)
            except PictureError as error:
                rows.append((digest, None, str(error), None, None))
        vectors = encoder.encode(pictures).tolist() if pictures else []
        rows += [(name, vector, None, device, gpu) for name, vector in zip(names, vectors, strict=True)]
        yield _rows(KEPT.columns, rows, KEPT_TYPES)


def _pairs(batches: Batches, size: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Digests and bytes, a batch of the encoder at a time."""
    for batch in batches:
        for start in range(0, len(batch), size):
            part = batch.slice(start, size)
            yield part.column("key").to_pylist(), part.column("bytes").to_pylist()


FETCHED_TYPES = (pa.string(), pa.int64(), pa.string(), pa.binary(), pa.string())
KEPT_TYPES = (pa.binary(), pa.list_(pa.float32()), pa.string(), pa.string(), pa.string())


def _rows(names: list[str], rows: Iterable[tuple[Any, ...]], types: tuple[pa.DataType, ...]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    filled = [list(column) for column in columns] or [[] for _ in types]
    arrays = [pa.array(values, kind) for values, kind in zip(filled, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=names)


@lru_cache(maxsize=1)
def _encoder(model: str, options: ImagesConfig, device: str, threads: int) -> "PictureEncoder":
    """The encoder of this worker. A worker outlives its tasks, and the next task may bring another device."""
    import torch

    from jobs.models.content.picture_encoder import PictureEncoder

    torch.set_num_threads(threads)
    return PictureEncoder(
        model, batch=options.batch, precision=options.precision, device=device, pickles=options.pickles
    )


def fetcher_of(options: ImagesConfig, base: Path, started: float) -> Fetcher:
    """The fetcher of a night. base: the folder of the TOML file. started: seconds since 1970."""
    return Fetcher(
        base / options.folder, options.max_bytes, options.seconds, started + 60 * options.minutes, options.private
    )
