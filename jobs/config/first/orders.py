"""What whole files of events say: all types, how times are written, returns, guests, and articles of service."""

import time
from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from jobs.config.first.contents import Reading, as_number, as_text, cancelled, known, plain
from jobs.config.first.names import takes_back, type_of_file
from jobs.config.first.roles import MOST_TYPES, Role, is_sale
from jobs.config.first.times import TimeReading, as_time
from jobs.config.service_articles import Suspect, find_suspects

ROWS = 2_000_000
"""Rows of a table that are looked at closely; of the rows after them only the types are."""
PATIENCE = 120.0
"""Seconds that one table may take."""
NOBODY = {"0", "guest", "gast", "anonymous", "anonym", "unknown", "none", "null", "nan", "na", "nobody", "notset"}
"""Ids that stand for no user, in plain letters; -1 is another."""
LEAST_ROWS = 20
"""Fewer rows tell nothing of shares."""
LEAST_NOBODY = 0.01
"""The share of the rows that such an id, or no id, has for it to be told of."""


@dataclass
class Findings:
    """What the rows of a table of events are like."""

    rows: int = 0
    whole: bool = True
    """Whether all rows were seen."""
    types: Counter[str] = field(default_factory=Counter)
    time: TimeReading | None = None
    nobody: list[str] = field(default_factory=list)
    """Values of the user's column that stand for no user."""
    guests: float = 0.0
    """The share of rows without a user."""
    returns: int = 0
    """Rows with a quantity below zero."""
    free: int = 0
    """Rows with a price of zero."""
    cancelled: list[str] = field(default_factory=list)
    """States of orders that are none."""
    suspects: list[Suspect] = field(default_factory=list)
    unknown: float = 0.0
    """The share of rows whose item is not among the items."""
    numbers: dict[str, Reading] = field(default_factory=dict)
    """How value, price and discount are read, by key."""

    @property
    def taking_back(self) -> list[str]:
        """Types that take something back."""
        return sorted(kind for kind in self.types if takes_back(kind))


def study(role: Role, catalogue: pl.DataFrame | None) -> Findings:
    """Look at all rows of a table of events.

    catalogue: item_id and title of the items. Raises ConfigError where a file is not readable.
    """
    columns = role.columns
    wanted = list(dict.fromkeys(columns.values()))
    found, kept, until = Findings(), [], time.monotonic() + PATIENCE
    for part in role.table.parts(wanted):
        if found.rows < ROWS:
            kept.append(part)
        found.rows += part.height
        if "type" in columns and len(found.types) <= MOST_TYPES:
            found.types.update(part[columns["type"]].str.strip_chars(" ").replace("", None).drop_nulls())
        if (found.rows >= ROWS and "type" not in columns) or time.monotonic() > until:
            found.whole = False
            break
    rows = pl.concat(kept) if kept else role.table.sample.select(wanted)
    _times(found, role, rows)
    _people(found, role, rows)
    for key in ("value", "price", "discount"):
        if key in columns and (reading := as_number(columns[key], rows[columns[key]])):
            found.numbers[key] = reading
    if "status" in columns:
        found.cancelled = cancelled(rows[columns["status"]])
    value = _as_float(found, role, rows, "value")
    price = _as_float(found, role, rows, "price")
    found.returns = int((value < 0).sum()) if value is not None else 0
    found.free = int((price <= 0).sum()) if price is not None else 0
    if catalogue is not None and rows.height:
        ids = as_text(rows[columns["item_id"]])
        found.unknown = float((~ids.is_in(catalogue["item_id"].implode())).mean() or 0.0)  # type: ignore[arg-type]
    if is_sale(role):
        found.suspects = _suspects(role, rows, price, value, catalogue)
    return found


def type_of_rows(role: Role) -> tuple[str, str | None]:
    """The type of all events of a table without a column of types, and a doubt about it."""
    by_name = type_of_file(file.path.name for file in role.table.files) or type_of_file(
        file.path.parent.name for file in role.table.files
    )
    if by_name is not None:
        return by_name, "by the name of the file: every row is one"
    if not is_sale(role) and "value" in role.columns:
        return "rating", "by the column with ratings: every row is one"
    return "purchase", "no column of types was found: every row counts as a purchase"


def _times(found: Findings, role: Role, rows: pl.DataFrame) -> None:
    name = role.columns.get("time")
    if name is None:
        return
    found.time = as_time(name, rows[name])
    if found.time is None:
        found.time = TimeReading(name, note=f"not readable as times, such as {list(known(rows[name])[:3])}")


def _people(found: Findings, role: Role, rows: pl.DataFrame) -> None:
    column = rows[role.columns["user_id"]] if rows.height else pl.Series([], dtype=pl.String)
    if column.is_empty() or isinstance(column.dtype, pl.List):
        return
    users = known(column)
    nobody = users.value_counts().filter(pl.col("count") > LEAST_NOBODY * rows.height)[users.name]
    if rows.height >= LEAST_ROWS:
        found.nobody = sorted(value for value in nobody if value == "-1" or plain(value) in NOBODY)
    found.guests = 1 - users.filter(~users.is_in(found.nobody)).len() / rows.height


def _as_float(found: Findings, role: Role, rows: pl.DataFrame, key: str) -> pl.Series | None:
    """The numbers of a column as the configuration reads them."""
    if key not in found.numbers:
        return None
    text = rows[role.columns[key]].str.strip_chars()
    if found.numbers[key].expression != role.columns[key]:
        comma = "'[^0-9,-]'" in found.numbers[key].expression
        text = text.str.replace_all(r"[^0-9,-]" if comma else r"[^0-9.-]", "").str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def _suspects(
    role: Role,
    rows: pl.DataFrame,
    price: pl.Series | None,
    value: pl.Series | None,
    catalogue: pl.DataFrame | None,
) -> list[Suspect]:
    """The items that look like no product, by the sales in these rows."""
    columns = role.columns
    basket = [columns[key] for key in (("order",) if "order" in columns else ("user_id", "time")) if key in columns]
    table = rows.select(
        pl.col(columns["item_id"]).str.strip_chars().alias("item_id"),
        pl.concat_str(basket, separator=" ", ignore_nulls=True).alias("basket"),
        (price if price is not None else pl.lit(None, pl.Float64)).alias("price"),
    )
    if value is not None:
        table = table.filter(~(value < 0).fill_null(False))
    table = table.filter(pl.col("item_id") != "")
    items = table.group_by("item_id").agg(
        pl.col("basket").n_unique().alias("baskets"),
        pl.col("price").quantile(0.1).alias("low"),
        pl.col("price").quantile(0.9).alias("high"),
    )
    named = items.join(catalogue, "item_id", "left") if catalogue is not None else items.with_columns(title=None)
    return find_suspects(named, table["basket"].n_unique())
