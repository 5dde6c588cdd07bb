"""The Parquet files of a table, read together where their columns differ in type or number."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import ConfigError
from jobs.infra.logging import log_line
from jobs.infra.storage.hadoop import Hadoop
from jobs.infra.text_files.opening import check_readable
from jobs.stages.ingest.spark.reading.finding import ShopFile
from jobs.stages.ingest.spark.reading.spark_types import FLOATS, TIMES, WHOLE_NUMBERS, is_number, named, number_text

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

THREADS = 8


def read_parquet(
    spark: "SparkSession",
    reader: "DataFrameReader",
    files: "Mapping[ShopFile, str]",
    placed: "Callable[[DataFrame], DataFrame]",
) -> "DataFrame":
    """All rows of the files. A column that a file lacks is null there; a column of several types gets a common one.

    reader: with the options of all files. files: to what Spark is told to read of each. placed: adds columns to what
    was read of some files.
    Raises ConfigError, naming the file, where one is damaged, and naming two where a column has no common type.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        schemas = list(pool.map(lambda file: _schema(file, spark), files))
    groups: dict[frozenset[tuple[str, str]], list[ShopFile]] = {}
    for file, schema in zip(files, schemas, strict=True):
        groups.setdefault(frozenset((field.name, _type(field)) for field in schema), []).append(file)
    parts = [
        (group[0], _read(reader, [files[file] for file in group], dict(columns))) for columns, group in groups.items()
    ]
    if len(parts) == 1:
        return placed(parts[0][1])
    types = _common_types([(file, dict(frame.dtypes)) for file, frame in parts])
    log_line("ingest", "mixed-parquet", files=len(files), kinds=len(parts), first=parts[0][0], other=parts[1][0])
    return reduce(
        lambda one, other: one.unionByName(other, allowMissingColumns=True),
        (_as_types(placed(frame), types) for _, frame in parts),
    )


def _schema(file: ShopFile, spark: "SparkSession") -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(file, Path):
        check_readable(file)
    try:
        return pq.read_schema(file if isinstance(file, Path) else pa.PythonFile(Hadoop.of(spark).open(file), mode="r"))
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise ConfigError(
            f"{file}: not readable as Parquet: {problem} Is it whole? A file that is cut off has no end; copy it again"
        ) from None


def _type(field: "pa.Field") -> str:
    import pyarrow as pa

    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return str(kind)


def _read(reader: "DataFrameReader", places: Iterable[str], types: dict[str, str]) -> "DataFrame":
    """Read files of one schema. Spark takes times in nanoseconds (as pandas writes them) for numbers; they become
    timestamps.
    """
    from pyspark.sql import functions as F

    frame = reader.parquet(*places)
    for name, kind in frame.dtypes:
        if kind == "bigint" and types.get(name, "").startswith("timestamp[ns"):
            frame = frame.withColumn(name, F.timestamp_micros((named(name) / 1000).cast("bigint")))
    return frame


def _common_types(parts: list[tuple[ShopFile, dict[str, str]]]) -> dict[str, str]:
    """The type of each column by its name. parts: a file, and the types of its columns."""
    found: dict[str, tuple[ShopFile, str]] = {}
    for file, types in parts:
        for name, kind in types.items():
            before, known = found.get(name, (file, kind))
            common = _common(known, kind)
            if common is None:
                raise ConfigError(
                    f"column {name!r} is of type {known} in {before}, and of type {kind} in {file}: the files of one "
                    "table need types that go together"
                )
            found[name] = (before, common)
    return {name: kind for name, (_, kind) in found.items()}


def _common(one: str, other: str) -> str | None:
    """The type that holds the values of two; None where there is none. A text may hold any number, truth or time."""
    kinds = {one, other}
    if len(kinds) == 1 or "void" in kinds:
        return one if other == "void" else other
    for ordered in (WHOLE_NUMBERS, TIMES):
        if kinds <= set(ordered):
            return max(kinds, key=ordered.index)
    if all(map(is_number, kinds)):
        return "double" if kinds & set(FLOATS) else "decimal(38,10)"
    scalar = all(not kind.startswith(("array", "map", "struct", "binary", "variant")) for kind in kinds)
    return "string" if scalar and "string" in kinds else None


def _as_types(frame: "DataFrame", types: dict[str, str]) -> "DataFrame":
    return frame.select(
        *(
            (number_text(named(name), kind) if types.get(name) == "string" else named(name).cast(types[name])).alias(
                name
            )
            if types.get(name, kind) != kind
            else named(name)
            for name, kind in frame.dtypes
        )
    )
