"""What was known of items on the morning of a day: Spark windows over the days before it, never that day itself."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from jobs.config.learning import RankerConfig

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def facts(
    events: "DataFrame", mornings: "DataFrame", settings: RankerConfig, half_life: float, night: date
) -> "DataFrame":
    """Price, usual_price and popularity of items as of mornings; null, and for popularity 0, where nothing is known.

    events: table of a run. mornings: different pairs of item and day. Of the `price_days` before: price: the mean of
    what was paid on the last of them that has a price; usual_price: the mean of all, discounts not taken off.
    popularity: as `jobs.infra.frames` has it on that day; half_life: in days.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    midnight = datetime(night.year, night.month, night.day, tzinfo=UTC).timestamp()
    age = (F.lit(midnight) - F.col("time").cast("double")) / 86400.0
    left = F.col("weight") * F.pow(F.lit(2.0), -age / half_life)
    before_discount = F.col("price") + F.coalesce("discount", F.lit(0.0))
    days = events.groupBy("item", "day").agg(
        F.sum(left).alias("_left"),
        F.sum(before_discount).alias("_usual"),
        F.count("price").alias("_priced"),
        F.avg("price").alias("_paid"),
    )
    both = days.unionByName(mornings.select("item", "day", F.lit(True).alias("_asked")), allowMissingColumns=True)
    both = both.withColumn("_day", F.unix_date("day"))
    item = Window.partitionBy("item").orderBy("_day")
    before, lately = (item.rangeBetween(first, -1) for first in (Window.unboundedPreceding, -settings.price_days))
    since = F.datediff(F.lit(night), F.col("day"))
    known = both.select(
        "item",
        "day",
        "_asked",
        F.last("_paid", ignorenulls=True).over(lately).alias("price"),
        (F.sum("_usual").over(lately) / F.sum("_priced").over(lately)).alias("usual_price"),
        F.coalesce(F.sum("_left").over(before) * F.pow(F.lit(2.0), since / half_life), F.lit(0.0)).alias("popularity"),
    )
    return known.filter("_asked").drop("_asked")
