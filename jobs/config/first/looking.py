"""Look into the files of a shop: their rows as text, part by part, whatever compresses and encodes them."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from jobs.errors import ConfigError
from jobs.infra.files import format_of, partitions_of
from jobs.infra.text_files.csv_lines import LINE_BREAK, csv_header, one_line_records
from jobs.infra.text_files.json_lines import is_lines, values
from jobs.infra.text_files.opening import check_readable, likely_encoding, open_text

PART = 10_000
"""Rows of a part; the first part of a file is its sample."""
Cell = str | list[str] | None


@dataclass(frozen=True)
class DataFile:
    """A file of the folder. Its rows have text, or lists of text, in every column."""

    path: Path
    kind: str
    """csv, json or parquet."""
    encoding: str | None
    """Of a text that is not UTF-8 and does not say what it is."""
    partitions: dict[str, str | None]
    """The columns that its folders stand for, as `day=2026-11-20` does."""

    @cached_property
    def sample(self) -> pl.DataFrame:
        """The first rows."""
        return next(self.parts(), pl.DataFrame())

    def parts(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows, PART at a time. columns: those that are wanted, None for all.

        Raises ConfigError where the file cannot be read.
        """
        within = None if columns is None else [name for name in columns if name not in self.partitions]
        for part in self._read(within or None):
            of_folders = (pl.lit(value, pl.String).alias(name) for name, value in self.partitions.items())
            whole = part.with_columns(of_folders)
            yield whole if columns is None else whole.select(name for name in columns if name in whole.columns)

    def _read(self, columns: list[str] | None) -> Iterator[pl.DataFrame]:
        if self.kind == "parquet":
            yield from _parquet(self.path, columns)
            return
        with open_text(self.path, self.encoding, errors="replace") as text:
            records = _csv(text) if self.kind == "csv" else _json(self.path, self.encoding, text)
            names = [str(name) for name in next(records, [])]
            wanted = [name for name in names if columns is None or name in columns]
            yield _frame(names, wanted, list(islice(records, PART)))  # of a file without rows, too: it has columns
            while rows := list(islice(records, PART)):
                yield _frame(names, wanted, rows)


def look(path: Path, folder: Path) -> DataFile:
    """A file, with its format and encoding. folder: of the shop. Raises ConfigError where it cannot be read."""
    kind = format_of(path) or ""
    encoding = None if kind == "parquet" else likely_encoding(path)
    declared = encoding if encoding not in ("utf-8", "utf-8-sig", "utf-16", "utf-32") else None
    return DataFile(path, kind, declared, partitions_of(path, folder))


def _csv(text: Any) -> Iterator[list[Cell]]:
    """The names, then the rows; a record of another length is passed over, as `ingest` puts it into quarantine."""
    lines = iter(text)
    first = list(islice(lines, 1000))
    names, separator = csv_header(first)
    yield list(names)
    records = one_line_records((line for part in (first, lines) for line in part), separator, len(names))
    rows = csv.reader((line for line, _ in records), delimiter=separator)
    next(rows, None)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue
        if len(row) == len(names):
            yield [cell.replace(LINE_BREAK, "\n") for cell in row]


def _json(path: Path, encoding: str | None, text: Any) -> Iterator[list[Cell]]:
    """The names, those of the first rows, then the rows; a line that is no object is passed over."""
    with open_text(path, encoding, errors="replace") as head:
        lines = is_lines(head)
    records = (flat for line in (text if lines else values(text)) if (flat := _object(line)))
    try:
        first = list(islice(records, PART))
        names = list(dict.fromkeys(name for row in first for name in row))
        yield list(names)
        for part in (first, records):
            yield from ([row.get(name) for name in names] for row in part)
    except ValueError as error:
        raise ConfigError(f"{path}: not readable as JSON: {error}") from None


def _object(line: str) -> dict[str, Cell]:
    """An object of JSON as columns; one within it as columns `outer.inner`, as Spark calls them."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return dict(_flat(found)) if isinstance(found, dict) else {}


def _flat(record: dict[str, Any], within: str = "") -> Iterator[tuple[str, Cell]]:
    for name, value in record.items():
        if isinstance(value, dict) and len(within) < 200:
            yield from _flat(value, f"{within}{name}.")
        elif isinstance(value, list):
            yield within + name, [str(one) for one in value]
        else:
            yield within + name, value if value is None or isinstance(value, str) else json.dumps(value)


def _parquet(path: Path, columns: list[str] | None) -> Iterator[pl.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_readable(path)
    try:
        with pq.ParquetFile(path) as file:
            roots = None if columns is None else sorted({name.split(".")[0] for name in columns} | set(columns))
            names = set(file.schema_arrow.names)
            for batch in file.iter_batches(PART, columns=roots and [name for name in roots if name in names]):
                frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
                while structs := [name for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)]:
                    frame = frame.with_columns(pl.col(name).name.prefix_fields(f"{name}.") for name in structs)
                    frame = frame.unnest(structs)
                yield frame.select(_text(frame[name]) for name in frame.columns if columns is None or name in columns)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        raise ConfigError(f"{path}: not readable as Parquet: {error}") from None


def _text(column: pl.Series) -> pl.Series:
    """The values as the text that Spark makes of them; lists as lists of text."""
    kind = column.dtype
    if isinstance(kind, pl.List | pl.Array):
        return column.cast(pl.List(pl.String), strict=False)
    if isinstance(kind, pl.Datetime):
        return column.dt.strftime("%Y-%m-%d %H:%M:%S")
    if kind == pl.Binary:
        return column.cast(pl.String, strict=False)
    if kind.is_float():
        whole = (column == column.round(0)).all()
        return column.cast(pl.Int64 if whole else pl.Float64, strict=False).cast(pl.String)
    return column.cast(pl.String, strict=False)


def _frame(names: list[str], wanted: list[str], rows: list[list[Cell]]) -> pl.DataFrame:
    columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
    return pl.DataFrame([_series(name, columns[name]) for name in wanted])


def _series(name: str, cells: tuple[Cell, ...]) -> pl.Series:
    if any(isinstance(cell, list) for cell in cells):
        return pl.Series(name, [[cell] if isinstance(cell, str) else cell for cell in cells], pl.List(pl.String))
    return pl.Series(name, cells, pl.String)
