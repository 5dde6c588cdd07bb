"""What the search index is built from: the items of a run in the order of their rows, and their text vectors."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.infra.blocks import Blocks
from jobs.infra.runs import Run
from jobs.search.head import NightItems
from lookup import keys
from lookup.release.schema import NONE, TEXT
from lookup.search.texts import texts_of

EPOCH = date(1970, 1, 1)
COLUMNS = (
    "item",
    "title",
    "brand",
    "category",
    "description",
    "features",
    "text",
    "events",
    "price",
    "in_stock",
    "group",
)
"""Of the table of items."""


@dataclass(frozen=True)
class ShopItems:
    """The items of a run, in the order of their rows."""

    texts: list[tuple[str, str, str, str, str]]
    """`lookup.search.texts`."""
    read: list[str]
    """What the text model reads of each."""
    category: NDArray[np.int32]
    """(I,): row of the narrowest category in the release; -1 for none."""
    brand: NDArray[np.int32]
    """(I,): row of the brand; -1 for none."""
    popularity: NDArray[np.float32]
    """(I,): events."""
    day: NDArray[np.int32]
    """(I,): of the first event, since 1970; -1 for none."""
    categories: list[str]
    """In the order of rows of the release."""
    brands: list[str]
    values: list[tuple[str, int, int]]
    """Texts of declared features: text, column of the feature, row of the text."""
    now: NightItems
    """What is known of them tonight."""


def shop_items(run: Run, features: dict[str, str]) -> ShopItems:
    """Read the items of a run. features: the kinds of declared features, by name."""
    table = Blocks.of(run, "items")
    rows: list[tuple[int, dict[str, Any]]] = []
    for batch in table.read(*COLUMNS):
        for record in batch.to_pylist():
            record["features"] = dict(record["features"] or ())
            rows.append((record["item"], record))
    records = [record for _, record in sorted(rows, key=lambda one: one[0])]
    texts_features = [name for name, kind in features.items() if kind == TEXT]
    for record in records:
        said = record["features"]
        record["features"] = {name: said[name] for name in texts_features if name in said}
    categories = in_rows({name for record in records for name in record["category"]})
    brands = in_rows({record["brand"] for record in records if record["brand"]})
    values = in_rows({text for record in records for text in record["features"].values()})
    columns = {name: place for place, name in enumerate(features)}
    pairs = {(text, columns[name]) for record in records for name, text in record["features"].items()}
    brand = np.array([brands[one["brand"]] if one["brand"] else NONE for one in records], np.int32)
    return ShopItems(
        [texts_of(record) for record in records],
        [record["text"] or "" for record in records],
        np.array([categories[one["category"][-1]] if one["category"] else NONE for one in records], np.int32),
        brand,
        np.array([record["events"] for record in records], np.float32),
        first_days(run, len(records)),
        list(categories),
        list(brands),
        sorted((text, column, values[text]) for text, column in pairs),
        NightItems(
            np.array([np.nan if one["price"] is None else one["price"] for one in records], np.float64),
            paths(records, categories),
            brand,
            np.array([bool(one["in_stock"]) for one in records], bool),
            codes_of(records),
        ),
    )


def paths(records: list[dict[str, Any]], categories: dict[str, int]) -> NDArray[np.int32]:
    """The rows of the categories of each item, the widest first, int32 (I, G); -1 after the last."""
    made = np.full((len(records), max((len(one["category"]) for one in records), default=0)), NONE, np.int32)
    for row, one in enumerate(records):
        made[row, : len(one["category"])] = [categories[name] for name in one["category"]]
    return made


def codes_of(records: list[dict[str, Any]]) -> NDArray[np.int32] | None:
    """A code of the group of each item, int32 (I,), -1 for none; None where no item has one."""
    codes = {name: code for code, name in enumerate(sorted({one["group"] for one in records if one["group"]}))}
    return np.array([codes.get(one["group"], NONE) for one in records], np.int32) if codes else None


def in_rows(names: set[str]) -> dict[str, int]:
    """The row of each name in a release, in the order of rows (`lookup.keys`)."""
    built = keys.Keys(*keys.build(names))
    return {built.id(row): row for row in range(len(built))}


def first_days(run: Run, items: int) -> NDArray[np.int32]:
    """The day of each item's first event, since 1970, int32 (I,); -1 where there is none."""
    days = np.full(items, -1, np.int32)
    files = Blocks.of(run, "events").files
    if files:
        first = pl.scan_parquet(files, hive_partitioning=False).group_by("item").agg(pl.col("time").min()).collect()
        since = first["time"].dt.date().cast(pl.Int32).to_numpy()
        days[first["item"].to_numpy()] = since
    return days


def text_vectors(run: Run, read: list[str]) -> NDArray[np.float32]:
    """The text model's vector of each item, float32 (I, d), of length 1; zeros for an item without text."""
    known: dict[str, NDArray[np.float32]] = {}
    for batch in Blocks.of(run, "text_vectors").read("text", "vector"):
        vectors = batch.column("vector")
        values = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(batch), -1)
        known.update(zip(batch.column("text").to_pylist(), values, strict=True))
    width = len(next(iter(known.values()))) if known else 1
    found = np.zeros((len(read), width), np.float32)
    for row, text in enumerate(read):
        if text in known:
            found[row] = known[text]
    return found
