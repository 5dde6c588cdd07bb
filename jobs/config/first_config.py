"""`daybreak init`: look at the files of a shop and write a first configuration, with the guesses explained."""

import json
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from jobs.errors import ConfigError
from jobs.infra.files import FORMATS

SAMPLE = 10_000
"""Rows of a file that are looked at."""

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
class Looked:
    """A file as it was looked at."""

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
    files = sorted([*folder.glob("[!.]*"), *folder.glob("[!.]*/[!.]*")])
    looked = [_look(p) for p in files if p.is_file() and _kind(p)]
    events = [f for f in looked if {"user_id", "item_id"} <= f.guess(EVENT_NAMES).keys()]
    items = [f for f in looked if f not in events and "item_id" in f.guess(ITEM_NAMES)]
    if not events or not items:
        seen = "; ".join(f"{f.path.name}: {', '.join(f.rows.columns)}" for f in looked) or "no such file"
        missing = "events (a user id, an item id, a time)" if not events else "items (an item id, a title)"
        raise ConfigError(
            f"{folder}: found no file of {missing} among its .csv, .tsv, .jsonl and .parquet files ({seen}). "
            "Name the columns yourself: the README's chapter on own data has an example"
        )
    item_file = max(items, key=lambda f: len(f.guess(ITEM_NAMES)))
    target.write_text(_toml(folder, item_file, events), encoding="utf-8")
    others = [f.path.name for f in looked if f is not item_file and f not in events]
    return "\n".join(
        [
            f"wrote {target}: read it, correct what was guessed wrong, then",
            f"  daybreak run --config {target}",
            *([f"not used: {', '.join(others)}"] if others else []),
        ]
    )


def _kind(path: Path) -> str | None:
    return FORMATS.get(path.suffix.lower())


def _look(path: Path) -> Looked:
    try:
        if _kind(path) == "parquet":
            rows = pl.scan_parquet(path).head(SAMPLE).collect()
        elif _kind(path) == "json":
            with path.open(encoding="utf-8", errors="replace") as lines:
                records = [r for line in islice(lines, SAMPLE) if isinstance(r := _json(line), dict)]
            rows = pl.from_dicts(records, infer_schema_length=None, strict=False) if records else pl.DataFrame()
        else:
            with path.open(encoding="utf-8-sig", errors="replace") as lines:
                separator = max(",;\t|", key=lines.readline().count)
            rows = pl.read_csv(path, separator=separator, n_rows=SAMPLE, infer_schema=False, truncate_ragged_lines=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ConfigError(f"{path}: not readable: {error}") from None
    return Looked(path, rows)


def _json(line: str) -> object:
    """What a line of JSON holds; None for a line that is not JSON, which `ingest` will put into quarantine."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _toml(folder: Path, items: Looked, events: list[Looked]) -> str:
    lines = [
        "# Written by `daybreak init`. Every name on the right is a column of your file, or a Spark SQL expression",
        "# over its columns. Lines that begin with # are guesses that found nothing, or settings at their defaults.",
        "",
        "[shop]",
        f"name = {_quote(folder.resolve().name)}",
        '# work = "work"              # where runs and models are kept',
        '# releases = "releases"',
        "",
        "[items]",
        f"files = {_quote(str(items.path.relative_to(folder)))}",
        *_mapped(items, ITEM_NAMES),
    ]
    types: set[str] = set()
    for file in events:
        found = file.guess(EVENT_NAMES)
        lines += [
            "",
            "[[events]]",
            f"files = {_quote(str(file.path.relative_to(folder)))}",
            *_mapped(file, EVENT_NAMES),
        ]
        if "type" in found:
            types |= {str(t) for t in file.rows[found["type"]].drop_nulls().unique()}
        else:
            types.add("purchase")
            lines.append("type = \"'purchase'\"         # no such column was found: every row counts as a purchase")
        if "time" in found and (unit := _unix_unit(file.rows[found["time"]])):
            lines.append(f'time_format = "{unit}"')
    lines += [
        "",
        "# How much an event of each type counts. An event of a type that is not here goes to quarantine.",
        "[weights]",
    ]
    for kind in sorted(types):
        weight = WEIGHTS.get(re.sub(r"[^a-z]", "", kind.lower()))
        lines.append(f"{_quote(kind)} = {weight or 1.0}" + ("" if weight else "        # a guess: what is it worth?"))
    lines += [
        "",
        "[quality]",
        "# max_bad_share = 0.01        # the night stops when a larger share of the rows is bad",
        "",
        "[users]",
        "# active_days = 90            # users with an event in so many days get a list",
        "",
        "[topk]",
        '# bought = "include"          # items a user has had: "include", "exclude", or "separate" (a buy-again list)',
    ]
    return "\n".join(lines) + "\n"


def _mapped(file: Looked, names: dict[str, str]) -> list[str]:
    found = file.guess(names)
    lines = [f"{key} = {_quote(found[key])}" for key in names if key in found]
    if "time" in names and "time" not in found:
        lines.append('time = ""                     # no such column was found: name it')
    lines += [f"# {key} =" for key in names if key not in found and key not in ("time", "type")]
    rest = [c for c in file.rows.columns if c not in found.values()]
    return [*lines, f"# not used: {', '.join(rest)}"] if rest else lines


def _unix_unit(times: pl.Series) -> str | None:
    """Whether times are numbers since 1970, and of what; None for times that are written as such."""
    numbers = times.drop_nulls().cast(pl.Float64, strict=False)
    if times.dtype.is_temporal() or numbers.null_count() * 2 >= len(numbers):
        return None
    return "milliseconds" if float(numbers.median() or 0) > 1e11 else "seconds"  # type: ignore[arg-type]


def _quote(text: str) -> str:
    """As a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
