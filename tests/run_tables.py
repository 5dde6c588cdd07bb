"""A small, random and valid run, written without Spark.

The tables are as Spark writes them: Parquet, in several files, rows in no order.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.config.config import Config
from jobs.infra.runs import MADE_FROM, MARK
from jobs.infra.vector_store import FOLDER, VectorStore
from jobs.models.user_vectors import history_shares, user_matrix
from jobs.ranking.terms import HistoryBatch, ItemTransitions, terms
from jobs.stages.topk.spark.because import COLUMNS, reasons
from lookup.item_fields import STORED
from lookup.release.schema import NUMBER, TEXT
from tests.shards import shard_run
from tests.vectors import made_parameters, write_store

NIGHT = date(2026, 11, 22)
CATEGORIES = ("DAIRY", "BREAD & CAKES", "Käse", "O'Neil")
FEATURES = {"weight": NUMBER, "organic": NUMBER, "colour": TEXT, "scent": TEXT}
"""Declared features and their kinds; nobody knows a scent."""
COLOURS = ("red", "grün", "")
LABELS = ["brand=Ünder", "category=FOOD", "category=FOOD>DAIRY", "price=0", "price=2", "word=größe", "word=item"]
OWNED = 3
"""Different items that a user has had, at least."""
BLOCK = 50_000
COMPARED = 2_000
"""Items that may be similar to another one: in a large shop all of them would take too long."""


@dataclass(frozen=True)
class Sizes:
    """How large a run is. `users` may be 0, `again` too."""

    items: int = 60
    users: int = 40
    dimensions: int = 6
    look: int = 0
    """How many of the dimensions are of pictures."""
    k: int = 10
    similar: int = 5
    again: int = 4
    popular: int = 12
    followers: int = 3
    events: int = 400
    """Of the table; a user's history is of others."""


def write_run(config: Config, seed: int, sizes: Sizes) -> None:
    """Write every table that `build` reads. Lists of users are exact: the best by u . v and what is added to it."""
    rng = np.random.default_rng(seed)
    root = config.run.root
    item_ids = by_hash([f"item-{n}" for n in range(sizes.items)])
    shape = (sizes.items, sizes.dimensions)
    item_input, item_vector = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    follow = followers(sizes, rng)
    parameters = made_parameters(sizes.dimensions, sizes.look)
    behaviour, text, *look = parameters.encoder.widths
    label_vector, label_text = (rng.normal(size=(len(LABELS), width)).astype(np.float32) for width in (behaviour, text))
    label_look = np.ones((len(LABELS), sum(look)), dtype=np.float32)
    vectors = write_store(
        root / FOLDER,
        {
            "item_input": item_input,
            "item_vector": item_vector,
            "item_next_item": follow.next_item,
            "item_next_weight": follow.next_weight,
            "item_repeat": follow.item_repeat,
            "label_vector": label_vector,
            "label_map": rng.normal(size=(behaviour, behaviour)).astype(np.float32),
            "label_text": label_text,
            "label_look": label_look,
            "look_basis": np.eye(2 * sum(look), sum(look), dtype=np.float32),
        },
        parameters,
        LABELS,
        space_id=sha256(f"space {seed}".encode()).hexdigest()[:16],
        model=f"model-{seed}",
        trained_until=config.date - timedelta(days=14),
    )
    metrics = [
        {"method": method, "metric": metric, "value": value, "users": sizes.users}
        for method, value in (("daybreak", 0.3), ("popular", 0.1))
        for metric in ("recall@20", "ndcg@20")
    ]
    config.run.write_json("metrics.json", {"metrics": metrics})
    config.run.write_json("features.json", {"features": FEATURES})
    config.run.write_json(
        "receipts/ingest.json",
        {"job": "ingest", "seconds": 1.5, "peak_mib": 300, "ended": "2026-11-22T03:00:00+00:00", "items": sizes.items},
    )
    categories = [CATEGORIES[n % len(CATEGORIES)] for n in range(sizes.items)]
    _write_items(root / "items", item_ids, categories, rng)
    _write_events(root / "events", config.date, sizes, rng)
    _write_users(root, config.date, sizes, rng, vectors)
    unit = item_vector / np.linalg.norm(item_vector, axis=1, keepdims=True)

    compared = unit[:COMPARED]

    def similar(rows: np.ndarray) -> dict[str, Any]:
        scores = unit[rows] @ compared.T
        known = rows < len(compared)
        scores[np.flatnonzero(known), rows[known]] = -np.inf
        return {"item": pa.array(rows, pa.int32()), **best(scores, min(sizes.similar, len(compared) - 1))}

    _write(root / "item_topk", sizes.items, similar, rng)
    _write_popular(root, categories, sizes, rng)
    if config.build.shards > 1:
        shard_run(config)
    for name in ("events", *MADE_FROM):  # in an order in which each comes after what it is made from
        if config.run.path(name).is_dir():
            (root / name / MARK).write_text(json.dumps(config.run.new_mark(name)))
        elif config.run.path(name).is_file():
            config.run.write_json(name, config.run.read_json(name, checked=False))


def followers(sizes: Sizes, rng: np.random.Generator) -> ItemTransitions:
    """ItemTransitions of any sign, some items without any, none twice; what items gain for who had them, of any
    sign."""
    items = (np.arange(sizes.items)[:, None] + 1 + np.arange(sizes.followers) * 2) % sizes.items
    length = rng.integers(1, sizes.followers + 1, (sizes.items, 1))
    length[::5] = 0
    there = np.arange(sizes.followers) < length
    weights = np.where(there, rng.normal(size=items.shape), 0.0)
    again = rng.normal(size=sizes.items).astype(np.float32)
    return ItemTransitions(np.where(there, items, -1).astype(np.int32), weights.astype(np.float32), again)


def by_hash(ids: list[str]) -> list[str]:
    """Ids in the order of their rows."""
    return sorted(ids, key=lambda text: sha256(text.encode()).digest())


def best(scores: np.ndarray, k: int) -> dict[str, pa.Array]:
    """The columns `items` and `scores` of the best k of each row."""
    if 0 < k < scores.shape[1]:
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    else:
        top = np.tile(np.arange(k), (len(scores), 1))
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1), axis=1)
    offsets = np.arange(len(scores) + 1) * k
    found = np.take_along_axis(scores, top, axis=1)
    return {"items": listed(offsets, top, pa.int32()), "scores": listed(offsets, found, pa.float32())}


def listed(offsets: np.ndarray, values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """A column of lists from their offsets and elements."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values.ravel(), kind))


def _write(
    folder: Path, size: int, rows_to_columns: Callable[[np.ndarray], dict[str, Any]], rng: np.random.Generator
) -> None:
    """A table in files of at most BLOCK rows, at least two, its rows in no order."""
    folder.mkdir(parents=True)
    order = rng.permutation(size)
    for part, rows in enumerate(np.array_split(order, max(2, -(-size // BLOCK)))):
        pq.write_table(pa.table(rows_to_columns(rows)), folder / f"part-{part:05}.snappy.parquet")
    (folder / "_SUCCESS").touch()


def _write_items(folder: Path, ids: list[str], categories: list[str], rng: np.random.Generator) -> None:
    kinds = {
        **dict.fromkeys(("text", "id"), pa.string()),
        "number": pa.float64(),
        "switch": pa.bool_(),
        "path": pa.list_(pa.string()),
    }

    def columns(rows: np.ndarray) -> dict[str, Any]:
        n = len(rows)
        return {
            **{field.name: pa.array([None] * n, kinds[field.kind]) for field in STORED},
            "item": pa.array(rows, pa.int32()),
            "item_id": [ids[row] for row in rows],
            "title": [f'Item "{row}", größe' for row in rows],
            "category": pa.array(
                [[] if row % 7 == 6 else ["FOOD", categories[row]] for row in rows], pa.list_(pa.string())
            ),
            "brand": pa.array([None if row % 3 else "Ünder" for row in rows], pa.string()),
            "price": pa.array([None if row % 5 == 4 else row / 4 for row in rows], pa.float64()),
            "in_stock": [bool(row % 2) or len(ids) == 1 for row in rows],
            "features": pa.array(list(map(_features, rows.tolist())), pa.map_(pa.string(), pa.string())),
            "text": [f"Item {row}" for row in rows],
            "events": pa.array(rng.integers(0, 100, n), pa.int64()),
        }

    _write(folder, len(ids), columns, rng)


def _features(row: int) -> dict[str, str]:
    """As ingest writes what is known: numbers as text, yes and no as 1 and 0, nothing for what is unknown."""
    known = {"weight": str(row / 8), "colour": COLOURS[row % 3]} if row % 6 else {}
    return {name: text for name, text in {**known, "organic": str(float(row % 2))}.items() if text}


def _write_events(folder: Path, night: date, sizes: Sizes, rng: np.random.Generator) -> None:
    days = 5
    folder.mkdir(parents=True)
    for day in (night - timedelta(days=n + 1) for n in range(days)):
        n = sizes.events // days
        table = pa.table(
            {
                "user_id": [f"user-{u}" for u in rng.integers(0, max(sizes.users, 1), n)],
                "item": pa.array(rng.integers(0, sizes.items, n), pa.int32()),
                "type": [("purchase", "view")[t] for t in rng.integers(0, 2, n)],
                "time": pa.array(
                    [datetime(day.year, day.month, day.day, 12, tzinfo=UTC)] * n, pa.timestamp("us", "UTC")
                ),
                "day": pa.array([day] * n, pa.date32()),
            }
        )
        pq.write_table(table, folder / f"part-{day}.snappy.parquet")


def _write_users(
    root: Path,
    night: date,
    sizes: Sizes,
    rng: np.random.Generator,
    vectors: VectorStore,
) -> None:
    """Every user has had a few items that stand side by side, each of them twice, on days before the night."""
    ids = by_hash([f"user-{n}" for n in range(sizes.users)])
    k, again = min(sizes.k, sizes.items), min(sizes.again, sizes.items)
    owned = min(max(again, OWNED), sizes.items)
    bought = rng.integers(0, sizes.items - owned + 1, (sizes.users, 1)) + np.arange(owned)
    events = rng.permuted(np.tile(bought, 2), axis=1)
    ages = -np.sort(-rng.integers(1, 60, events.shape), axis=1)
    weights = rng.choice(np.array([0.125, 1.0]), events.shape)
    parameters, follow = vectors.score_parameters, ItemTransitions.of(vectors)
    item_input, item_vector = vectors.array("item_input"), vectors.array("item_vector")
    made = pa.record_batch(
        {
            name: listed(np.arange(sizes.users + 1) * 2 * owned, values, kind)
            for name, values, kind in (
                ("items", events, pa.int32()), ("ages", ages, pa.float32()), ("weights", weights, pa.float32())
            )
        }
    )  # fmt: skip
    user_vectors = user_matrix(made, item_input, vectors.encoder)
    sums = history_shares(made, parameters)
    shares, repeats = (sums[name].flatten().to_numpy().reshape(bought.shape) for name in ("shares", "repeats"))
    days = (night - date(1970, 1, 1)).days - ages
    last = datetime(night.year, night.month, night.day, tzinfo=UTC) - timedelta(hours=5)

    def users(rows: np.ndarray) -> dict[str, Any]:
        n = len(rows)
        return {
            "user": pa.array(rows, pa.int32()),
            "user_id": [ids[row] for row in rows],
            "events": pa.array(rng.integers(1, 50, n), pa.int64()),
            "last_event": pa.array([last] * n, pa.timestamp("us", "UTC")),
            "vector": listed(np.arange(n + 1) * sizes.dimensions, user_vectors[rows], pa.float32()),
            "bought": listed(np.arange(n + 1) * owned, bought[rows], pa.int32()),
            "history": listed(np.arange(n + 1) * owned, bought[rows], pa.int32()),
            "shares": listed(np.arange(n + 1) * owned, shares[rows], pa.float32()),
            "repeats": listed(np.arange(n + 1) * owned, repeats[rows], pa.float32()),
            "items": listed(np.arange(n + 1) * 2 * owned, events[rows], pa.int32()),
            "days": listed(np.arange(n + 1) * 2 * owned, days[rows], pa.int32()),
            "weights": listed(np.arange(n + 1) * 2 * owned, weights[rows], pa.float32()),
        }

    def all_scores(rows: np.ndarray) -> np.ndarray:
        had = HistoryBatch(
            np.arange(len(rows) + 1) * owned, *(part[rows].ravel() for part in (bought, shares, repeats))
        )
        added = terms(had, follow, parameters, user_vectors[rows], item_vector)
        scores = user_vectors[rows] @ item_vector.T
        scores[np.repeat(np.arange(len(rows)), np.diff(added.offsets)), added.items] += added.values
        return scores

    def topk(rows: np.ndarray) -> dict[str, Any]:
        return {"user": pa.array(rows, pa.int32()), **best(all_scores(rows), k)}

    def unseen(rows: np.ndarray) -> dict[str, Any]:
        scores = all_scores(rows)
        np.put_along_axis(scores, bought[rows], -np.inf, axis=1)
        return {"user": pa.array(rows, pa.int32()), **best(scores, min(k, sizes.items - owned))}

    def because(rows: np.ndarray) -> dict[str, Any]:
        columns = {name: users(rows)[name] for name in ("user", "items", "days", "weights")}
        batch = pa.record_batch({**columns, "listed": topk(rows)["items"]}).rename_columns(list(COLUMNS))
        (made,) = reasons(iter([batch]), vectors, (night - date(1970, 1, 1)).days)
        return {name: made.column(name) for name in ("user", "items", "scores")}

    def buy_again(rows: np.ndarray) -> dict[str, Any]:
        scores = np.broadcast_to(np.arange(again, 0, -1, dtype=np.float32), (len(rows), again))
        offsets = np.arange(len(rows) + 1) * again
        return {
            "user": pa.array(rows, pa.int32()),
            "items": listed(offsets, bought[rows, :again], pa.int32()),
            "scores": listed(offsets, scores, pa.float32()),
        }

    _write(root / "user_vectors", sizes.users, users, rng)
    _write(root / "user_unseen", sizes.users, unseen, np.random.default_rng(0))  # `rng` draws the rest as ever
    _write(root / "user_topk", sizes.users, topk, rng)
    _write(root / "user_because", sizes.users, because, rng)
    _write(root / "user_again", sizes.users if again else 0, buy_again, rng)


def _write_popular(root: Path, categories: list[str], sizes: Sizes, rng: np.random.Generator) -> None:
    scores = rng.random(sizes.items).astype(np.float32)
    order = np.argsort(-scores)

    def lists() -> Iterator[tuple[str, list[int]]]:
        yield "", order[: sizes.popular].tolist()
        for name in dict.fromkeys(categories):
            yield name, [int(row) for row in order if categories[row] == name and row % 7 != 6][: sizes.popular]

    found = list(lists())

    def columns(rows: np.ndarray) -> dict[str, Any]:
        chosen = [found[row] for row in rows]
        return {
            "category": pa.array([name for name, _ in chosen], pa.string()),
            "items": pa.array([items for _, items in chosen], pa.list_(pa.int32())),
            "scores": pa.array([scores[items].tolist() for _, items in chosen], pa.list_(pa.float32())),
        }

    def popularity(rows: np.ndarray) -> dict[str, Any]:
        return {"item": pa.array(rows, pa.int32()), "score": pa.array(scores[rows], pa.float32())}

    _write(root / "popular", len(found), columns, rng)
    _write(root / "popularity", sizes.items, popularity, rng)
