"""The Parquet tables of a run, read in blocks, so that memory does not grow with the table."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.runs import Run

BLOCK_ROWS = 8192
"""Rows in memory at a time."""
DUCKDB_MEMORY = "1GB"
"""The memory that DuckDB may take before it spills to disk."""


@dataclass(frozen=True)
class Blocks:
    """A table of a run. Spark writes its rows in no order; a key column tells where each belongs."""

    folder: Path

    @classmethod
    def of(cls, run: Run, name: str) -> "Blocks":
        """The table of that name. Raises MissingStepError where it is missing."""
        return cls(run.existing(name))

    @property
    def files(self) -> list[Path]:
        """Its Parquet files, partitions included."""
        return sorted(p for p in self.folder.rglob("*.parquet") if not p.name.startswith((".", "_")))

    def __len__(self) -> int:
        return sum(pq.read_metadata(file).num_rows for file in self.files)

    def read(self, *columns: str) -> Iterator[pa.RecordBatch]:
        """Its rows in blocks of at most `BLOCK_ROWS`, with these columns only.

        Raises DataError, naming the file, when it lacks one of the columns.
        """
        for path in self.files:
            with pq.ParquetFile(path) as file:
                missing = set(columns) - set(file.schema_arrow.names)
                if missing:
                    raise DataError(
                        f"{path}: no column {', '.join(sorted(missing))}; the job that writes {self.folder.name} is of "
                        "another version: run it again"
                    )
                yield from file.iter_batches(BLOCK_ROWS, columns=list(columns))

    def rows(self, batch: pa.RecordBatch, key: str, size: int, first: int = 0) -> NDArray[np.int64]:
        """The key column of a block as rows of an array, int64 (rows,). first: the number that is row 0.

        Raises DataError where a row is not in 0 … size-1.
        """
        column = batch.column(key)
        numbers: NDArray[np.int64] = pc.fill_null(column, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        if len(numbers) and (numbers.min() < first or numbers.max() >= first + size):
            raise DataError(
                f"{self.folder}: column {key} goes from {numbers.min()} to {numbers.max()}; {first} to "
                f"{first + size - 1} expected"
            )
        return numbers - first

    def longest(self, column: str) -> int:
        """The length of the longest list in a column."""
        lengths = (pc.max(pc.list_value_length(batch.column(column))).as_py() or 0 for batch in self.read(column))
        return max(lengths, default=0)

    def elements(self, column: str) -> int:
        """The number of elements in all lists of a column."""
        lengths = (pc.sum(pc.list_value_length(batch.column(column))).as_py() or 0 for batch in self.read(column))
        return sum(lengths)


def flat(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    """A column of lists as the length of each, and all their elements in one array."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths, pc.list_flatten(column).to_numpy(zero_copy_only=False)


def spread(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of the elements of some runs, one run after the other: run i is `starts[i]`, `starts[i]` + 1, …"""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)
