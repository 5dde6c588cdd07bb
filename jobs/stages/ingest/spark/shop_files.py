"""Read the shop's files, CSV, JSON or Parquet, with the place of every record."""

import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from jobs.config.config import Config
from jobs.config.search import SearchesConfig
from jobs.config.shop import EventsConfig, ImpressionsConfig, ItemsConfig, VisitsConfig
from jobs.errors import ConfigError
from jobs.infra.cluster.errors import summary
from jobs.infra.files import format_of, partitions_of, spark_path
from jobs.infra.logging import log_line
from jobs.infra.runs import Run
from jobs.infra.text_files.csv_lines import LINE_BREAK
from jobs.infra.text_files.preparing import Header, Prepared, header_of, hidden_from_spark, prepare
from jobs.stages.ingest.spark.reading.finding import COPIES, ShopFile, by_url, fetched, forget_lent, places, shop_files
from jobs.stages.ingest.spark.reading.parquet import read_parquet
from jobs.stages.ingest.spark.reading.spark_types import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
    from pyspark.sql.types import StructType

FILE, BLOCK, ROW = PLACE = ("__daybreak_file", "__daybreak_block", "__daybreak_row")
"""Columns beside those of the file: the file, where the split begins in it, and the row number of the scan."""
BROKEN = "__daybreak_broken"
UPDATED = "__daybreak_updated"
"""Another one: when the file was last modified."""
HIDDEN = (*PLACE, BROKEN, UPDATED)
"""No shop has columns of these names."""
COMPOSED = "composed"
"""In the metadata of column FILE: whether all texts are in Unicode's normal form C; missing where nobody looked."""
Files = ItemsConfig | EventsConfig | ImpressionsConfig | VisitsConfig | SearchesConfig
"""A table of the configuration that names files."""


@contextmanager
def copies(spark: "SparkSession", run: Run) -> Iterator[None]:
    """Remove the copies of the shop's files when the block ends, and before it those that a killed job left."""
    shutil.rmtree(run.path(COPIES), ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(run.path(COPIES), ignore_errors=True)
        forget_lent(spark, run)


def read(spark: "SparkSession", table: Files, config: Config) -> "DataFrame":
    """All records of the files, columns as in the files (CSV: all text), with `HIDDEN` beside them.

    BROKEN is the text of a record that is not readable, else null. Folders such as `day=2026-11-20` are columns, too.
    Call it within `copies`.
    Raises ConfigError where files are missing or damaged, or a format is unknown, or formats or columns differ.
    """
    from pyspark.errors import PySparkException

    files = shop_files(spark, table.files, config.base)
    kinds = {format_of(Path(f)) for f in files}
    if len(kinds) != 1 or None in kinds:
        raise ConfigError(
            f"{files[0]}: the files of one table must all be .csv, .tsv, .jsonl or .parquet; found "
            + ", ".join(sorted({Path(f).suffix or Path(f).name for f in files}))
        )
    kind = kinds.pop()
    try:
        if kind == "parquet":
            ready = [Prepared(file, _shown(file, config.run), composed=False, copied=False) for file in files]
            of = places(spark, ready, config.run)
            frame = read_parquet(spark, _reader(spark), of, _placed)
        else:
            ready, header = _ready(spark, files, kind or "", table.encoding, config.run)
            of = places(spark, ready, config.run)
            frame = _read_text(spark, ready, header, [*of.values()])
    except PySparkException as error:
        raise ConfigError(f"{files[0]}: not readable as {kind}: {summary(error)}") from None
    names = [name for name in frame.columns if name not in HIDDEN]
    if not names:
        raise ConfigError(f"{files[0]}: no record in it has a column; is it a file of {kind} records?")
    _check_names(names, files[0])
    composed = None if kind == "parquet" else all(f.composed for f in ready)
    return _with_files(spark, frame, ready, of, base=config.base, composed=composed)


def _reader(spark: "SparkSession") -> "DataFrameReader":
    """Takes paths as they are, and no column from them."""
    return spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true")


def _ready(
    spark: "SparkSession", named: list[ShopFile], kind: str, encoding: str | None, run: Run
) -> tuple[list[Prepared], Header | None]:
    """Files of text as Spark reads them, and the header of those of CSV."""
    urls = fetched(spark, [file for file in named if isinstance(file, str)], run)
    files = [*(file for file in named if isinstance(file, Path)), *urls]
    full = [file for file in files if file.stat().st_size]
    if not full:
        raise ConfigError(f"{files[0]}: is empty")
    header = None
    if kind == "csv":
        full, header = _common_header(full, encoding)
    to = run.path(COPIES) / uuid.uuid4().hex[:8]
    ready = prepare(full, "csv" if kind == "csv" else "json", encoding, header, to)
    copied = [one.path for one in ready if one.copied]
    if copied:
        log_line("ingest", "copied", files=len(copied), first=copied[0], note="UTF-8 with one record a line is read")
    return by_url(ready, urls), header


def _read_text(spark: "SparkSession", ready: list[Prepared], header: Header | None, paths: list[str]) -> "DataFrame":
    from pyspark.sql import functions as F

    reader = _reader(spark).option("columnNameOfCorruptRecord", BROKEN)
    if header is None:
        frame = _placed(reader.option("primitivesAsString", True).json(paths))
    else:
        schema = _text_schema([*_columns(header.names), BROKEN])
        csv = reader.schema(schema).option("header", True).option("sep", header.separator).option("escape", '"')
        frame = _placed(csv.csv(paths))
        if any(one.copied for one in ready):
            texts = {name: F.translate(named(name), LINE_BREAK, "\n") for name in frame.columns if name in schema.names}
            frame = frame.withColumns(texts)
    return frame


def _common_header(files: list[Path], encoding: str | None) -> tuple[list[Path], Header]:
    """The files that have a header, and the header."""
    headers = {file: header_of(file, encoding) for file in files}
    full = [file for file in files if any(headers[file].names)]
    if not full:
        raise ConfigError(f"{files[0]}: has no header; its first line must name the columns")
    first = headers[full[0]]
    for file in full[1:]:
        if headers[file] != first:
            raise ConfigError(
                f"{file}: its header differs from that of {full[0]}: {list(headers[file].names)}, separated by "
                f"{headers[file].separator!r}, not {list(first.names)}, separated by {first.separator!r}"
            )
    return full, first


def _columns(names: tuple[str, ...]) -> list[str]:
    """The names of a header; a column without one is called by its number."""
    return [name if name.strip() else f"column {number}" for number, name in enumerate(names, 1)]


def _check_names(names: list[str], file: ShopFile) -> None:
    """Raise ConfigError where two columns have one name: Spark does not tell letters' cases apart."""
    twice = [name for name, times in Counter(name.lower() for name in names).items() if times > 1]
    if twice:
        same = [name for name in names if name.lower() == twice[0]]
        raise ConfigError(
            f"{file}: the header must name every column differently, in more than the case of letters; found "
            + ", ".join(map(repr, same))
        )


def _text_schema(names: list[str]) -> "StructType":
    from pyspark.sql.types import StringType, StructField, StructType

    return StructType([StructField(name, StringType()) for name in names])


def _shown(file: ShopFile, run: Run) -> ShopFile:
    """A file of Parquet under a name by which Spark does not pass it over."""
    if isinstance(file, str) or not hidden_from_spark(file.name):
        return file
    link = run.path(COPIES) / uuid.uuid4().hex[:8] / "file.parquet"
    link.parent.mkdir(parents=True)
    link.symlink_to(file.resolve())
    return link


def _placed(frame: "DataFrame") -> "DataFrame":
    """With the columns of a file's place, but for ROW, and with BROKEN."""
    from pyspark.sql import functions as F

    of = frame.metadataColumn("_metadata")
    broken = [] if BROKEN in frame.columns else [F.lit(None).cast("string").alias(BROKEN)]
    return frame.select(
        "*",
        *broken,
        of["file_path"].alias(FILE),
        of["file_block_start"].alias(BLOCK),
        of["file_modification_time"].alias(UPDATED),
    )


def _with_files(
    spark: "SparkSession",
    frame: "DataFrame",
    ready: list[Prepared],
    places: dict[ShopFile, str],
    *,
    base: Path,
    composed: bool | None,
) -> "DataFrame":
    """With ROW, the shop's own files in FILE, and the columns that their folders stand for.

    places: what Spark was told to read of each.
    """
    from pyspark.sql import functions as F

    frame = frame.withColumn(ROW, F.monotonically_increasing_id())
    of = {places[one.read]: (one, partitions_of(Path(one.path), base)) for one in ready}
    known = {name.lower() for name in frame.columns}
    keys = [
        key for key in next(iter(of.values()))[1] if key.lower() not in known and all(key in v for _, v in of.values())
    ]
    if keys or any(places[one.read] != _place(one.path) for one in ready):
        rows = []
        for uri in frame.inputFiles():
            one_slash = re.sub("^file:/+", "file:/", uri)
            one, values = of[unquote(one_slash)]
            changed = None if isinstance(one.read, str) else str(one.read.stat().st_mtime_ns // 10**6)
            rows.append((one_slash, str(one.path), changed, *(values[key] for key in keys)))
        mapping = spark.createDataFrame(rows, _text_schema([FILE, "__daybreak_path", "__daybreak_changed", *keys]))
        joined = frame.withColumn(FILE, F.regexp_replace(FILE, "^file:/+", "file:/")).join(F.broadcast(mapping), FILE)
        frame = joined.select(
            *(named(name) for name in frame.columns if name not in (FILE, UPDATED)),
            *(named(key) for key in keys),
            # A copy on storage is younger than the shop's file.
            F.coalesce(F.timestamp_millis(F.col("__daybreak_changed").cast("bigint")), F.col(UPDATED)).alias(UPDATED),
            F.col("__daybreak_path").alias(FILE),
        )
    metadata = {} if composed is None else {COMPOSED: composed}
    return frame.withColumn(FILE, F.col(FILE).alias(FILE, metadata=metadata))


def _place(file: ShopFile) -> str:
    return file if isinstance(file, str) else spark_path(file)


def file_name(file: "Column") -> "Column":
    """The path in column FILE: Spark has it as a URI."""
    from pyspark.sql import functions as F

    plain = F.regexp_replace(F.url_decode(F.replace(file, F.lit("+"), F.lit("%2B"))), "^file:/+", "/")
    return F.when(file.startswith("file:"), plain).otherwise(file)
