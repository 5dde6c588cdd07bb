"""Public sets of baskets: what a user put into one basket after another, and what the next one holds."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.errors import DataError
from jobs.evaluation.problems.problem import Problem, distinct, histories
from jobs.evaluation.problems.set_items import ITEMS, bare, read_items

if TYPE_CHECKING:
    import polars as pl

BASKETS = "baskets.parquet"
COLUMNS = ("user", "basket", "part", "item")
HISTORY, FUTURE = "history", "future"


def next_basket(folder: Path, part: str) -> Problem:
    """Read the problem of `baskets.parquet`: find the items of each user's next basket.

    A row is an item of a basket: user, basket (a number that rises with time), part ("history" or "future") and item,
    counted from 0, or as `items.parquet` numbers it. The test learns from the history, and the first basket of the
    future is to be found. The validation never reads the future: the last basket of the history is to be found, and the
    baskets before are to learn from. `days` are places of baskets, 0, 1, 2 …; all items of a basket have the same.

    Raises DataError, naming the file, when it does not look like this.
    """
    import polars as pl

    table = _read(folder / BASKETS)
    known = table.filter(pl.col("part") == HISTORY)
    last = pl.col("basket").max().over("user")
    if part == "valid":
        wanted, known = known.filter(pl.col("basket") == last), known.filter(pl.col("basket") < last)
    else:
        ahead = table.filter(pl.col("part") == FUTURE)
        wanted = ahead.filter(pl.col("basket") == pl.col("basket").min().over("user"))
    names = known["user"].unique().sort()
    row = pl.col("user").replace_strict(names, np.arange(len(names)), default=None, return_dtype=pl.Int64)
    place = (pl.col("basket").rank("dense").over("user") - 1).cast(pl.Float64)
    known = known.with_columns(row=row, place=place).sort("row", "place", "item")
    wanted = wanted.with_columns(row=row).drop_nulls("row")
    if not wanted.height:
        raise DataError(f"{folder / BASKETS}: no user has both baskets to learn from and one to find")
    path = folder / ITEMS
    if path.exists():
        items, numbers = read_items(path)
    else:
        numbers = np.arange(int(table["item"].max()) + 1)  # type: ignore[arg-type]
        items = bare([str(number) for number in numbers])

    def rows(items: "pl.Series") -> "np.ndarray":
        found = np.minimum(np.searchsorted(numbers, items.to_numpy()), len(numbers) - 1)
        unknown = np.flatnonzero(numbers[found] != items.to_numpy())
        if len(unknown):
            raise DataError(f"{folder / BASKETS}: item {items[int(unknown[0])]} is not among the items of {path}")
        return found

    train = histories(
        known["row"].to_numpy(),
        len(names),
        rows(known["item"]),
        known["place"].to_numpy(),
        np.ones(known.height, np.float32),
    )
    measured, user = np.unique(wanted["row"].to_numpy(), return_inverse=True)
    given = train.rows(measured)
    return Problem(
        name=folder.resolve().name,
        protocol="next basket",
        items=items,
        train=train,
        given=given,
        given_at=given.days[given.offsets[1:] - 1] + 1.0,
        truth=distinct(user, len(measured), rows(wanted["item"])),
        ordered=True,
    )


def _read(path: Path) -> "pl.DataFrame":
    """Read and check the table: one row for each item of a basket.

    Raises DataError when the file is unreadable, lacks a column, or has a value that cannot be.
    """
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not readable as Parquet: {error}") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(f"{path}: expected columns {', '.join(COLUMNS)}; {missing[0]} is missing")
    for name in ("basket", "item"):
        if not table[name].dtype.is_integer():
            raise DataError(f"{path}: column {name} is {table[name].dtype}; expected whole numbers")
    for name in COLUMNS:
        if table[name].null_count():
            raise DataError(f"{path}: column {name} is empty in {table[name].null_count()} rows")
    below = table.filter(pl.col("item") < 0)
    if below.height:
        raise DataError(f"{path}: item {below['item'][0]}; expected numbers from 0")
    others = table.filter(~pl.col("part").is_in([HISTORY, FUTURE]))
    if others.height:
        raise DataError(f"{path}: part {others['part'][0]!r}; expected {HISTORY} or {FUTURE}")
    return table.select(COLUMNS).unique()
