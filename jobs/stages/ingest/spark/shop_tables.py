"""The shop's files and the patch log, read together: checked tables, in which the patches are absorbed."""

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.infra.frames import number_by_hash
from jobs.stages.ingest.spark.absorb import check_events, only_in_log, patch_items, without_forgotten
from jobs.stages.ingest.spark.declared_features import kinds
from jobs.stages.ingest.spark.events import map_events
from jobs.stages.ingest.spark.impressions import map_impressions
from jobs.stages.ingest.spark.items import map_items
from jobs.stages.ingest.spark.patch_tables import Patches
from jobs.stages.ingest.spark.patch_tables import read as read_log
from jobs.stages.ingest.spark.quarantine import Checked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class ShopTables:
    """What a night reads of the shop."""

    items: "DataFrame"
    """The good items, patched, with the column `item`, their row; persisted."""
    features: dict[str, str]
    """The kinds of the declared features."""
    events: list[Checked]
    """One for each `[[events]]` of the configuration, without forgotten users."""
    optional: dict[str, list[Checked]]
    """`impressions` and `visits`, without forgotten users; empty where the shop has none."""
    patches: Patches | None
    """None where the log is empty, or where there is none."""
    logged: "DataFrame | None"
    """The good events of the log; None where `patches` is None."""
    bad: "list[DataFrame]"
    """Rows for table QUARANTINE: bad items and bad patches."""

    def quarantine(self) -> "DataFrame":
        """Table QUARANTINE: all bad rows."""
        tables = {"events": self.events, **self.optional}
        bad = [*self.bad, *(one.quarantine(name) for name, checked in tables.items() for one in checked)]
        return _union(bad)

    def counts(self) -> dict[str, int]:
        """The numbers of good rows, by source."""
        tables = {"events": self.events, **self.optional}
        good = {name: sum(one.good().count() for one in checked) for name, checked in tables.items()}
        return {"items": self.items.count(), **good}

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
        """Table EVENTS: the good events of the files, and those that only the log has."""
        table = _union([checked.good() for checked in self.events])
        return table if self.logged is None else table.unionByName(only_in_log(self.logged, table))


def read_shop(spark: "SparkSession", config: Config) -> ShopTables:
    """Read and check everything.

    Raises ConfigError where a file or a column is missing, LogError where the patch log cannot be read.
    """
    items = map_items(spark, config)
    good, bad = items.good(), [items.quarantine("items")]
    features = kinds(items.source, config.items.features)
    patches = read_log(spark, config)
    if patches:
        good, wrong = patch_items(good, patches, features)
        bad.append(wrong)
    numbered = number_by_hash(good, "item_id", "item").persist()
    events = [map_events(spark, config, source, numbered) for source in config.events]
    optional = map_impressions(spark, config, numbered)
    logged = None
    if patches:
        logged, wrong = check_events(patches, numbered, config)
        bad.append(wrong)
        events = [without_forgotten(checked, patches) for checked in events]
        optional = {name: [without_forgotten(one, patches) for one in tables] for name, tables in optional.items()}
    return ShopTables(numbered, features, events, optional, patches, logged, bad)


def _union(tables: "list[DataFrame]") -> "DataFrame":
    return reduce(lambda one, other: one.unionByName(other), tables)
