"""Ingest: the files of the shop become the tables `items` and `events`, and where it has impressions `shown` and
`visits`; patches of the day become part of them; bad rows go to `quarantine` with a reason.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.infra.frames import number_by_hash
from jobs.infra.tables import EVENTS, ITEMS, QUARANTINE, SHOWN, VISITS
from jobs.stages.ingest.spark.absorb import check_events, only_in_log, patch_items, without_forgotten
from jobs.stages.ingest.spark.declared_features import kinds
from jobs.stages.ingest.spark.events import map_events
from jobs.stages.ingest.spark.impressions import map_impressions, shown, visits
from jobs.stages.ingest.spark.items import finish_items, map_items
from jobs.stages.ingest.spark.patch_tables import read as read_log
from jobs.stages.ingest.spark.quarantine import report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Read, check and write the tables of the run.

    Raises ConfigError where a file or a column is not there, DataError where too many rows are bad, none is good, or
    none is recent; the quarantine is written before.
    """
    from pyspark.sql import functions as F

    items = map_items(spark, config)
    good_items, quarantined = items.good(), items.quarantine("items")
    features = kinds(items.source, config.items.features)
    patches = read_log(spark, config)
    if patches:
        good_items, wrong_patches = patch_items(good_items, patches, features)
        quarantined = quarantined.unionByName(wrong_patches)
    numbered = number_by_hash(good_items, "item_id", "item").persist()
    events = [map_events(spark, config, source, numbered) for source in config.events]
    optional = map_impressions(spark, config, numbered)
    if patches:
        logged, wrong_patches = check_events(patches, numbered, config)
        quarantined = quarantined.unionByName(wrong_patches)
        events = [without_forgotten(checked, patches) for checked in events]
        optional = {name: [without_forgotten(t, patches) for t in tables] for name, tables in optional.items()}

    for name, tables in {"events": events, **optional}.items():
        for checked in tables:
            quarantined = quarantined.unionByName(checked.quarantine(name))
    config.run.write(QUARANTINE, quarantined)
    bad = report(config.run.read(spark, QUARANTINE))

    counts = {"items": numbered.count(), "events": sum(e.good().count() for e in events)}
    counts |= {name: sum(t.good().count() for t in tables) for name, tables in optional.items()}
    for source, good in counts.items():
        wrong = sum(n for (of, _), n in bad.items() if of == source)
        where = f"The bad rows, each with its reason, are in {config.run.path(QUARANTINE.name)}"
        if good + wrong and wrong > config.quality.max_bad_share * (good + wrong):
            reasons = ", ".join(f"{reason}: {n}" for (of, reason), n in bad.items() if of == source)
            raise DataError(
                f"{wrong} of {good + wrong} rows of {source} are bad ({wrong / (good + wrong):.1%}; "
                f"quality.max_bad_share allows {config.quality.max_bad_share:.1%}): {reasons}. "
                f"Nothing was published. {where}"
            )
        if not good and source not in optional:
            raise DataError(f"no good row of {source} before {config.date}; look at --date and at the files. {where}")

    table = events[0].good()
    for checked in events[1:]:
        table = table.unionByName(checked.good())
    if patches:
        table = table.unionByName(only_in_log(logged, table))
    last = table.agg(F.max("day")).first()[0]
    if (config.date - last).days > config.users.active_days:
        raise DataError(
            f"the last event is of {last}: on {config.date} no user is active (users.active_days = "
            f"{config.users.active_days}). Is --date the night you mean? For data that end there, "
            f"it would be --date {last + timedelta(days=1)}"
        )
    config.run.write(EVENTS, table)
    if config.impressions:
        config.run.write(SHOWN, shown(optional["impressions"]))
        config.run.write(VISITS, visits(spark, optional["visits"]))
    config.run.write_json("features.json", {"features": features})
    config.run.write(ITEMS, finish_items(numbered, config.run.read(spark, EVENTS)))
    config.run.write_json("patches.json", {"position": patches.position if patches else 0})
    if patches:
        counts |= {"logged_events": logged.count(), "patched_items": patches.items.count()}
        counts |= {"forgotten_users": patches.forgotten.count()}
    spark.catalog.clearCache()
    return {**counts, "quarantined": sum(bad.values()), "later_events": sum(e.later() for e in events)}
