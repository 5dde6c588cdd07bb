"""What a night read and what it left out, for the page of its release: counts, and bad rows by reason with examples."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jobs.config.config import Config
from jobs.infra.blocks import Blocks
from jobs.infra.receipts.used import USED
from jobs.infra.tables import PICTURE_QUARANTINE, QUARANTINE

EXAMPLES = 3
"""So many rows of each reason are shown."""
REASONS = 50
"""So many reasons are shown, those of most rows."""
LONGEST = 160
"""Characters of an example."""
OF_A_RECEIPT = ("seconds", "peak_mib", USED)
"""What of a receipt is no count of rows."""


class DroppedRows(NamedTuple):
    """The bad rows of one source and reason."""

    source: str
    reason: str
    rows: int
    examples: list[str]
    """File, number of the row, and the record without the columns that name users."""


def dropped_rows(config: Config) -> list[DroppedRows]:
    """The quarantine of a night by source and reason, that of pictures too, the largest first; empty where there is no
    such table.
    """
    import polars as pl

    tables = [one.name for one in (QUARANTINE, PICTURE_QUARANTINE) if config.run.path(one.name).exists()]
    files = [file for name in tables for file in Blocks.of(config.run, name).files]
    if not files:
        return []
    some = pl.struct("file", "row", "record").sort_by("file", "row").head(EXAMPLES).alias("examples")
    table = pl.scan_parquet(files).group_by("source", "reason").agg(pl.len().alias("rows"), some).collect()
    users = [one.user_id for one in config.events]
    users += [one.user_id for one in config.impressions if one.user_id is not None]
    users += [one.visits.user_id for one in config.impressions if one.visits is not None]
    users += [one for table in config.searches for one in (table.user_id, table.session) if one is not None]
    found = [
        DroppedRows(row["source"], row["reason"], row["rows"], [_example(one, users) for one in row["examples"]])
        for row in table.sort(pl.col("rows"), "source", "reason", descending=[True, False, False]).iter_rows(named=True)
    ]
    return found[:REASONS]


def counted(receipts: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """What `ingest` counted, in words, from the receipts of a night: everything in it that is a whole number."""
    return [
        (" ".join(name.split("_")), number)
        for receipt in receipts
        if receipt.get("job") == "ingest"
        for name, number in _numbers({key: value for key, value in receipt.items() if key not in OF_A_RECEIPT})
    ]


def _numbers(counts: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, int]]:
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{name}: ")
        elif isinstance(value, int) and not isinstance(value, bool):
            yield f"{before}{name}", value


def _example(row: Mapping[str, Any], users: Sequence[str]) -> str:
    """A bad row in words. users: the columns, or the expressions over columns, that name users."""
    record = str(row["record"] or "")
    try:
        found = json.loads(record)
    except ValueError:
        found = None
    if isinstance(found, dict):
        named = {name for name in found if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", one) for one in users)}
        kept = {name: value for name, value in found.items() if name not in named | {"user", "user_id"}}
        record = json.dumps(kept, ensure_ascii=False)
    record = "".join(c if c.isprintable() else " " for c in record)
    file = str(row["file"]).rpartition("/")[2]
    return f"{file}, row {row['row']}: {record[:LONGEST]}{'…' if len(record) > LONGEST else ''}"
