"""The items of a public set: `items.parquet`, where there is one."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.problems.problem import ItemFacts

if TYPE_CHECKING:
    import polars as pl

ITEMS = "items.parquet"


def read_items(path: Path) -> tuple[ItemFacts, NDArray[np.int64]]:
    """Read the items of `items.parquet` (columns: see `read`), and their numbers, rising.

    Raises DataError when the file is unreadable, lacks a column item, or names an item twice.
    """
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not readable as Parquet: {error}") from None
    if "item" not in table.columns or not table["item"].dtype.is_integer():
        raise DataError(f"{path}: expected a column item of whole numbers; its columns are {', '.join(table.columns)}")
    table = table.sort("item")
    if not table.height or table["item"].null_count():
        raise DataError(
            f"{path}: expected rows, each with its item; {table['item'].null_count()} of {table.height} lack it"
        )
    if table["item"].is_duplicated().any():
        raise DataError(f"{path}: item {table.filter(pl.col('item').is_duplicated())['item'][0]} is there twice")
    nothing = bare(table["item"].cast(pl.String).to_list())
    text = next((name for name in ("text", "title") if name in table.columns), None)
    items = ItemFacts(
        ids=nothing.ids,
        texts=table[text].fill_null("").to_list() if text else nothing.texts,
        attributes=_attributes(table["attributes"]) if "attributes" in table.columns else nothing.attributes,
        prices=_prices(table["price"]) if "price" in table.columns else nothing.prices,
        categories=_widest(table["category"]) if "category" in table.columns else nothing.categories,
    )
    return items, table["item"].to_numpy().astype(np.int64)


def _attributes(column: "pl.Series") -> list[list[str]]:
    import polars as pl

    lists = column.cast(pl.List(pl.String)).list.drop_nulls()
    return lists.to_frame().select(pl.col(column.name).fill_null([])).to_series().to_list()


def _prices(column: "pl.Series") -> NDArray[np.float64]:
    import polars as pl

    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _widest(column: "pl.Series") -> list[str]:
    """Return the widest category of each item; "" where it has none."""
    import polars as pl

    first = column.list.first() if column.dtype == pl.List else column
    return first.cast(pl.String).fill_null("").to_list()


def bare(ids: list[str]) -> ItemFacts:
    """Make items of which only the ids are known."""
    n = len(ids)
    return ItemFacts(ids, [""] * n, [[] for _ in ids], np.full(n, np.nan), [""] * n)
