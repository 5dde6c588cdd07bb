"""What is known of items, as arrays: price, stock, category path, brand, declared features, popularity."""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.blocks import Blocks, flat, spread
from jobs.stages.build.array_writer import ArrayWriter
from lookup.release.arrays import settle
from lookup.release.schema import NONE, TEXT


@dataclass(frozen=True)
class Names:
    """The different names that items are described with, each kind sorted."""

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
        categories, brands, values = set[str](), set[str](), set[str]()
        for batch in items.read("category", "brand", "features"):
            categories.update(batch.column("category").flatten().to_pylist())
            brands.update(filter(None, batch.column("brand").to_pylist()))
            for known in batch.column("features").to_pylist():
                values.update(text for name, text in known if features.get(name) == TEXT)
        return cls(sorted(categories), sorted(brands), sorted(values), items.longest("category"))


def write_columns(
    writer: ArrayWriter, items: Blocks, category: dict[str, int], names: Names, features: dict[str, str]
) -> None:
    """The arrays `item_price` … `item_feature`, and the keys of brands and texts. category: the row of each.

    Raises DataError where a declared number is none.
    """
    brand, value = writer.keys("brand", names.brands), writer.keys("value", names.values)
    with ExitStack() as stack:
        arrays = {
            part: stack.enter_context(writer.creating(f"item_{part}"))
            for part in ("price", "in_stock", "category", "brand", "feature")
        }
        for batch in items.read("item", "price", "in_stock", "category", "brand", "features"):
            rows = items.rows(batch, "item", writer.dims["I"])
            arrays["price"][rows] = [np.nan if price is None else price for price in batch.column("price").to_pylist()]
            arrays["in_stock"][rows] = [bool(there) for there in batch.column("in_stock").to_pylist()]
            arrays["category"][rows] = _paths(batch, category, arrays["category"].shape[1])
            arrays["brand"][rows] = [brand.get(name, NONE) for name in batch.column("brand").to_pylist()]
            arrays["feature"][rows] = _features(items, batch, value, features)
            for array in arrays.values():
                settle(array)


def write_popularity(writer: ArrayWriter, table: Blocks) -> None:
    """`item_popularity`, from table `popularity`; 0 for an item that is not in it."""
    with writer.creating("item_popularity") as out:
        for batch in table.read("item", "score"):
            out[table.rows(batch, "item", len(out))] = batch.column("score").to_numpy(zero_copy_only=False)


def _paths(batch: pa.RecordBatch, category: dict[str, int], depth: int) -> NDArray[np.int32]:
    lengths, names = flat(batch.column("category"))
    paths = np.full((batch.num_rows, depth), NONE, dtype=np.int32)
    starts = np.arange(batch.num_rows, dtype=np.int64) * depth
    paths.reshape(-1)[spread(starts, lengths)] = [category[name] for name in names.tolist()]
    return paths


def _features(
    items: Blocks, batch: pa.RecordBatch, value: dict[str, int], features: dict[str, str]
) -> NDArray[np.float64]:
    found = np.full((batch.num_rows, len(features)), np.nan)
    known = [dict(one) for one in batch.column("features").to_pylist()]
    for column, (name, kind) in enumerate(features.items()):
        for row, given in enumerate(known):
            if name not in given:
                continue
            try:
                found[row, column] = value[given[name]] if kind == TEXT else float(given[name])
            except ValueError:
                raise DataError(f"{items.folder}: feature {name} is {given[name]!r}; a number expected") from None
    return found
