"""The shop's files and the patch log, read together: checked tables, in which the patches are absorbed."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.infra.frames import empty, number_by_hash
from jobs.infra.tables import EVENTS, QUARANTINE
from jobs.stages.ingest.spark.absorb import check_events, only_in_log, patch_items, without_forgotten
from jobs.stages.ingest.spark.declared_features import kinds
from jobs.stages.ingest.spark.events import map_events
from jobs.stages.ingest.spark.impressions import map_impressions
from jobs.stages.ingest.spark.items import map_items
from jobs.stages.ingest.spark.meaning.returns import RETURNED
from jobs.stages.ingest.spark.meaning.same_item import DIFFERING, left_out_items, merge, tell_differing
from jobs.stages.ingest.spark.meaning.variants import with_guesses, without_crowds
from jobs.stages.ingest.spark.patch_tables import Patches
from jobs.stages.ingest.spark.patch_tables import read as read_log
from jobs.stages.ingest.spark.pictures import pictures
from jobs.stages.ingest.spark.quarantine import REASON, Checked, Counted, count_rows
from jobs.stages.ingest.spark.searches import map_searches

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EVENT = [*EVENTS.columns, "item_id", RETURNED]
"""The columns of `ShopTables.all_events`."""


@dataclass(frozen=True)
class ShopTables:
    """What a night reads of the shop."""

    items: "DataFrame"
    """The good items, patched, with the column `item`, their row."""
    features: dict[str, str]
    """The kinds of the declared features."""
    item_rows: int
    """The number of good rows of items; several may be of one item."""
    contradictions: int
    """The number of items whose rows give several values of a field."""
    events: list[Checked]
    """One for each `[[events]]` of the configuration, without forgotten users."""
    optional: dict[str, list[Checked]]
    """`impressions`, `visits` and `searches`, without forgotten users; without those that the shop does not have."""
    counted: dict[str, list[Counted]]
    """The rows of `events` and of `optional`."""
    day: date
    """The day that ages count from: the night's, or the day after the last event, where that is earlier."""
    patches: Patches | None
    """None where the log is empty, or where there is none."""
    logged: "DataFrame | None"
    """The good events of the log; None where `patches` is None."""
    pictures: "DataFrame | None"
    """Table PICTURES; None where the shop's files hold no bytes of pictures."""
    bad: "list[DataFrame]"
    """Rows for table QUARANTINE: bad items and bad patches."""

    def quarantine(self) -> "DataFrame":
        """Table QUARANTINE: all bad rows."""
        tables = {"events": self.events, **self.optional}
        parts = [
            checked.quarantine(name)
            for name in tables
            for checked, counted in zip(tables[name], self.counted[name], strict=True)
            if counted.bad
        ]
        return _union([*self.bad, *parts]) if self.bad or parts else empty(self.items.sparkSession, QUARANTINE)

    def counts(self) -> dict[str, int]:
        """The numbers of good rows, by source."""
        good = {name: sum(one.good for one in counted) for name, counted in self.counted.items()}
        return {"items": self.items.count(), **good}

    def row_counts(self, counts: dict[str, int]) -> dict[str, int]:
        """The numbers of good rows, by source, where `counts` has the number of items."""
        return {**counts, "items": max(self.item_rows, counts["items"])}

    def set_aside(self) -> dict[str, int]:
        """The numbers of events that are no faults and yet do not go on, by their names in the receipt."""
        return _set_aside(self.counted["events"])

    def searches_aside(self) -> dict[str, int]:
        """The same of searches; empty where the shop has none."""
        return _set_aside(self.counted.get("searches", []))

    def patch_counts(self) -> dict[str, int]:
        """The numbers of events, items and users in the patch log; empty where the log is."""
        if self.patches is None or self.logged is None:
            return {}
        return {
            "logged_events": self.logged.count(),
            "patched_items": self.patches.items.count(),
            "forgotten_users": self.patches.forgotten.count(),
        }

    def all_events(self) -> "DataFrame":
        """The good events of the files, and those that only the log has, with RETURNED: a return is among them."""
        table = _union([checked.good().select(*EVENT) for checked in self.events])
        return table if self.logged is None else table.unionByName(only_in_log(self.logged, table).select(*EVENT))

    def count_events(self) -> Counted:
        """The rows of `all_events`: how many, how many of them returns, and the last day."""
        from pyspark.sql import functions as F

        parts = list(self.counted["events"])
        if self.logged is not None:
            mine = only_in_log(self.logged, _union([checked.good().select(*EVENT) for checked in self.events]))
            row = mine.agg(F.count("*"), F.count_if(RETURNED), F.max("day")).first()
            parts.append(Counted(good=row[0], returns=row[1], last_day=row[2]))
        return Counted(
            good=sum(one.good for one in parts),
            returns=sum(one.returns for one in parts),
            last_day=max((one.last_day for one in parts if one.last_day), default=None),
        )


def read_shop(spark: "SparkSession", config: Config) -> ShopTables:
    """Read and check everything.

    Raises ConfigError where a file or a column is missing, LogError where the patch log cannot be read.
    """
    from pyspark.sql import functions as F

    items = map_items(spark, config)
    (of_items,) = count_rows([items])
    rows, bad = items.rows.filter(F.col(REASON).isNull()), [items.quarantine("items")] if of_items.bad else []
    features = kinds(items.source, config.items.features)
    merged = merge(rows, features).persist()
    contradictions, good = tell_differing(merged), merged.drop(DIFFERING)
    patches = read_log(spark, config)
    if patches:
        good, wrong = patch_items(good, patches, features)
        bad.append(wrong)
    if config.items.guess_groups:
        good = with_guesses(good)
    if config.items.group or config.items.guess_groups:
        good = without_crowds(good)
    numbered = number_by_hash(good, "item_id", "item")
    left_out = left_out_items(items) if config.items.where else None
    events = [map_events(spark, config, source, numbered, left_out) for source in config.events]
    logged = None
    if patches:
        logged, wrong = check_events(patches, numbered, config)
        bad.append(wrong)
        events = [without_forgotten(checked, patches) for checked in events]
    of_events = count_rows(events)
    day = _day(of_events, logged, config.date)
    optional = map_impressions(spark, config, numbered, day) | map_searches(spark, config, numbered, left_out, day)
    if patches:
        optional = {name: [without_forgotten(one, patches) for one in tables] for name, tables in optional.items()}
    counted = iter([*of_events, *count_rows([one for tables in optional.values() for one in tables])])
    return ShopTables(
        items=numbered,
        features=features,
        item_rows=of_items.good,
        contradictions=contradictions,
        events=events,
        optional=optional,
        counted={name: [next(counted) for _ in tables] for name, tables in ({"events": events} | optional).items()},
        day=day,
        patches=patches,
        logged=logged,
        pictures=pictures(items, config),
        bad=bad,
    )


def _day(events: list[Counted], logged: "DataFrame | None", night: date) -> date:
    """The day that ages count from. So nothing of a shop from which nothing comes becomes older, nor other."""
    from pyspark.sql import functions as F

    days = [one.last_day for one in events if one.last_day]
    if logged is not None:
        days += [row[0] for row in logged.agg(F.max("day")).collect() if row[0]]
    return min([night, *([max(days) + timedelta(days=1)] if days else [])])


def _set_aside(tables: list[Counted]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for counted in tables:
        found.update(counted.aside)
    return dict(found)


def _union(tables: "list[DataFrame]") -> "DataFrame":
    return reduce(lambda one, other: one.unionByName(other), tables)
