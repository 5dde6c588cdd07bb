"""The job `train`: a model of the days before the held-out ones, kept while it is young, by one process or by two."""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs import train
from jobs.config import Config, Events, Items, Train
from jobs.errors import DataError
from jobs.tables import EVENTS, ITEMS
from jobs.train import store

NIGHT = date(2026, 3, 1)


def shop(folder: Path, **changed) -> Config:
    """Users who go round twelve items, one a day, until yesterday; item 11 only since the held-out days began."""
    settings = Train(dimensions=8, epochs=4, holdout_days=5, users_per_batch=4, **changed)
    config = Config(
        items=Items(files="i", item_id="i"),
        events=[Events(files="e", user_id="u", item_id="i", time="t")],
        base=folder,
        date=NIGHT,
        train=settings,
    )
    rows = []
    for user in range(12):
        for ago in range(1, 16):
            time = datetime(2026, 3, 1, 12, tzinfo=UTC) - timedelta(days=ago)
            item = 11 if ago <= 5 else (user + 20 - ago) % 11
            rows.append((f"u{user}", item, "purchase", time, 1.0, time.date()))
    events = pl.DataFrame(rows, schema=["user_id", "item", "type", "time", "weight", "day"], orient="row")
    events = events.cast({"item": pl.Int32, "weight": pl.Float32, "time": pl.Datetime("us", "UTC")})
    for (day,), part in events.group_by("day"):
        target = config.run.path(EVENTS.name) / f"day={day}"
        target.mkdir(parents=True)
        part.drop("day").write_parquet(target / "part.parquet")
    config.run.path(ITEMS.name).mkdir()
    facts = {"category": [["Even" if n % 2 == 0 else "Odd"] for n in range(12)], "brand": [None] * 12}
    facts |= {"price": [float(n) if n else None for n in range(12)], "text": [f"thing {n // 3}" for n in range(12)]}
    items = pl.DataFrame({"item": range(12), "item_id": [f"i{n}" for n in range(12)], **facts})
    items.cast({"item": pl.Int32, "brand": pl.String}).write_parquet(config.run.path(ITEMS.name) / "part.parquet")
    return config


def test_a_model_knows_nothing_of_the_held_out_days(spark, tmp_path):
    config = shop(tmp_path)
    counts = train.run(spark, config)
    assert counts["trained_until"] == "2026-02-24"
    model = store.existing(config.models, NIGHT)
    table = pl.from_arrow(model.items(spark).toArrow()).sort("item_id")
    assert table["item_id"].to_list() == sorted(f"i{n}" for n in range(11))
    assert table["events"].sum() == 12 * 10
    assert {len(v) for v in table["input"]} == {8}
    # Item 11 and its price are of the held-out days; "thing" is a word of all.
    np.testing.assert_allclose(model.price_bounds, np.quantile(range(1, 11), np.arange(1, 10) / 10))
    names, _ = model.labels()
    assert names == ["category=Even", "category=Odd"]
    assert counts["labels"] == 2
    assert not list(config.models.glob(".*"))


def test_a_young_model_is_kept_until_it_is_old_or_a_full_night_comes(spark, tmp_path):
    config = shop(tmp_path)
    first = train.run(spark, config)["model"]
    assert train.run(spark, dataclasses.replace(config, full=True))["model"] == first  # equal to the last bit
    assert train.run(spark, config) == {"model": first, "trained": False}
    other = dataclasses.replace(config.train, seed=8)
    assert train.run(spark, dataclasses.replace(config, full=True, train=other))["model"] != first
    # A model of a later night is from the future for an earlier one.
    assert store.newest(config.models, NIGHT - timedelta(days=1)) is None


def test_two_processes_learn_one_model(spark, tmp_path):
    config = shop(tmp_path, processes=2)
    assert train.run(spark, config)["trained"]
    model = store.existing(config.models, NIGHT)
    assert model.facts["losses"][-1] < model.facts["losses"][0]
    assert model.facts["items"] == 11


def test_a_shop_too_young_to_learn_from_says_so(spark, tmp_path):
    config = dataclasses.replace(shop(tmp_path), train=Train(holdout_days=30))
    with pytest.raises(DataError, match="no user has events on two days before 2026-01-30"):
        train.run(spark, config)
