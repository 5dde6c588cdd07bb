"""What was shown: which rows count, who was there, and what goes to quarantine."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.errors import ConfigError
from jobs.stages.ingest import job as ingest

ITEMS = "sku,name\nA1,Red mug\nA2,Blue mug\n"
EVENTS = """who,sku,at,shop
u1,A1,2026-02-01 10:00:00,north
u2,A2,2026-02-10 09:00:00,south
u2,A1,2026-02-10 08:00:00,north
u2,A1,2026-02-10 18:00:00,north
u3,A2,2025-11-01 08:00:00,north
,A1,2026-02-03 08:00:00,north
"""
FLYER = """sku,shop,week,how
A1,north,1,page 1
A1,north,1,page 1
A2,north,1,page 2
A2,south,0,page 1
A1,south,-9,page 1
A9,south,1,page 1
A1,,1,page 1
A1,south,soon,page 1
A1,south,99,page 1
"""
SEEN = """user,sku,at,price,stock
u1,A1,2026-02-09T12:00:00,3.5,true
u1,A1,2026-02-09T12:30:00,free,false
u9,A2,2026-02-11T12:00:00,,
u9,A2,2026-02-12T12:00:00,2,
"""
TOML = """
[items]
files = "items.csv"
item_id = "sku"
title = "name"
[[events]]
files = "events.csv"
user_id = "coalesce(who, 'nobody')"
item_id = "sku"
time = "at"
[[impressions]]
files = "flyer.csv"
item_id = "sku"
place = "shop"
time = "timestamp'2026-02-02' + make_dt_interval(7 * int(week))"
days = 7
kind = "how"
[impressions.visits]
files = "events.csv"
user_id = "who"
place = "shop"
time = "at"
[[impressions]]
files = "seen.csv"
item_id = "sku"
user_id = "user"
time = "at"
price = "price"
in_stock = "stock"
[ranker]
days = 14
engagement = "category"
[quality]
max_bad_share = 0.5
"""


def config(folder: Path, text: str = TOML) -> Config:
    for name, rows in (("items", ITEMS), ("events", EVENTS), ("flyer", FLYER), ("seen", SEEN)):
        (folder / f"{name}.csv").write_text(rows)
    (folder / "daybreak.toml").write_text(text)
    return load(folder / "daybreak.toml", date(2026, 2, 12))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def done(spark, tmp_path_factory):
    made = config(tmp_path_factory.mktemp("shop"))
    return made, ingest.run(spark, made)


def table(made: Config, name: str) -> pl.DataFrame:
    return pl.read_parquet(f"{made.run.path(name)}/*.parquet").with_columns(
        pl.col(pl.Datetime).dt.replace_time_zone("UTC")
    )


def test_what_was_shown_in_the_last_days(done):
    """What u9 saw on the day after the last event is left out: of that day no outcome is known."""
    made, counts = done
    ids = dict(table(made, "items").select("item", "item_id").iter_rows())
    rows = {
        (ids[row["item"]], row["user_id"], row["place"], row["time"], row["until"], row["kind"])
        for row in table(made, "shown").iter_rows(named=True)
    }
    week = at("2026-02-09"), at("2026-02-16")
    assert rows == {
        ("A1", None, "north", *week, "page 1"),
        ("A2", None, "north", *week, "page 2"),
        ("A2", None, "south", at("2026-02-02"), at("2026-02-09"), "page 1"),
        ("A1", "u1", None, at("2026-02-09T12:00"), None, "shown"),
    }
    named = table(made, "shown").filter(pl.col("user_id").is_not_null()).sort("time")
    assert named.select("price", "in_stock").rows() == [(3.5, True)]
    assert counts["impressions"] == 5  # before the same twice at once became one


def test_a_visit_is_the_first_of_a_day(done):
    made, _ = done
    rows = table(made, "visits").sort("time").select("user_id", "place", "time", "day").rows()
    assert rows == [
        ("u1", "north", at("2026-02-01T10:00"), date(2026, 2, 1)),
        ("u2", "north", at("2026-02-10T08:00"), date(2026, 2, 10)),
    ]


def test_bad_rows_go_to_quarantine(done):
    made, _ = done
    found = table(made, "quarantine").select("source", "row", "reason").sort("source", "row", "reason").rows()
    assert found == [
        ("impressions", 2, "price is not a number"),
        ("impressions", 6, "item_id is not among the items"),
        ("impressions", 7, "place is missing"),
        ("impressions", 8, "time is missing"),
        ("visits", 6, "user_id is missing"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('place = "shop"\ntime = "timestamp', 'time = "timestamp', r"impressions\[0\] must be of users"),
        ('user_id = "user"', 'user_id = "user"\nplace = "shop"', r"impressions\[1\] must be of users"),
        ("days = 7", "days = 0", r"impressions\[0\].days must be .*more than 0"),
        ('engagement = "category"', "", 'ranker.clicks must be types .* says ranker.engagement = "category"'),
        ('engagement = "category"', 'engagement = "brand"', "ranker.engagement must be item or category"),
        ('engagement = "category"', 'purchases = ["order"]', "ranker.purchases must be types of which"),
        ("days = 14", "window_days = 0", "ranker.window_days must be .*more than 0"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, message):
    assert old in TOML
    with pytest.raises(ConfigError, match=message):
        config(tmp_path, TOML.replace(old, new, 1))
