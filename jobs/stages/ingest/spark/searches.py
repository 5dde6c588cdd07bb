"""The query log: the columns of the shop's files become table `searches`, for the days of search only."""

from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.config.search import TYPES, SearchesConfig
from jobs.infra.frames import empty
from jobs.infra.tables import SEARCHES
from jobs.stages.ingest import reasons
from jobs.stages.ingest.spark.meaning.conditions import condition
from jobs.stages.ingest.spark.meaning.guests import user_or_guest
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.reading.columns import joined, scalar
from jobs.stages.ingest.spark.reading.ids import decimals, id_rules, identifier
from jobs.stages.ingest.spark.reading.numbers import doubtful, number
from jobs.stages.ingest.spark.reading.times import time_column
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, read
from lookup.keys import TRIMMED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

LONGEST_QUERY = 1000
"""Characters of a query; a longer text was pasted, or is an attack."""
LAST_POSITION = 1_000_000
MOST_RESULTS = 10**15
"""Numbers beyond these are no positions and no numbers of results."""
CONTROL = r"[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\x{202a}-\x{202e}\x{2066}-\x{2069}]+"
"""Control characters, line separators, changes of direction and halves of characters."""
_SEPARATOR = "\x1f"
"""Stands in no query, for it is a control character."""


def map_searches(
    spark: "SparkSession", config: Config, items: "DataFrame", left_out: "DataFrame | None", day: date
) -> dict[str, list[Checked]]:
    """The checked tables under the name `searches`; empty where the shop has none, or wants no search.

    items: the good ones (`item_id`, `item`). left_out: `item_id` and `_left_out` of items that are left out. day:
    the first one after those that count.
    """
    if not config.searches or not config.search.enabled:
        return {}
    return {"searches": [_map(spark, config, names, items, left_out, day=day) for names in config.searches]}


def searches(spark: "SparkSession", tables: list[Checked]) -> "DataFrame":
    """Table SEARCHES; equal rows are one. Without tables it is empty."""
    from pyspark.sql import functions as F

    if not tables:
        return empty(spark, SEARCHES)
    rows = reduce(lambda one, other: one.unionByName(other), (table.good() for table in tables))
    numbers = {"position": F.col("position").try_cast("int"), "results": F.col("results").try_cast("bigint")}
    return rows.withColumns(numbers).select(*SEARCHES.columns).distinct()


def _map(
    spark: "SparkSession",
    config: Config,
    names: SearchesConfig,
    items: "DataFrame",
    left_out: "DataFrame | None",
    *,
    day: date,
) -> Checked:
    """Read and check one table. It leaves out rows from before the days that count: they are many, and not wrong."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    source = read(spark, names, config)
    no = F.lit(None).cast("string")

    def given(name: str) -> "Column":
        expression = getattr(names, name)
        return scalar(source, expression, f"searches.{name}") if expression else no

    def identified(name: str) -> "Column":
        expression = getattr(names, name)
        return identifier(source, expression, f"searches.{name}") if expression else no

    def rules_of(name: str) -> "list[tuple[Column, str]]":
        """Of an id that may be missing."""
        expression = getattr(names, name)
        rules = id_rules(source, expression, f"searches.{name}") if expression else []
        return [rule for rule in rules if rule[1] != f"{name} is missing"]

    def amount(name: str) -> "Column":
        expression = getattr(names, name)
        return number(source, expression, f"searches.{name}") if expression else no.cast("double")

    query = F.btrim(F.regexp_replace(joined(source, names.query, "searches.query"), CONTROL, " "), F.lit(TRIMMED))
    user_id = user_or_guest(identified("user_id"), identified("session"))
    item_id = identified("item_id")
    when = time_column(source, names.time, "searches.time", names.time_format)
    kind = F.coalesce(F.trim(given("type").cast("string")), F.lit(""))
    numbers = {name: amount(name) for name in ("position", "results")}
    since, night = (day - timedelta(days=config.search.days), config.date)
    ids = {f"searches.{name}": getattr(names, name) for name in ("user_id", "item_id") if getattr(names, name)}
    recent = F.coalesce(when.value >= _midnight(since), F.lit(True))
    rows = source.filter(recent).select(
        *PLACE,
        decimals(source, ids),
        F.coalesce(identified("search_id"), _number_of(user_id, query, when.value)).alias("search_id"),
        query.alias("query"),
        user_id.alias("user_id"),
        when.value.alias("time"),
        item_id.alias("item_id"),
        (item_id.isNotNull() & kind.isin("click", "purchase")).alias("clicked"),
        (item_id.isNotNull() & (kind == "purchase")).alias("bought"),
        *(value.alias(name) for name, value in numbers.items()),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            *([(~condition(source, names.where, "searches.where"), reasons.LEFT_OUT)] if names.where else []),
            (F.coalesce(query, F.lit("")) == "", reasons.NO_QUERY),
            (F.char_length(query) > LONGEST_QUERY, f"query has more than {LONGEST_QUERY:,} characters"),
            *rules_of("user_id"),
            *rules_of("session"),
            *rules_of("item_id"),
            *rules_of("search_id"),
            (item_id.isNotNull() & (kind == ""), "type is missing"),
            (item_id.isNotNull() & ~kind.isin(*TYPES), f"type is none of {', '.join(TYPES)}"),
            *when.rules,
            *_whole_rules(
                doubtful(source, names.position, "searches.position"), numbers["position"], "position", 1, LAST_POSITION
            ),
            *_whole_rules(
                doubtful(source, names.results, "searches.results"), numbers["results"], "results", 0, MOST_RESULTS
            ),
            (when.value >= _midnight(night), reasons.LATER),
        ).alias(REASON),
    )
    rows = rows.join(items.select("item_id", "item"), "item_id", "left")
    unknown = F.lit("item_id is not among the items")
    if left_out is not None:
        rows = rows.join(left_out, "item_id", "left")
        unknown = F.when(F.col("_left_out"), F.lit(reasons.OF_LEFT_OUT_ITEM)).otherwise(unknown)
    nobody_knows = F.col("item_id").isNotNull() & F.col("item").isNull()
    rows = rows.withColumn(REASON, F.coalesce(REASON, F.when(nobody_knows, unknown)))
    rows = rows.persist(StorageLevel.DISK_ONLY)
    return Checked(source, rows, ids)


def _number_of(user_id: "Column", query: "Column", time: "Column") -> "Column":
    """What stands for the number of a search that has none: rows with the same user, words and time are one search."""
    from pyspark.sql import functions as F

    parts = (F.coalesce(user_id, F.lit("")), query, time.cast("string"))
    return F.left(F.sha2(F.concat_ws(_SEPARATOR, *parts), 256), F.lit(32))


def _whole_rules(raw: "Column | None", value: "Column", name: str, least: int, most: int) -> "list[tuple[Column, str]]":
    from pyspark.sql import functions as F

    return [
        *number_rules(raw, value, name, least),
        (value > most, f"{name} is above {most:,}"),
        (value != F.floor(value), f"{name} is not a whole number"),
    ]


def _midnight(day: object) -> "Column":
    from pyspark.sql import functions as F

    return F.lit(str(day)).cast("timestamp")
