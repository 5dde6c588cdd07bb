"""Read the shop's files, CSV, JSON lines or Parquet, with the place of every record."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import ConfigError
from jobs.infra.files import csv_header, find_files, format_of, open_text
from jobs.infra.spark import CALLS_OF_JAVA

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

BROKEN = "_broken"
PLACE = ("_file", "_block", "_place")
"""Columns beside those of the file: the file, where the split begins in it, and the row number of the scan."""
UPDATED = "_updated"
"""Another one: when the file was last modified."""
HIDDEN = (*PLACE, BROKEN, UPDATED)


def read(spark: "SparkSession", patterns: str | list[str], base: Path) -> "DataFrame":
    """All records of the files, columns as in the files (CSV: all text), with `HIDDEN` beside them.

    BROKEN is the text of a record that is not readable, else null.
    Raises ConfigError where files are missing, where a format is unknown, or where formats or columns differ.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F

    files = find_files(patterns, base)
    kinds = {format_of(f) for f in files}
    if len(kinds) != 1 or None in kinds:
        raise ConfigError(
            f"{files[0]}: the files of one table must all be .csv, .tsv, .jsonl or .parquet; found "
            + ", ".join(sorted({f.suffix or f.name for f in files}))
        )
    paths = [f.resolve().as_uri() for f in files]
    kind = kinds.pop()
    try:
        if kind == "parquet":
            frame = _read_parquet(spark, files, paths)
        elif kind == "json":
            frame = (
                spark.read.option("columnNameOfCorruptRecord", BROKEN).option("primitivesAsString", True).json(paths)
            )
        else:
            frame = _read_csv(spark, files, paths)
    except AnalysisException as error:
        raise ConfigError(f"{files[0]}: not readable as {kind}: {error}") from None
    if BROKEN not in frame.columns:
        frame = frame.withColumn(BROKEN, F.lit(None).cast("string"))
    return frame.select(
        "*",
        F.col("_metadata.file_path").alias("_file"),
        F.col("_metadata.file_block_start").alias("_block"),
        F.col("_metadata.file_modification_time").alias(UPDATED),
        F.monotonically_increasing_id().alias("_place"),
    )


def _read_parquet(spark: "SparkSession", files: list[Path], paths: list[str]) -> "DataFrame":
    """Read Parquet. Spark takes times in nanoseconds (as pandas writes them) for numbers; they become timestamps."""
    import pyarrow.parquet as pq
    from pyspark.sql import functions as F

    frame = spark.read.parquet(*paths)
    nanoseconds = {f.name for f in pq.read_schema(files[0]) if str(f.type).startswith("timestamp[ns")}
    for name, kind in frame.dtypes:
        if name in nanoseconds and kind == "bigint":
            frame = frame.withColumn(name, F.timestamp_micros((F.col(f"`{name}`") / 1000).cast("bigint")))
    return frame


def _read_csv(spark: "SparkSession", files: list[Path], paths: list[str]) -> "DataFrame":
    first, separator = _header(files[0])
    if len(set(first)) != len(first) or "" in first:
        raise ConfigError(f"{files[0]}: the header must name every column, each differently; it is {first}")
    for file in files[1:]:
        if _header(file)[0] != first:
            raise ConfigError(f"{file}: its header differs from that of {files[0]}: {_header(file)[0]}, not {first}")
    schema = ", ".join(f"`{name.replace('`', '``')}` string" for name in [*first, BROKEN])
    return (
        spark.read.schema(schema)
        .option("header", True)
        .option("sep", separator)
        .option("escape", '"')
        # A quoted text may hold line breaks. The price: one task reads a whole file.
        .option("multiLine", True)
        .option("columnNameOfCorruptRecord", BROKEN)
        .csv(paths)
    )


def _header(path: Path) -> tuple[list[str], str]:
    """The names of a CSV file's columns, and their separator."""
    with open_text(path) as lines:
        return csv_header(lines)


def column(frame: "DataFrame", expression: str, key: str) -> "Column":
    """The column that a key of the configuration names: a column of the file, or a Spark SQL expression over them.

    Raises ConfigError, naming the key and the columns of the file, where it is neither.
    """
    from pyspark.errors import AnalysisException, ParseException
    from pyspark.sql import functions as F

    names = [c for c in frame.columns if c not in HIDDEN]
    if expression in names:
        return frame[f"`{expression}`"]
    try:
        result = F.expr(expression)
        frame.select(result)
    except (AnalysisException, ParseException) as error:
        java = any(f"`{name}`" in str(error).lower() for name in CALLS_OF_JAVA)  # as Spark names a function
        raise ConfigError(
            f"{key} = {expression!r} is neither a column nor an expression over the columns: {', '.join(names)}"
            + ("; shop.java_calls = true allows expressions to call Java, if that is meant" if java else "")
        ) from None
    return result


def joined(frame: "DataFrame", expressions: str | Iterable[str], key: str, separator: str = " ") -> "Column":
    """One text of one or several columns, without null and empty parts; null where no part is left."""
    from pyspark.sql import functions as F

    parts = [expressions] if isinstance(expressions, str) else list(expressions)
    texts = [F.nullif(F.trim(column(frame, p, key).cast("string")), F.lit("")) for p in parts]
    return F.nullif(F.concat_ws(separator, *texts), F.lit(""))


def moment(raw: "Column", pattern: str | None) -> "Column":
    """A timestamp, UTC where the text names no zone. pattern: `time_format` of the configuration."""
    from pyspark.sql import functions as F

    if pattern == "seconds":
        return F.timestamp_seconds(raw.cast("double"))
    if pattern == "milliseconds":
        return F.timestamp_millis(raw.cast("bigint"))
    return F.try_to_timestamp(raw.cast("string"), F.lit(pattern)) if pattern else raw.cast("timestamp")


def identifier(frame: "DataFrame", expression: str, key: str) -> "Column":
    """An id as text. A whole number that a file has as a decimal (12.0) is the id 12."""
    from pyspark.sql import functions as F

    raw = column(frame, expression, key)
    kind = frame.select(raw.alias("id")).schema["id"].dataType.simpleString()
    text = raw.cast("decimal(38,0)").cast("string") if kind in ("double", "float") else raw.cast("string")
    return F.nullif(F.trim(text), F.lit(""))
