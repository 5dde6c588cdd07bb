"""A small run for tests of the jobs that make vectors and lists: tables and a model, as the jobs before write them."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from jobs.config import Config, Embed, Events, Items, TopK
from jobs.tables import EVENTS, ITEMS, MODEL_ITEMS, USER_VECTORS

DAY = date(2026, 3, 2)
TEXTS = ("apple juice", "orange juice", "apple pie", "dog food, dry", "cat food", "", "window cleaner", None)
KINDS = (["DRINKS", "JUICE"], ["DRINKS", "JUICE"], ["BAKERY"], ["PETS", "DOG"], ["PETS", "CAT"], [], ["HOME"], [])


def config(base: Path, embed: Embed | None = None, topk: TopK | None = None) -> Config:
    """A configuration whose run and models lie under `base`."""
    return Config(
        items=Items(files="items.csv", item_id="id", title="title"),
        events=[Events(files="events.csv", user_id="u", item_id="i", time="t")],
        base=base,
        date=DAY,
        embed=embed or Embed(dimensions=3),
        topk=topk or TopK(k=5, similar=4, popular=3, again=3, user_block=4, item_block=16),
    )


def items(count: int) -> list[dict[str, Any]]:
    """Rows of ITEMS: texts and categories come round again every eight items."""
    return [
        {
            "item": n,
            "item_id": f"i{n}",
            "title": f"item {n}",
            "description": None,
            "category": KINDS[n % len(KINDS)],
            "brand": None,
            "price": 1.0,
            "image": None,
            "in_stock": True,
            "text": TEXTS[n % len(TEXTS)],
            "events": 0,
        }
        for n in range(count)
    ]


def events(pairs: list[tuple[str, int, float]]) -> list[dict[str, Any]]:
    """Rows of EVENTS from (user, item, days before the night), each of weight 1."""
    night = datetime(DAY.year, DAY.month, DAY.day)
    rows = []
    for user, item, age in pairs:
        time = night - timedelta(days=age)
        rows.append(
            {"user_id": user, "item": item, "type": "purchase", "time": time, "weight": 1.0, "day": time.date()}
        )
    return [{field: row.get(field) for field in EVENTS.columns} for row in rows]


def write(spark: SparkSession, made: Config, item_rows: list[dict[str, Any]], event_rows: list[dict[str, Any]]) -> None:
    """Write the tables of `ingest`."""
    made.run.write(ITEMS, spark.createDataFrame(item_rows, ITEMS.ddl))
    made.run.write(EVENTS, spark.createDataFrame(event_rows, EVENTS.ddl))


def write_model(spark: SparkSession, made: Config, rows: list[dict[str, Any]], dimensions: int) -> None:
    """Write a model with these MODEL_ITEMS."""
    folder = made.models / "m1"
    spark.createDataFrame(rows, MODEL_ITEMS.ddl).write.parquet((folder / "items").as_uri())
    about = {
        "id": "m1",
        "day": DAY.isoformat(),
        "trained_until": "2026-02-16",
        "dimensions": dimensions,
        "half_lives": [7.0, 0.0],
        "mix": [0.75, 0.25],
        "power": 0.5,
    }
    (folder / "model.json").write_text(json.dumps(about))


def write_vectors(made: Config, vectors: np.ndarray, behaviour: int, text: int) -> None:
    """Write the folder vectors/ of `embed_items`, as far as `topk` reads it."""
    with made.run.replacing("vectors") as folder:
        folder.mkdir()
        np.save(folder / "item_vector.npy", vectors)
        (folder / "space.json").write_text(json.dumps({"behaviour": behaviour, "text": text}))


def write_users(spark: SparkSession, made: Config, vectors: np.ndarray, bought: list[list[int]]) -> None:
    """Write the table of `embed_users`."""
    rows = [
        (n, f"u{n}", len(had), datetime(2026, 3, 1), vector.tolist(), had)
        for n, (vector, had) in enumerate(zip(vectors, bought, strict=True))
    ]
    made.run.write(USER_VECTORS, spark.createDataFrame(rows, USER_VECTORS.ddl))
