"""A small run for tests of the jobs that make vectors and lists: tables and a model, as the jobs before write them."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from jobs.config.config import Config
from jobs.config.learning import EmbedConfig, ImagesConfig, TrainConfig
from jobs.config.release import TopKConfig
from jobs.config.shop import EventsConfig, ItemsConfig
from jobs.infra.tables import EVENTS, ITEMS, MODEL_ITEMS, MODEL_LABELS, USER_VECTORS
from jobs.infra.vector_store import FOLDER, VectorStore
from lookup.scoring.score_parameters import ScoreParameters
from tests.vectors import write_store

DAY = date(2026, 3, 2)
TEXTS = ("apple juice", "orange juice", "apple pie", "dog food, dry", "cat food", "", "window cleaner", None)
KINDS = (["DRINKS", "JUICE"], ["DRINKS", "JUICE"], ["BAKERY"], ["PETS", "DOG"], ["PETS", "CAT"], [], ["HOME"], [])


def config(
    base: Path, embed: EmbedConfig | None = None, topk: TopKConfig | None = None, images: ImagesConfig | None = None
) -> Config:
    """A configuration whose run and models lie under `base`. images: of items that have pictures; None: none have."""
    return Config(
        items=ItemsConfig(files="items.csv", item_id="id", title="title", image="image" if images else None),
        images=images or ImagesConfig(),
        events=[EventsConfig(files="events.csv", user_id="u", item_id="i", time="t")],
        base=base,
        date=DAY,
        embed=embed or EmbedConfig(dimensions=3),
        topk=topk or TopKConfig(k=3, spare=2, similar=4, popular=3, again=3, user_block=4, item_block=16),
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
            "features": {},
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
    made.run.write(EVENTS, spark.createDataFrame(event_rows, EVENTS.ddl))
    made.run.write(ITEMS, spark.createDataFrame(item_rows, ITEMS.ddl))  # after all that it belongs to


TRAIN = TrainConfig(half_lives=[7.0, 0.0], fading=[0.5, 0.25], temperature=0.5, follow_power=1.0, repeat=2.0, kept=0.25)
"""What the model of `write_model` was fitted with."""
MIX = [[0.75, 0.25], [0.5, 0.5]]
"""Of its two heads."""


def write_model(
    spark: SparkSession,
    made: Config,
    rows: list[dict[str, Any]],
    *,
    labels: dict[str, np.ndarray],
    maps: np.ndarray,
    follow: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Write a model of two heads with these MODEL_ITEMS, vectors of labels, maps (2, d, d), and next_item, next_weight
    and item_repeat.
    """
    folder = made.models / "m1"
    for name, ddl, table in (
        ("items", MODEL_ITEMS.ddl, rows),
        ("labels", MODEL_LABELS.ddl, [(label, vector.tolist()) for label, vector in labels.items()]),
    ):
        spark.createDataFrame(table, ddl).coalesce(1).write.parquet((folder / name).as_uri())
    for name, array in zip(("maps", "next_item", "next_weight", "item_repeat"), (maps, *follow), strict=True):
        np.save(folder / f"{name}.npy", array)
    about = {
        "id": "m1",
        "day": DAY.isoformat(),
        "trained_until": "2026-02-16",
        "widths": [len(part) for part in maps],
        "mix": MIX,
        "price_bounds": [1.0],
        "settings": vars(TRAIN),
    }
    (folder / "model.json").write_text(json.dumps(about))


def write_vectors(
    made: Config, arrays: dict[str, np.ndarray], parameters: ScoreParameters, **facts: Any
) -> VectorStore:
    """Write the folder of vectors as `embed_items` does (see `tests.vectors.write_store`)."""
    with made.run.replacing(FOLDER) as folder:
        write_store(folder, arrays, parameters, **facts)
    return VectorStore.of(made.run)


def follow_some(count: int, seed: int = 9) -> dict[str, np.ndarray]:
    """The arrays of `ItemTransitions`: three, two, one or no transition of each item, of either sign, and repeats."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(count)[:3] for _ in range(count)]).astype(np.int32)
    gone = np.arange(3) >= rng.integers(0, 4, (count, 1))
    weights = np.where(gone, 0.0, rng.normal(size=(count, 3))).astype(np.float32)
    again = rng.normal(size=count).astype(np.float32)
    return {
        "item_next_item": np.where(gone, -1, items).astype(np.int32),
        "item_next_weight": weights,
        "item_repeat": again,
    }


def write_users(
    spark: SparkSession,
    made: Config,
    vectors: np.ndarray,
    bought: list[list[int]],
    *,
    shares: list[list[float]],
    repeats: list[list[float]],
) -> None:
    """Write the table of `embed_users`; bought is also the history."""
    rows = [
        (
            n,
            f"u{n}",
            len(had),
            datetime(2026, 3, 1),
            vector.tolist(),
            had,
            had,
            *own,
            had,
            [20513] * len(had),
            [1.0] * len(had),
        )
        for n, (vector, had, *own) in enumerate(zip(vectors, bought, shares, repeats, strict=True))
    ]
    made.run.write(USER_VECTORS, spark.createDataFrame(rows, USER_VECTORS.ddl))
