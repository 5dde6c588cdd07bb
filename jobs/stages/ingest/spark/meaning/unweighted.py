"""Types of events without a weight: whoever forgot one must hear of it, however rare it is."""

from typing import TYPE_CHECKING

from jobs.infra.logging import log_line
from jobs.stages.ingest.reasons import UNWEIGHTED
from jobs.stages.ingest.spark.quarantine import REASON, Checked

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 20
"""Types that are told."""


def unweighted_types(tables: list[Checked]) -> dict[str, int]:
    """The types that have no weight, and how many rows each has, the most frequent first; at most MOST."""
    from collections import Counter

    from pyspark.sql import functions as F

    found: Counter[str] = Counter()
    for checked in tables:
        those = checked.rows.filter(F.col(REASON) == UNWEIGHTED).groupBy("type").count()
        for row in those.orderBy(F.desc("count"), "type").limit(MOST).collect():
            found[row["type"]] += row["count"]
    return dict(found.most_common(MOST))


def tell_unweighted(types: "Mapping[str, int]") -> None:
    """Log each type without a weight, with the line to add."""
    for kind, rows in types.items():
        said = f"these rows count for nothing; add {kind!r} with its weight to [weights]"
        log_line("ingest", "type-without-weight", type=kind, rows=rows, warning=said)


def named(bad: "Mapping[tuple[str, str], int]", types: "Mapping[str, int]") -> dict[tuple[str, str], int]:
    """The counts of bad rows by source and reason, the reason UNWEIGHTED with the types in it."""
    told = ", ".join(f"{kind!r} {rows}" for kind, rows in types.items())
    return {
        (source, f"{reason} ({told})" if (source, reason) == ("events", UNWEIGHTED) and told else reason): rows
        for (source, reason), rows in bad.items()
    }
