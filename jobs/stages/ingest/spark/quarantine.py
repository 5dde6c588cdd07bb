"""Checked rows: good ones go on; bad ones go to quarantine, each with its file, its row and the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from jobs.infra.frames import record_number
from jobs.stages.ingest.reasons import NO_FAULTS
from jobs.stages.ingest.spark.meaning.returns import RETURNED
from jobs.stages.ingest.spark.reading.ids import DECIMALS, tell_two_forms
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
    ids: Mapping[str, str] = field(default_factory=dict)
    """The ids that may stand in two forms: key of the configuration → column; `rows` has column DECIMALS of them."""

    def good(self) -> "DataFrame":
        """The rows without a reason."""
        from pyspark.sql import functions as F

        return self.rows.filter(F.col(REASON).isNull()).drop(REASON, DECIMALS, *PLACE)

    def quarantine(self, source: str) -> "DataFrame":
        """The bad rows as table QUARANTINE. source: what they are of, such as `events`. Call it where there are any:
        it looks at all records for the numbers of the rows.
        """
        from pyspark.sql import functions as F

        bad = self.rows.filter(~F.col(REASON).isin(*NO_FAULTS))  # null, the reason of good rows, is not true either
        number = record_number(self.source, *PLACE)
        # It reads the records of bad rows again. Persisting the records of all rows would cost more.
        return self.source.join(F.broadcast(bad.select(*PLACE, REASON)), list(PLACE)).select(
            F.lit(source).alias("source"),
            file_name(F.col(FILE)).alias("file"),
            number.alias("row"),
            F.col(REASON).alias("reason"),
            _record(self.source).alias("record"),
        )


@dataclass(frozen=True)
class Counted:
    """What one look at all rows of a checked table tells."""

    good: int = 0
    """Rows without a reason."""
    bad: int = 0
    """Rows for quarantine."""
    aside: Mapping[str, int] = field(default_factory=dict)
    """Rows that are no faults and yet do not go on, by their names in the receipt."""
    returns: int = 0
    """Good rows that are returns."""
    last_day: date | None = None
    """Of the good rows; None where there are none, and where the table has no days."""


def count_rows(tables: Sequence[Checked]) -> list[Counted]:
    """Look at the rows of all tables at once; log the ids that stand in two forms."""
    if not tables:
        return []
    parts = [_groups(checked.rows, number) for number, checked in enumerate(tables)]
    groups = reduce(lambda one, other: one.unionByName(other), parts).collect()
    counted = []
    for number, checked in enumerate(tables):
        mine = {row["reason"]: row for row in groups if row["number"] == number}
        bits = [row["decimals"] or 0 for row in mine.values()]
        tell_two_forms(reduce(lambda one, other: one | other, bits, 0), checked.source, checked.ids)
        good = mine.pop(None, None)
        counted.append(
            Counted(
                good=good["rows"] if good else 0,
                bad=sum(row["rows"] for reason, row in mine.items() if reason not in NO_FAULTS),
                aside={NO_FAULTS[reason]: row["rows"] for reason, row in mine.items() if reason in NO_FAULTS},
                returns=good["returns"] if good else 0,
                last_day=good["last_day"] if good else None,
            )
        )
    return counted


def _groups(rows: "DataFrame", number: int) -> "DataFrame":
    """The rows of a table by their reasons. number: of the table."""
    from pyspark.sql import functions as F

    def known(name: str, kind: str) -> "Column":
        return F.col(name) if name in rows.columns else F.lit(None).cast(kind)

    return rows.groupBy(F.col(REASON).alias("reason")).agg(
        F.lit(number).alias("number"),
        F.count("*").alias("rows"),
        F.bit_or(known(DECIMALS, "tinyint")).alias("decimals"),
        F.count_if(known(RETURNED, "boolean")).alias("returns"),
        F.max(known("day", "date")).alias("last_day"),
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


def number_rules(
    raw: "Column | None", number: "Column", name: str, least: float | None = None
) -> "list[tuple[Column, str]]":
    """The rules of an optional number: where it is given, it is readable, finite, and not below `least`.

    raw: the values that may be none (`doubtful`).
    """
    from pyspark.sql import functions as F

    rules = [(F.isnan(number) | (F.abs(number) == float("inf")), f"{name} is not finite")]
    if raw is not None:
        given = F.trim(raw.cast("string")) != ""
        rules.insert(0, (given & number.isNull(), f"{name} is not a number"))
    return rules if least is None else [*rules, (number < least, f"{name} is below {least:g}")]
