"""The arrays of a release from the tables of a run: each block goes to its rows in a mapped file."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.blocks import BLOCK_ROWS, Blocks, flat, spread
from lookup import keys
from lookup.release.arrays import creating, settle, write
from lookup.release.catalog_schema import CATALOG
from lookup.release.schema import NO_ITEM, NUMBER, WHOLE_SHOP

RECORD_COLUMNS = [column.name for table in CATALOG if table.name == "items" for column in table.columns]
Texts = Callable[[], Iterator[tuple[NDArray[np.int64], list[bytes]]]]
"""Returns blocks of (rows, one text for each row). It is called for the lengths, and again for the bytes."""


class ArrayWriter:
    """Writes the arrays of one release.

    release: its folder. dims: the sizes of the letters of `lookup.release.schema`. shard: of which arrays of users are
    written; None: of none. first: the number in tables of the first user of the shard, which has row 0 of its arrays.
    """

    def __init__(self, release: Path, dims: dict[str, int], space_id: str, *, shard: int | None = None, first: int = 0):
        self.release, self.dims, self.space_id = release, dims, space_id
        self.shard, self.first = shard, first

    def ids(self, prefix: str, table: Blocks, key: str, column: str) -> None:
        """The three arrays of ids, from a table with row numbers and ids.

        Raises DataError when the numbers are not 0 … n-1 in the order of the ids' hashes.
        """
        size = self.dims["I" if prefix == "item" else "U"]

        def texts() -> Iterator[tuple[NDArray[np.int64], list[bytes]]]:
            for batch in table.read(key, column):
                ids = [text.encode() for text in batch.column(column).to_pylist()]
                yield table.rows(batch, key, size, self.first), ids

        seen = 0
        with self.creating(f"{prefix}_hash") as hashes:
            for rows, ids in texts():
                hashes[rows] = np.array([keys.hash_id(data) for data in ids], dtype=np.uint64)
                seen += len(rows)
                settle(hashes)
            if seen != size or not _ascending(hashes):
                last = self.first + size - 1
                raise DataError(
                    f"{table.folder}: {key} must number the rows {self.first} … {last} in the order of sha256({column})"
                )
        self.texts(f"{prefix}_id", texts)

    def texts(self, prefix: str, texts: Texts) -> None:
        """`<prefix>_offsets` and `<prefix>_bytes`."""
        with self.creating(f"{prefix}_offsets") as offsets:
            for rows, values in texts():
                offsets[rows + 1] = [len(value) for value in values]
            np.cumsum(offsets, out=offsets)
            with self.creating(f"{prefix}_bytes", int(offsets[-1])) as data:
                for rows, values in texts():
                    lengths = np.array([len(value) for value in values], dtype=np.int64)
                    data[spread(offsets[rows], lengths)] = np.frombuffer(b"".join(values), dtype=np.uint8)
                    settle(data)
                    settle(offsets)

    def records(self, table: Blocks, features: dict[str, str]) -> None:
        """Each item's row of table `items`, as JSON. features: kinds by name; numbers are JSON numbers."""

        def encoded(record: dict[str, Any]) -> bytes:
            known = dict(record["features"])
            record["features"] = {n: float(t) if features.get(n) == NUMBER else t for n, t in known.items()}
            return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()

        def texts() -> Iterator[tuple[NDArray[np.int64], list[bytes]]]:
            for batch in table.read("item", *RECORD_COLUMNS):
                records = batch.select(RECORD_COLUMNS).to_pylist()
                yield table.rows(batch, "item", self.dims["I"]), list(map(encoded, records))

        self.texts("item_record", texts)

    def vectors(self, name: str, table: Blocks, key: str, column: str) -> None:
        """An array of vectors, from a table with row numbers and lists of D numbers."""
        with self.creating(name) as out:
            for batch in table.read(key, column):
                rows = table.rows(batch, key, len(out), self.first)
                lengths, values = flat(batch.column(column))
                if np.any(lengths != out.shape[1]):
                    raise DataError(f"{table.folder}: {column} must have {out.shape[1]} numbers in every row")
                out[rows] = values.reshape(len(rows), -1)
                settle(out)

    def copy(self, name: str, source: Path, rows: Sequence[int] | None = None) -> None:
        """An array from a plain `.npy` file. rows: the new row of each of its rows; None: the same.

        Raises DataError when its dtype or shape differs from the statement.
        """
        values = np.load(source, mmap_mode="r")
        with self.creating(name) as out:
            if values.shape != out.shape or values.dtype != out.dtype:
                raise DataError(f"{source}: {values.dtype} {values.shape} found; {out.dtype} {out.shape} expected")
            for start in range(0, len(out), BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                out[block if rows is None else rows[block]] = values[block]

    def lists(
        self,
        prefix: str,
        table: Blocks,
        key: str,
        to_rows: Callable[[pa.RecordBatch], NDArray[np.int64]] | None = None,
    ) -> None:
        """The two arrays of a family of lists, from a table with `key`, `items` and `scores`.

        to_rows: returns the rows of a block; needed where the key is not the row itself.
        """
        with self.creating(f"{prefix}_item") as items, self.creating(f"{prefix}_score") as scores:
            size, longest = items.shape
            for start in range(0, size, BLOCK_ROWS):
                items[start : start + BLOCK_ROWS] = NO_ITEM
                settle(items)
            for batch in table.read(key, "items", "scores"):
                rows = to_rows(batch) if to_rows else table.rows(batch, key, size, self.first)
                lengths, found = flat(batch.column("items"))
                score_lengths, values = flat(batch.column("scores"))
                if np.any(lengths != score_lengths):
                    raise DataError(f"{table.folder}: items and scores must be equally long in every row")
                places = spread(rows * longest, lengths)
                items.reshape(-1)[places] = found
                scores.reshape(-1)[places] = values
                settle(items)
                settle(scores)

    def histories(self, table: Blocks) -> None:
        """The four arrays of users' events, from table `user_vectors`."""
        with self.creating("user_history_offsets") as offsets, ExitStack() as stack:
            for batch in table.read("user", "items"):
                lengths, _ = flat(batch.column("items"))
                offsets[table.rows(batch, "user", self.dims["U"], self.first) + 1] = lengths
            np.cumsum(offsets, out=offsets)
            names = {"items": "item", "days": "day", "weights": "weight"}
            arrays = {name: stack.enter_context(self.creating(f"user_history_{names[name]}")) for name in names}
            for batch in table.read("user", *names):
                rows = table.rows(batch, "user", self.dims["U"], self.first)
                for name, array in arrays.items():
                    lengths, values = flat(batch.column(name))
                    if np.any(lengths != offsets[rows + 1] - offsets[rows]):
                        raise DataError(f"{table.folder}: items and {name} must be equally long in every row")
                    array[spread(offsets[rows], lengths)] = values
                    settle(array)

    def keys(self, prefix: str, names: list[str]) -> dict[str, int]:
        """The three arrays of a family of names. Returns the row of each name."""
        hashes, offsets, data = keys.build(names)
        for part, values in (("hash", hashes), ("id_offsets", offsets), ("id_bytes", data)):
            self.write(f"{prefix}_{part}", values)
        known = keys.Keys(hashes, offsets, data)
        return {name: known.find(name) for name in names}

    def popular(self, table: Blocks, category: dict[str, int]) -> None:
        """The popular lists. category: the row of each.

        Raises DataError when a list stands there twice or belongs to no category, or when that of the whole shop is
        missing.
        """
        listed = [name for batch in table.read("category") for name in batch.column("category").to_pylist()]
        if len(set(listed)) != len(listed) or "" not in listed or not set(listed) <= {"", *category}:
            raise DataError(f"{table.folder}: one list a category of items, and one for the whole shop (''), expected")

        def rows(batch: pa.RecordBatch) -> NDArray[np.int64]:
            names = batch.column("category").to_pylist()
            return np.array([category[name] + 1 if name else WHOLE_SHOP for name in names], dtype=np.int64)

        self.lists("popular", table, "category", rows)

    def write(self, name: str, values: NDArray[Any]) -> None:
        """An array from memory."""
        write(self.release, name, values, self.dims, self.space_id)

    def creating(self, name: str, free: int = 0) -> AbstractContextManager[NDArray[Any]]:
        """An array of the release, zeros to fill in."""
        return creating(self.release, name, self.dims, self.space_id, free, shard=self.shard)


def _ascending(hashes: NDArray[np.uint64]) -> bool:
    """Whether every row is written, and the rows ascend. A missing row is 0, which hardly any id hashes to."""
    steps = (hashes[at : at + BLOCK_ROWS + 1] for at in range(0, len(hashes), BLOCK_ROWS))
    return all(bool(np.all(step) and np.all(step[1:] >= step[:-1])) for step in steps)
