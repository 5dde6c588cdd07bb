"""Impressions, their outcomes, and a weighted sample of them: Spark SQL."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.config.learning import RankerConfig
from jobs.infra.logging import log_line

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

STRATA = ("converted", "clicked only", "neither")
"""Impressions are sampled within each of these, by `_stratum`."""
MOST_PAIRS = 20_000_000
"""Each moment of a user is compared with each event of theirs. Who has more pairs of both is a program, no shopper:
the ranker learns nothing from it, and a night would not end."""
MOST_PROGRAMS = 10_000
"""So many are left out at most, those with the most pairs."""


@dataclass(frozen=True)
class ImpressionTables:
    """The tables of a run from which impressions are made; `events` has only the days of the impressions."""

    shown: "DataFrame"
    visits: "DataFrame"
    events: "DataFrame"
    items: "DataFrame"


@dataclass(frozen=True)
class ImpressionSample:
    """A sample of impressions."""

    rows: "DataFrame"
    """user_id, item, time, kind, price, in_stock, clicked, converted and weight: how many impressions a row stands for.
    Persisted."""
    counts: dict[str, int]
    """How many impressions there are in each of `STRATA`, before sampling."""


def draw(tables: ImpressionTables, since: date, settings: RankerConfig) -> ImpressionSample:
    """Draw a sample of the impressions since a day. The same tables and settings always give the same sample.

    A user who was at a place while it showed an item has an impression of it. Where a table names the users, the first
    impression of a day counts. The outcome is what the user does in the window that begins with the impression. Of each
    stratum about `settings.sample` are drawn at most, all with the same chance, and weighted for the others (Horvitz &
    Thompson, JASA 1952). Programs are left out (`MOST_PAIRS`).
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    named, moments = _named(tables, since)
    if programs := _programs(moments, tables.events):
        log_line("train_ranker", "programs, no shoppers", users=len(programs), first=programs[0])
        named, moments = (frame.filter(~F.col("user_id").isin(programs)) for frame in (named, moments))
    total = _pairs(tables, named, moments, since).count()
    ends = _outcomes(moments, tables, settings)
    impressions = _with_outcome(_pairs(tables, named, ends, since), tables.items, settings)
    # One number decides for each impression. All clicked ones stay until their number is known.
    number = F.pmod(F.xxhash64("user_id", "item", "time", F.lit(settings.seed)), F.lit(1 << 40)) / F.lit(float(1 << 40))
    drawn = impressions.withColumn("_draw", number).withColumn("_stratum", _stratum())
    neither = min(1.0, settings.sample / max(total, 1))
    drawn = drawn.filter(F.col("clicked") | (F.col("_draw") < neither)).persist(StorageLevel.DISK_ONLY)
    found = {row["_stratum"]: row["count"] for row in drawn.groupBy("_stratum").count().collect()}
    converted, clicked = found.get(0, 0), found.get(1, 0)
    rates = [min(1.0, settings.sample / max(n, 1)) for n in (converted, clicked)] + [neither]
    rate = F.element_at(F.array(*(F.lit(rate) for rate in rates)), F.col("_stratum") + 1)
    rows = drawn.filter(F.col("_draw") < rate).withColumn("weight", (1.0 / rate).cast("float"))
    counts = dict(zip(STRATA, (converted, clicked, total - converted - clicked), strict=True))
    return ImpressionSample(rows.drop("_draw", "_stratum").dropDuplicates(["user_id", "item", "time"]), counts)


def _named(tables: ImpressionTables, since: date) -> "tuple[DataFrame, DataFrame]":
    """Return what was shown to named users, and the moments at which anybody saw something.

    A moment has user_id, time and place; place is null for a named user.
    """
    from pyspark.sql import functions as F

    first = F.min(F.struct("time", "kind", "price", "in_stock")).alias("first")
    named = tables.shown.filter(F.col("user_id").isNotNull() & (F.to_date("time") >= F.lit(since)))
    named = named.groupBy("user_id", "item", F.to_date("time").alias("day")).agg(first)
    named = named.select("user_id", "item", "first.*")
    nowhere = F.lit(None).cast("string").alias("place")
    moments = named.select("user_id", "time", nowhere).distinct()
    there = tables.visits.filter(F.col("day") >= F.lit(since)).select("user_id", "time", "place")
    return named, moments.unionByName(there)


def _programs(moments: "DataFrame", events: "DataFrame") -> list[str]:
    """Return the ids of users that are no people, by how much they saw and did, those with the most first."""
    from pyspark.sql import functions as F

    seen = moments.groupBy("user_id").agg(F.count("*").alias("seen"))
    done = events.groupBy("user_id").agg(F.count("*").alias("done"))
    pairs = F.col("seen") * F.col("done")
    both = seen.join(done, "user_id").where(pairs > MOST_PAIRS)
    return [row["user_id"] for row in both.orderBy(pairs.desc(), "user_id").limit(MOST_PROGRAMS).collect()]


def _pairs(tables: ImpressionTables, named: "DataFrame", moments: "DataFrame", since: date) -> "DataFrame":
    """Return every impression: the columns of the moment, item, kind, price and in_stock."""
    from pyspark.sql import functions as F

    placed = tables.shown.filter(F.col("place").isNotNull() & (F.col("until") > F.lit(since).cast("timestamp")))
    placed = placed.drop("user_id").withColumnRenamed("time", "_from")
    during = (F.col("time") >= F.col("_from")) & (F.col("time") < F.col("until"))
    seen = placed.join(moments.filter(F.col("place").isNotNull()), "place").filter(during).drop("_from", "until")
    return seen.unionByName(named.join(moments.filter(F.col("place").isNull()), ["user_id", "time"])).drop("place")


def _with_outcome(pairs: "DataFrame", items: "DataFrame", settings: RankerConfig) -> "DataFrame":
    """Replace `_bought` and `_clicked` by `converted` and `clicked`."""
    from pyspark.sql import functions as F

    every = pairs.join(F.broadcast(_touched(items, settings)), "item")
    clicked = F.col("converted") | F.coalesce(F.array_contains("_clicked", F.col("_touches")), F.lit(False))
    every = every.withColumn("converted", F.array_contains("_bought", F.col("item"))).withColumn("clicked", clicked)
    return every.drop("_bought", "_clicked", "_touches")


def _touched(items: "DataFrame", settings: RankerConfig) -> "DataFrame":
    """Return item and `_touches`: what a click on it touches, the number of its row or of its narrowest category."""
    from pyspark.sql import functions as F

    if settings.engagement == "item":
        return items.select("item", F.col("item").cast("bigint").alias("_touches"))
    path = F.when(F.size("category") > 0, F.xxhash64(F.concat_ws("\u001f", "category")))
    return items.select("item", path.alias("_touches"))


def _outcomes(moments: "DataFrame", tables: ImpressionTables, settings: RankerConfig) -> "DataFrame":
    """Return user_id, time and place of each moment with the outcomes in the window that begins there.

    `_bought`: the items bought. `_clicked`: the numbers of `_touched` that the user clicked.
    """
    from pyspark.sql import functions as F

    touching = settings.clicks if settings.engagement == "item" else settings.purchases
    events = (
        tables.events.filter(F.col("type").isin(*settings.purchases, *touching))
        .join(_touched(tables.items, settings), "item")
        .select("user_id", F.col("time").alias("_at"), "item", "type", "_touches")
    )
    ends = F.col("time") + F.make_dt_interval(secs=F.lit(settings.window_days * 86400.0))
    near = moments.join(events, "user_id").filter((F.col("_at") >= F.col("time")) & (F.col("_at") < ends))

    def those(kinds: list[str], what: str) -> "Column":
        return F.collect_set(F.when(F.col("type").isin(*kinds), F.col(what)))

    found = near.groupBy("user_id", "time", "place").agg(
        those(settings.purchases, "item").alias("_bought"), those(touching, "_touches").alias("_clicked")
    )
    # `place` may be null, and null joins nothing; a user has one moment of either kind at a time.
    found = found.withColumn("_named", F.col("place").isNull()).drop("place")
    joined = moments.withColumn("_named", F.col("place").isNull()).join(found, ["user_id", "time", "_named"], "left")
    return joined.select(
        "user_id",
        "time",
        "place",
        F.coalesce("_bought", F.array().cast("array<int>")).alias("_bought"),
        F.coalesce("_clicked", F.array().cast("array<bigint>")).alias("_clicked"),
    )


def _stratum() -> "Column":
    """Return the place of an impression in `STRATA`."""
    from pyspark.sql import functions as F

    return F.when(F.col("converted"), 0).when(F.col("clicked"), 1).otherwise(2)
