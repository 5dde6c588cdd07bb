"""What is known of items, as arrays: price, stock, category path, brand, declared features, popularity."""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.blocks import Blocks, flat, spread
from jobs.infra.item_groups import ItemGroups
from jobs.releases.arrays.array_writer import ArrayWriter
from lookup.release.arrays import settle
from lookup.release.schema import NONE, TEXT
from lookup.retrieval.variants import by_group

ENTRIES = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
"""A map of texts as Arrow and polars both know it."""


@dataclass(frozen=True)
class Names:
    """The different names that describe items, each kind sorted."""

    categories: list[str]
    """At any level of a path."""
    brands: list[str]
    values: list[str]
    """The texts of declared features."""
    depth: int
    """Names in the longest category path."""

    @classmethod
    def of(cls, items: Blocks, features: dict[str, str]) -> "Names":
        """From table `items`. features: their kinds, by name."""
        texts = [name for name, kind in features.items() if kind == TEXT]
        categories, brands, values = set[str](), set[str](), set[str]()
        for batch in items.read("category", "brand", "features"):
            block = _frame(batch, "category", "brand")
            categories.update(block["category"].explode().drop_nulls().unique())
            brands.update(block["brand"].drop_nulls().unique())
            values.update(_entries(batch).filter(pl.col("key").is_in(texts))["value"].unique())
        return cls(sorted(categories), sorted(brands - {""}), sorted(values), items.longest("category"))


class Codes:
    """The row of each name among the keys of a release. rows: by name."""

    def __init__(self, rows: dict[str, int]):
        self._names = pl.Series(rows.keys(), dtype=pl.String)
        self._rows = pl.Series(rows.values(), dtype=pl.Int32)

    def of(self, names: pl.Series) -> NDArray[np.int32]:
        """The row of each of some names, int32 (n,); NONE for a name that is unknown, empty or null."""
        found = names.replace_strict(self._names, self._rows, default=NONE, return_dtype=pl.Int32)
        return np.asarray(found.to_numpy(), dtype=np.int32)


def write_columns(
    writer: ArrayWriter, items: Blocks, category: dict[str, int], names: Names, features: dict[str, str]
) -> None:
    """The arrays `item_price` … `item_feature`, and the keys of brands and texts.

    category: the row of each category. Raises DataError where the text of a declared number is no number.
    """
    paths = Codes(category)
    brands, values = Codes(writer.keys("brand", names.brands)), Codes(writer.keys("value", names.values))
    with ExitStack() as stack:
        arrays = {
            part: stack.enter_context(writer.creating(f"item_{part}"))
            for part in ("price", "in_stock", "category", "brand", "feature")
        }
        for batch in items.read("item", "price", "in_stock", "category", "brand", "features"):
            rows = items.rows(batch, "item", writer.dims["I"])
            block = _frame(batch, "price", "in_stock", "brand")
            arrays["price"][rows] = block["price"].cast(pl.Float64).fill_null(np.nan).to_numpy()
            arrays["in_stock"][rows] = block["in_stock"].fill_null(value=False).to_numpy()
            arrays["category"][rows] = _paths(batch, paths, names.depth)
            arrays["brand"][rows] = brands.of(block["brand"])
            arrays["feature"][rows] = _features(items, batch, values, features)
            for array in arrays.values():
                settle(array)


def write_groups(writer: ArrayWriter, groups: ItemGroups) -> None:
    """`item_group`, the keys of groups, and the items of each."""
    places = writer.keys("group", groups.names)
    # The last is of NONE, no group.
    rows = np.array([*(places[name] for name in groups.names), NONE], dtype=np.int32)
    codes = rows[groups.codes]
    offsets, members = by_group(codes, len(groups.names))
    for name, values in (("item_group", codes), ("group_item_offsets", offsets), ("group_item", members)):
        writer.write(name, values)


def write_popularity(writer: ArrayWriter, table: Blocks) -> None:
    """`item_popularity`, from table `popularity`; 0 for an item that is not in it."""
    with writer.creating("item_popularity") as out:
        for batch in table.read("item", "score"):
            out[table.rows(batch, "item", len(out))] = batch.column("score").to_numpy(zero_copy_only=False)


def _frame(batch: pa.RecordBatch, *columns: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(batch.select(columns)))


def _paths(batch: pa.RecordBatch, codes: Codes, depth: int) -> NDArray[np.int32]:
    """The rows of the names of each path, int32 (n, depth), NONE after the last."""
    lengths, names = flat(batch.column("category"))
    paths = np.full((batch.num_rows, depth), NONE, dtype=np.int32)
    starts = np.arange(batch.num_rows, dtype=np.int64) * depth
    paths.reshape(-1)[spread(starts, lengths)] = codes.of(pl.Series(names, dtype=pl.String))
    return paths


def _entries(batch: pa.RecordBatch) -> pl.DataFrame:
    """The declared features of a block of items: row (in the block), key and value of each that is known."""
    column = pl.Series("features", pl.from_arrow(batch.column("features").cast(ENTRIES)))
    return column.to_frame().with_row_index("row").explode("features").drop_nulls().unnest("features").drop_nulls()


def _features(items: Blocks, batch: pa.RecordBatch, values: Codes, features: dict[str, str]) -> NDArray[np.float64]:
    """Declared features, float64 (n, F): numbers, and rows of texts; NaN where unknown."""
    found = np.full((batch.num_rows, len(features)), np.nan)
    known = _entries(batch).partition_by("key", as_dict=True)
    for column, (name, kind) in enumerate(features.items()):
        given = known.get((name,))
        if given is None:
            continue
        numbers = values.of(given["value"]) if kind == TEXT else _numbers(items, name, given["value"])
        found[given["row"].to_numpy(), column] = numbers
    return found


def _numbers(items: Blocks, name: str, texts: pl.Series) -> NDArray[np.float64]:
    numbers = texts.cast(pl.Float64, strict=False)
    wrong = texts.filter(numbers.is_null())
    if len(wrong):
        raise DataError(f"{items.folder}: feature {name} is {wrong[0]!r}; a number expected")
    return np.asarray(numbers.to_numpy(), dtype=np.float64)
