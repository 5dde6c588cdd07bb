"""A table of products as the items of a search: their texts, prices, brands and categories, whatever the table has."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from lookup.item_fields import PATH_SEPARATOR

if TYPE_CHECKING:
    import polars as pl

COLUMNS: dict[str, tuple[str, ...]] = {
    "title": ("title", "name"),
    "brand": ("brand",),
    "category": ("category",),
    "attributes": ("attributes",),
    "description": ("description", "short_description"),
    "price": ("price", "price_cents"),
    "date": ("date", "date_released"),
}
"""Of each part of a product the columns that may hold it; the first of them that the table has does."""
CENTS = "price_cents"
SEPARATORS = re.compile(r"\s*[>/]\s*")
TYPED_KEY = re.compile(r"^[a-z]_(?=.)")
"""A single letter before a name says its type in many tables, and nothing to a shopper."""
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Products:
    """The products of a table, n of them, in its order."""

    ids: list[str]
    texts: list[tuple[str, str, str, str, str]]
    """Of each those of `lookup.retrieval.lexical.counts.FIELDS`."""
    price: NDArray[np.float64]
    """(n,); NaN where unknown."""
    day: NDArray[np.int32]
    """(n,): since 1970; -1 where unknown."""
    brands: list[str]
    """Names, each once."""
    brand: NDArray[np.int32]
    """(n,): rows of names; -1 for none."""
    paths: list[tuple[str, ...]]
    """Categories, each with those above it, each path once."""
    category: NDArray[np.int32]
    """(n, G): rows of paths, from the top down; -1 after the last."""
    columns: dict[str, str]
    """Of each part of `COLUMNS` that was found, the table's name of it."""

    @property
    def titles(self) -> list[str]:
        """(n,)"""
        return [texts[0] for texts in self.texts]

    def __len__(self) -> int:
        return len(self.ids)


def read_table(path: Path) -> "pl.DataFrame":
    """Read a CSV, Parquet or JSON lines file; the ending says which. Of a CSV all columns are texts.

    Raises DataError for another ending, for what is no such file, and for a table without rows.
    """
    import polars as pl

    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            table = pl.read_parquet(path)
        elif kind in (".csv", ".tsv"):
            table = pl.read_csv(path, infer_schema=False, separator="\t" if kind == ".tsv" else ",")
        elif kind in (".jsonl", ".ndjson"):
            table = pl.read_ndjson(path, infer_schema_length=None)
        else:
            raise DataError(f"{path}: a table ends in .csv, .tsv, .parquet, .jsonl or .ndjson")
    except pl.exceptions.NoDataError:
        raise DataError(f"{path}: the file is empty") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a table that can be read: {error!s:.200}") from None
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    return table


def needed(table: "pl.DataFrame", path: Path, *names: str) -> None:
    """Raises DataError where a table lacks a column."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        has = ", ".join(table.columns)
        raise DataError(f"{path}: no column {', '.join(missing)}; the table has {has:.300}")


def read_products(path: Path) -> Products:
    """Read a table of products.

    Raises DataError, naming the file and the row, for a table without `product_id` or a title, an id twice or none, a
    price or a date that is none, and attributes that are no JSON object.
    """
    table = read_table(path)
    columns = {
        part: found for part, names in COLUMNS.items() if (found := next((n for n in names if n in table.columns), ""))
    }
    needed(table, path, "product_id")
    if "title" not in columns:
        needed(table, path, COLUMNS["title"][0])
    ids = ["" if value is None else str(value) for value in table["product_id"].to_list()]
    if "" in ids:
        raise DataError(f"{path}, row {ids.index('') + 1}: no product_id")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise DataError(f"{path}: product_id {twice!r:.100} is there twice")

    def values(part: str) -> list[Any]:
        return table[columns[part]].to_list() if part in columns else [None] * len(ids)

    def each(part: str, read: Any) -> list[Any]:
        made = []
        for row, value in enumerate(values(part), 1):
            try:
                made.append(read(value))
            except (ValueError, TypeError) as error:
                raise DataError(f"{path}, row {row}: {columns[part]}: {error!s:.200}") from None
        return made

    paths_of = each("category", path_of)
    brands_of = each("brand", text_of)
    texts = zip(
        each("title", text_of),
        brands_of,
        [PATH_SEPARATOR.join(names) for names in paths_of],
        each("attributes", attributes_of),
        each("description", text_of),
        strict=True,
    )
    price = np.array(each("price", price_of), np.float64)
    if columns.get("price") == CENTS:
        price /= 100
    brands = sorted({brand for brand in brands_of if brand})
    row_of = {brand: row for row, brand in enumerate(brands)}
    paths, category = codes_of(paths_of)
    return Products(
        ids,
        list(texts),
        price,
        np.array(each("date", day_of), np.int32),
        brands,
        np.array([row_of.get(brand, -1) for brand in brands_of], np.int32),
        paths,
        category,
        columns,
    )


def text_of(value: Any) -> str:
    """A text; that of a list joined."""
    if value is None:
        return ""
    return " ".join(map(text_of, value)) if isinstance(value, list) else str(value)


def path_of(value: Any) -> tuple[str, ...]:
    """The names of a category, from the top down: a list, or a text with > or / between them."""
    names = [text_of(one).strip() for one in value] if isinstance(value, list) else SEPARATORS.split(text_of(value))
    return tuple(name for name in map(str.strip, names) if name)


def attributes_of(value: Any) -> str:
    """A JSON object as text: names and values; of a yes the name, of a no and of what is missing nothing.

    Raises ValueError for what is no object.
    """
    if value is None or value == "":
        return ""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{value!r:.60} is no JSON") from None
    if not isinstance(found, Mapping):
        raise ValueError(f"{value!r:.60} is no JSON object")
    said = []
    for key, one in found.items():
        if one is None or one is False or one == "":
            continue
        name = TYPED_KEY.sub("", str(key)).replace("_", " ").strip()
        said.append(name if one is True else f"{name} {_value(one)}")
    return PATH_SEPARATOR.join(said)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(_value, value)) if isinstance(value, list) else str(value)


def price_of(value: Any) -> float:
    """A price; NaN for none. Raises ValueError for what is none."""
    if value is None or value == "":
        return float("nan")
    try:
        price = float(value)
    except ValueError:
        raise ValueError(f"{value!r:.60} is no number") from None
    if not 0 <= price < float("inf"):
        raise ValueError(f"{value!r:.60} is no price")
    return price


def day_of(value: Any) -> int:
    """The day since 1970 of a date or a text that begins with one (YYYY-MM-DD); -1 for none, or before 1970.

    Raises ValueError for another text.
    """
    if value is None or value == "":
        return -1
    found = value.date() if isinstance(value, datetime) else value
    if not isinstance(found, date):
        try:
            found = date.fromisoformat(str(value)[:10])
        except ValueError:
            raise ValueError(f"{value!r:.60} does not begin with a date such as 2026-11-22") from None
    return max((found - EPOCH).days, -1)


def codes_of(paths: Sequence[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], NDArray[np.int32]]:
    """All paths and those above them, each once, and of each item its rows, int32 (n, G), -1 after the last."""
    every = sorted({path[: depth + 1] for path in paths for depth in range(len(path))})
    row_of = {path: row for row, path in enumerate(every)}
    codes = np.full((len(paths), max(map(len, paths), default=0) or 1), -1, np.int32)
    for item, path in enumerate(paths):
        for depth in range(len(path)):
            codes[item, depth] = row_of[path[: depth + 1]]
    return every, codes
