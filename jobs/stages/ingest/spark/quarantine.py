"""Checked rows: good ones go on; bad ones go to quarantine, each with its file, its row and the reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.infra.frames import record_number
from jobs.infra.logging import log_line
from jobs.stages.ingest.reasons import NO_FAULTS
from jobs.stages.ingest.spark.reading.ids import DECIMALS
from jobs.stages.ingest.spark.reading.spark_types import named
from jobs.stages.ingest.spark.shop_files import BROKEN, FILE, HIDDEN, PLACE, file_name

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

REASON = "__daybreak_reason"


@dataclass(frozen=True)
class Checked:
    """A table as read, with a reason for each row; the reason of a good row is null."""

    source: "DataFrame"
    """The records as read, before any mapping."""
    rows: "DataFrame"
    """The mapped rows, with `PLACE` and `REASON`; persisted."""

    def good(self) -> "DataFrame":
        """The rows without a reason."""
        from pyspark.sql import functions as F

        return self.rows.filter(F.col(REASON).isNull()).drop(REASON, DECIMALS, *PLACE)

    def set_aside(self) -> dict[str, int]:
        """The numbers of rows that are no faults and yet do not go on, by their names in the receipt."""
        from pyspark.sql import functions as F

        found = self.rows.filter(F.col(REASON).isin(*NO_FAULTS)).groupBy(REASON).count().collect()
        return {NO_FAULTS[row[REASON]]: row["count"] for row in found}

    def quarantine(self, source: str) -> "DataFrame":
        """The bad rows as table QUARANTINE. source: what they are of, such as `events`."""
        from pyspark.sql import functions as F

        bad = self.rows.filter(~F.col(REASON).isin(*NO_FAULTS))  # null, the reason of good rows, is not true either
        number = record_number(self.source, *PLACE) if bad.head(1) else F.lit(0)
        # It reads the records of bad rows again. Persisting the records of all rows would cost more.
        return self.source.join(F.broadcast(bad.select(*PLACE, REASON)), list(PLACE)).select(
            F.lit(source).alias("source"),
            file_name(F.col(FILE)).alias("file"),
            number.alias("row"),
            F.col(REASON).alias("reason"),
            _record(self.source).alias("record"),
        )


def _record(frame: "DataFrame") -> "Column":
    """The record: its text where it is not readable, else its columns as JSON."""
    from pyspark.sql import functions as F

    names = [c for c in frame.columns if c not in HIDDEN]
    return F.coalesce(F.col(BROKEN), F.to_json(F.struct(*(named(n) for n in names))))


def first_reason(*rules: "tuple[Column, str]") -> "Column":
    """The reason of the first rule that a row breaks; null where it breaks none. rules: (broken, reason)."""
    from pyspark.sql import functions as F

    return F.coalesce(*(F.when(broken, F.lit(reason)) for broken, reason in rules))


def number_rules(raw: "Column", number: "Column", name: str, least: float | None = None) -> "list[tuple[Column, str]]":
    """The rules of an optional number: where it is given, it is readable, finite, and not below `least`."""
    from pyspark.sql import functions as F

    given = F.trim(raw.cast("string")) != ""
    rules = [
        (given & number.isNull(), f"{name} is not a number"),
        (F.isnan(number) | (F.abs(number) == float("inf")), f"{name} is not finite"),
    ]
    return rules if least is None else [*rules, (number < least, f"{name} is below {least:g}")]


def report(quarantined: "DataFrame") -> dict[tuple[str, str], int]:
    """Log the counts of rows in quarantine by source and reason, the largest first; returns them."""
    found = quarantined.groupBy("source", "reason").count().collect()
    counts = {(r["source"], r["reason"]): r["count"] for r in sorted(found, key=lambda r: -r["count"])}
    for (source, reason), rows in counts.items():
        log_line("ingest", "quarantine", source=source, reason=reason, rows=rows)
    return counts
