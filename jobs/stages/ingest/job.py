"""Ingest: the files of the shop become tables `items` and `events`, its impressions `shown` and `visits`, its query log
`searches`.

Patches of the day become part of the tables. Bad rows go to table `quarantine`, each with a reason.
"""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.receipts.touched import touched
from jobs.infra.tables import EVENTS, ITEMS, PICTURES, QUARANTINE, SEARCHES, SHOWN, VISITS
from jobs.stages.ingest.quality import check_recent, check_shares, report, warn_of_items, warn_of_last_day
from jobs.stages.ingest.reasons import UNWEIGHTED
from jobs.stages.ingest.spark.impressions import shown, visits
from jobs.stages.ingest.spark.items import finish_items
from jobs.stages.ingest.spark.meaning.guests import count_days
from jobs.stages.ingest.spark.meaning.returns import undo
from jobs.stages.ingest.spark.meaning.services import suspects, tell_suspects
from jobs.stages.ingest.spark.meaning.unweighted import named, tell_unweighted, unweighted_types
from jobs.stages.ingest.spark.meaning.variants import tell_groups
from jobs.stages.ingest.spark.reading.times import tell_unreadable
from jobs.stages.ingest.spark.searches import searches
from jobs.stages.ingest.spark.shop_files import copies
from jobs.stages.ingest.spark.shop_tables import read_shop

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Read, check and write the tables of the run. Returns what was counted, by name.

    Raises ConfigError where a file or a column is missing, and DataError where too many rows are bad, none is good, or
    none is recent. The quarantine is written before that.
    """
    with copies(spark, config.run):
        return _run(spark, config)


def _run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    run = config.run
    files = _search_files(config)
    tables = read_shop(spark, config)
    run.write(QUARANTINE, tables.quarantine())
    bad = report(config)
    if any(reason.startswith("time is") for _, reason in bad):
        tell_unreadable(run.read(spark, QUARANTINE), config.events)
    counts, aside = tables.counts(), tables.set_aside()
    types = unweighted_types(tables.events) if ("events", UNWEIGHTED) in bad else {}
    tell_unweighted(types)
    # A shop that begins with another's model may have no event yet.
    optional = {*tables.optional, *(["events"] if config.train.start_from else [])}
    rows = tables.row_counts(counts)
    touched().rows_read = sum(rows.values()) + sum(bad.values()) + sum(aside.values())
    check_shares(rows, named(bad, types), config, optional=optional, aside=aside)
    found = suspects(tables.events, tables.items, config)
    tell_suspects(found, config)
    events, of_events = tables.all_events(), tables.count_events()
    check_recent(of_events.last_day, config)
    run.write(EVENTS, undo(events) if of_events.returns else events)
    days = count_days(run.read(spark, EVENTS))
    warn_of_last_day({row["day"]: row["events"] for row in days}, config)
    if config.impressions:
        run.write(SHOWN, shown(tables.optional["impressions"]))
        run.write(VISITS, visits(spark, tables.optional["visits"]))
    run.write(SEARCHES, searches(spark, tables.optional.get("searches", [])))
    if tables.pictures is not None:
        run.write(PICTURES, tables.pictures)
    run.write_json("features.json", {"features": tables.features})
    run.write_day(tables.day)
    run.write(ITEMS, finish_items(tables.items, run.read(spark, EVENTS)))
    warn_of_items(config)
    run.write_json("patches.json", tables.patches.absorbed() if tables.patches else {"position": 0})
    counts |= tables.patch_counts()
    groups = tell_groups(tables.items) if config.items.group or config.items.guess_groups else {}
    spark.catalog.clearCache()
    return {
        **counts,
        "quarantined": sum(bad.values()),
        "later_events": 0,
        **aside,
        **({"searches_aside": tables.searches_aside(), **files} if config.searches else files),
        "returns": of_events.returns,
        "undone_events": of_events.good - of_events.returns - sum(row["events"] for row in days),
        "guest_events": sum(row["guests"] for row in days),
        "contradictions": tables.contradictions,
        "types_without_weight": types,
        **groups,
        "suspects": len(found),
        "suspect_items": {one.item_id: list(one.reasons) for one in found},
    }


def _search_files(config: Config) -> dict[str, int]:
    """What the files that `[search]` names hold. They are read here, so that no night fails late for them.

    Raises ConfigError where one cannot be read.
    """
    if not config.search.enabled:
        return {}
    files, found = config.search, {}
    if files.synonyms is not None:
        found["synonyms"] = sum(1 for line in config.synonyms if line.partition("#")[0].strip())
    if files.redirects is not None:
        found["redirects"] = len(config.redirects)
    return found
