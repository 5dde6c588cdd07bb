"""Point-in-time facts of items on the morning of a day: Spark windows over the days before it, never over that day."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.config.learning import RankerConfig
from jobs.infra.tables import EVENTS, ITEMS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def facts(
    events: "DataFrame", mornings: "DataFrame", settings: RankerConfig, half_life: float, night: date
) -> "DataFrame":
    """Return price, usual_price and popularity of items on some mornings; null, or popularity 0, where unknown.

    events: table of a run. mornings: different pairs of item and day. price and usual_price look at the `price_days`
    before the morning: price is the mean price of the last day with a price, usual_price the mean of all days before
    discounts. popularity: as `jobs.infra.frames` has it on that day, with the half-life in days.
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


def usual_prices(spark: "SparkSession", config: Config) -> NDArray[np.float32]:
    """Return the price of each item before discounts, as of the night, float32 (I,); NaN where unknown."""
    from pyspark.sql import functions as F

    night = config.run.read(spark, ITEMS).select("item", F.lit(config.run.day).alias("day"))
    events = config.run.read(spark, EVENTS).filter(F.col("weight") > 0)
    known = facts(events, night, config.ranker, config.topk.popular_half_life_days, config.run.day)
    table = known.select("item", F.col("usual_price").cast("float")).toArrow().sort_by("item")
    prices: NDArray[np.float32] = table["usual_price"].to_numpy().astype(np.float32)
    return prices
