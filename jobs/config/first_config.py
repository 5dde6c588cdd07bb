"""`daybreak init`: look at the files of a shop and write a first configuration, with the guesses explained."""

import io
import json
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import polars as pl
import tomlkit
from tomlkit.items import Item, Table

from jobs.errors import ConfigError
from jobs.infra.files import csv_header, first_records, format_of, open_text

SAMPLE = 10_000
"""Rows of a file that are looked at."""
ABOUT = (
    "Written by `daybreak init`. Every name on the right is a column of your file, or a Spark SQL expression over its",
    "columns. A line that begins with # is a key for which no column was found, or a setting at its default.",
)
ASSUMED = {
    "type": ("'purchase'", "no such column was found: every row counts as a purchase"),
    "time": ("", "no such column was found: name it"),
}
"""Values of keys for which no column was found, with what to say."""
SETTINGS = {
    "quality": "max_bad_share = 0.01        # the night stops when a larger share of the rows is bad",
    "users": "active_days = 90            # users with an event in so many days get a list",
    "topk": 'bought = "include"          # what a user bought: "include", "exclude", or "separate" (a buy-again list)',
}
"""Of each section, a setting at its default."""

# For each key: names that shops give such a column, the likeliest first, in letters and digits only.
ITEM_NAMES = {
    "item_id": "itemid productid sku asin articleid item product id gtin ean variantid",
    "title": "title name productname producttitle itemname displayname label",
    "description": "description longdescription shortdescription productdescription details body text",
    "category": "category categorypath categories producttype producttypepath department taxonomy",
    "brand": "brand brandname manufacturer vendor maker",
    "price": "price saleprice currentprice listprice unitprice amount",
    "image": "image imageurl imagelink picture thumbnail img",
    "in_stock": "instock available availability stock isavailable",
}
EVENT_NAMES = {
    "user_id": "userid customerid visitorid user customer visitor householdid sessionid clientid memberid accountid",
    "item_id": "itemid productid sku asin articleid item product variantid",
    "type": "eventtype event type action behavior behaviour activity",
    "time": "timestamp time eventtime datetime createdat date occurredat transactiontimestamp ts orderdate",
    "value": "value quantity qty rating score count amount",
    "price": "price unitprice saleprice paid",
    "discount": "discount rebate",
    "query": "query searchterm searchquery keywords q",
}
WEIGHTS = {"purchase": 1.0, "buy": 1.0, "transaction": 1.0, "order": 1.0, "rating": 1.0, "review": 1.0}
WEIGHTS |= {"cart": 0.5, "addtocart": 0.5, "basket": 0.5, "wishlist": 0.4, "favorite": 0.4, "click": 0.2, "view": 0.1}


@dataclass(frozen=True)
class DataFile:
    """A file of the folder, and the first of its rows."""

    path: Path
    rows: pl.DataFrame

    def guess(self, names: dict[str, str]) -> dict[str, str]:
        """Key of the configuration → column, for the keys for which a column was found; no column is used twice."""
        plain = {re.sub(r"[^a-z0-9]", "", c.lower()): c for c in self.rows.columns}
        found: dict[str, str] = {}
        for key, candidates in names.items():
            column = next((plain[c] for c in candidates.split() if c in plain and plain[c] not in found.values()), None)
            if column is not None:
                found[key] = column
        return found


def write_first_config(folder: Path) -> str:
    """Write `daybreak.toml` into a folder of data files; returns what to tell the person.

    Raises ConfigError where there are no files of items or events, or there is a configuration already.
    """
    target = folder / "daybreak.toml"
    if target.exists():
        raise ConfigError(f"{target} is there already; move it away to have a new one written")
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; name the one that holds your files of items and events")
    paths = sorted([*folder.glob("[!.]*"), *folder.glob("[!.]*/[!.]*")])
    files = [_look(path) for path in paths if path.is_file() and format_of(path)]
    events = [file for file in files if {"user_id", "item_id"} <= file.guess(EVENT_NAMES).keys()]
    items = [file for file in files if file not in events and "item_id" in file.guess(ITEM_NAMES)]
    if not events or not items:
        seen = "; ".join(f"{file.path.name}: {_listed(file.rows.columns)}" for file in files) or "no such file"
        missing = "events (a user id, an item id, a time)" if not events else "items (an item id, a title)"
        raise ConfigError(
            f"{folder}: found no file of {missing} among its .csv, .tsv, .jsonl and .parquet files ({seen}). "
            "Name the columns yourself: the README's chapter on own data has an example"
        )
    item_file = max(items, key=lambda file: len(file.guess(ITEM_NAMES)))
    target.write_text(_document(folder, item_file, events), encoding="utf-8")
    others = [file.path.name for file in files if file is not item_file and file not in events]
    return "\n".join(
        [
            f"wrote {target}: read it, correct what was guessed wrong, then",
            f"  daybreak run --config {target}",
            *([f"not used: {', '.join(others)}"] if others else []),
        ]
    )


def _look(path: Path) -> DataFile:
    """Read the first rows of a file. Raises ConfigError where that cannot be."""
    try:
        kind = format_of(path)
        if kind == "parquet":
            return DataFile(path, pl.scan_parquet(path, glob=False).head(SAMPLE).collect())
        with open_text(path, errors="replace") as lines:
            return DataFile(path, _json(lines) if kind == "json" else _csv(lines))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ConfigError(f"{path}: not readable: {error}") from None


def _csv(lines: TextIO) -> pl.DataFrame:
    """The first rows, all columns as text."""
    text = first_records(lines, SAMPLE)
    names, separator = csv_header(io.StringIO(text, newline=""))
    rows = pl.read_csv(
        text.encode(), separator=separator, infer_schema=False, truncate_ragged_lines=True, raise_if_empty=False
    )
    if len(set(names)) == rows.width:
        rows.columns = names  # polars leaves doubled quotes in names as they are
    return rows


def _json(lines: TextIO) -> pl.DataFrame:
    """The first rows; a line that is no JSON is passed over here, as `ingest` puts it into quarantine."""
    records = [row for line in islice(lines, SAMPLE) if isinstance(row := _parsed(line), dict)]
    return pl.from_dicts(records, infer_schema_length=None, strict=False) if records else pl.DataFrame()


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _document(folder: Path, items: DataFile, events: list[DataFile]) -> str:
    """The configuration as TOML."""
    document = tomlkit.document()
    for line in ABOUT:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    shop = tomlkit.table().add("name", folder.resolve().name or "shop")
    document.add(
        "shop", _closed(shop, 'work = "work"              # where runs and models are written', 'releases = "releases"')
    )
    document.add("items", _columns(folder, items, ITEM_NAMES))
    tables = tomlkit.aot()
    for file in events:
        tables.append(_columns(folder, file, EVENT_NAMES))
    document.add("events", tables)
    document.add("weights", _weights(events))
    for section, setting in SETTINGS.items():
        document.add(section, _closed(tomlkit.table(), setting))
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def _columns(folder: Path, file: DataFile, names: dict[str, str]) -> Table:
    """The table of a file: its columns by key, and as comments the keys and columns that are left."""
    found = file.guess(names)
    table = tomlkit.table().add("files", file.path.relative_to(folder).as_posix())
    for key in names:
        if key in found:
            table.add(key, found[key])
        elif key in ASSUMED:
            table.add(key, _explained(*ASSUMED[key]))
        else:
            table.add(tomlkit.comment(f"{key} ="))
        if key == "time" and key in found and (unit := _unix_unit(file.rows[found[key]])):
            table.add("time_format", unit)
    rest = [column for column in file.rows.columns if column not in found.values()]
    return _closed(table, f"not used: {_listed(rest)}") if rest else _closed(table)


def _weights(events: list[DataFile]) -> Table:
    """The weight of every type of event in the rows that were looked at."""
    types: set[str] = set()
    for file in events:
        column = file.guess(EVENT_NAMES).get("type")
        types |= {str(one) for one in file.rows[column].drop_nulls().unique()} if column else {"purchase"}
    table = tomlkit.table()
    table.add(tomlkit.comment("How much an event of each type counts. An event of another type goes to quarantine."))
    for kind in sorted(types):
        weight = WEIGHTS.get(re.sub(r"[^a-z]", "", kind.lower()))
        table.add(tomlkit.key(kind), weight or _explained(1.0, "a guess: what is it worth?"))
    return _closed(table)


def _closed(table: Table, *comments: str) -> Table:
    """A table with comments at its end, and an empty line."""
    for comment in comments:
        table.add(tomlkit.comment(comment))
    return table.add(tomlkit.nl())


def _explained(value: object, comment: str) -> Item:
    return tomlkit.item(value).comment(comment)


def _listed(columns: list[str]) -> str:
    """Names in one line, whatever they hold."""
    return ", ".join(column if column.isprintable() else repr(column) for column in columns)


def _unix_unit(times: pl.Series) -> str | None:
    """Whether times are numbers since 1970, and of what; None for times that are written as such."""
    numbers = times.drop_nulls().cast(pl.Float64, strict=False)
    if times.dtype.is_temporal() or numbers.null_count() * 2 >= len(numbers):
        return None
    return "milliseconds" if float(numbers.median() or 0) > 1e11 else "seconds"  # type: ignore[arg-type]
