"""Rows that were checked: the good go on, the bad go to quarantine with where they stand and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.infra.frames import record_number
from jobs.infra.logging import log_line
from jobs.stages.ingest.spark.shop_files import BROKEN, HIDDEN, PLACE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

REASON = "_reason"
LATER = "after the night"
"""Not a fault: an event of the night's day or after, which a later night will know."""


@dataclass(frozen=True)
class Checked:
    """A table as read, every row with a reason: null for a good one."""

    source: "DataFrame"
    """The records as read."""
    rows: "DataFrame"
    """The same, mapped, with `PLACE` and `REASON`; persisted."""

    def good(self) -> "DataFrame":
        """The rows without a reason."""
        from pyspark.sql import functions as F

        return self.rows.filter(F.col(REASON).isNull()).drop(REASON, *PLACE)

    def later(self) -> int:
        """How many events are left to later nights."""
        from pyspark.sql import functions as F

        return int(self.rows.filter(F.col(REASON) == LATER).count())

    def quarantine(self, source: str) -> "DataFrame":
        """The bad rows, as table `quarantine` wants them."""
        from pyspark.sql import functions as F

        bad = self.rows.filter(F.col(REASON).isNotNull() & (F.col(REASON) != LATER))
        number = record_number(self.source, *PLACE) if bad.head(1) else F.lit(0)
        # The records are read again, for the bad rows only: keeping those of all rows at hand costs more.
        return self.source.join(F.broadcast(bad.select(*PLACE, REASON)), list(PLACE)).select(
            F.lit(source).alias("source"),
            F.col("_file").alias("file"),
            number.alias("row"),
            F.col(REASON).alias("reason"),
            _record(self.source).alias("record"),
        )


def _record(frame: "DataFrame") -> "Column":
    """The record as it was read: its text where it could not be read, else its columns as JSON."""
    from pyspark.sql import functions as F

    names = [c for c in frame.columns if c not in HIDDEN]
    return F.coalesce(F.col(BROKEN), F.to_json(F.struct(*(frame[f"`{n}`"] for n in names))))


def first_reason(*rules: "tuple[Column, str]") -> "Column":
    """The reason of the first rule that a row breaks; null where it breaks none."""
    from pyspark.sql import functions as F

    return F.coalesce(*(F.when(broken, F.lit(reason)) for broken, reason in rules))


def number_rules(raw: "Column", number: "Column", name: str, least: float | None = None) -> "list[tuple[Column, str]]":
    """The rules of an optional number: readable where it is given, finite, and not below `least`."""
    from pyspark.sql import functions as F

    given = F.trim(raw.cast("string")) != ""
    rules = [
        (given & number.isNull(), f"{name} is not a number"),
        (F.isnan(number) | (F.abs(number) == float("inf")), f"{name} is not finite"),
    ]
    return rules if least is None else [*rules, (number < least, f"{name} is below {least:g}")]


def report(quarantined: "DataFrame") -> dict[tuple[str, str], int]:
    """Log how many rows went to quarantine, by source and reason, most first; returns the counts."""
    found = quarantined.groupBy("source", "reason").count().collect()
    counts = {(r["source"], r["reason"]): r["count"] for r in sorted(found, key=lambda r: -r["count"])}
    for (source, reason), rows in counts.items():
        log_line("ingest", "quarantine", source=source, reason=reason, rows=rows)
    return counts
