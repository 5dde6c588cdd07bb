"""Tables of a run that a build refuses, each by its name and with what to do."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.config.config import Config
from jobs.errors import DataError, MissingStepError
from jobs.infra.vector_store import FOLDER, array_path
from jobs.stages.build import job as build
from tests.releases import rewrite


@pytest.mark.parametrize(
    ("name", "job"),
    [("items", "ingest"), ("vectors", "embed_items"), ("user_vectors", "embed_users"), ("user_topk", "topk"),
     ("user_unseen", "topk"), ("popular", "topk"), ("popularity", "topk"), ("features.json", "ingest"),
     ("metrics.json", "evaluate")],
)  # fmt: skip
def test_a_missing_table_names_its_job(config: Config, name: str, job: str) -> None:
    path = config.run.path(name)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(MissingStepError, match=f"{name} is missing: run `daybreak job {job} --date 2026-11-22` first"):
        build.run(None, config)


def swap(rows: list[dict[str, Any]], column: str) -> None:
    rows[3][column], rows[4][column] = rows[4][column], rows[3][column]


def first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in rows if row["user"] == 0)


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("items", lambda r: r.clear(), "no item; a release needs at least one"),
        ("items", lambda r: r.pop(), "item goes from"),
        ("items", lambda r: r[3].update(item=r[4]["item"]), "in the order of sha256"),
        ("user_vectors", lambda r: swap(r, "user_id"), "must number the rows 0 … 29 in the order"),
        ("user_vectors", lambda r: first(r).update(user=1), "must number the rows 0 … 29 in the order"),
        ("user_vectors", lambda r: r[3].update(vector=[1.0]), "vector must have 6 numbers"),
        ("user_topk", lambda r: r[3].update(user=30), "user goes from 0 to 30; 0 to 29 expected"),
        ("user_topk", lambda r: r[3].update(user=None), "user goes from -1"),
        ("user_topk", lambda r: r[3]["scores"].pop(), "items and scores must be equally long"),
        ("user_vectors", lambda r: r[3]["days"].pop(), "items and days must be equally long"),
        (
            "items",
            lambda r: r[3].update(features=[("weight", "heavy")]),
            "feature weight is 'heavy'; a number expected",
        ),
        ("popularity", lambda r: r[3].update(item=50), "item goes from 0 to 50"),
        ("popular", lambda r: r.append(r[0]), "one list a category of items, and one for the whole shop"),
        ("popular", lambda r: [row.update(category="x" + row["category"]) for row in r], "whole shop"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    config: Config, table: str, change: Callable[[list[dict[str, Any]]], None], said: str
) -> None:
    rewrite(config, table, change)
    with pytest.raises(DataError) as raised:
        build.run(None, config)
    assert said in str(raised.value)
    assert str(config.run.path(table)) in str(raised.value)
    assert list(config.releases.iterdir()) == []


def test_a_table_of_another_version_is_refused(config: Config) -> None:
    path = next(config.run.path("items").glob("*.parquet"))
    pq.write_table(pq.read_table(path).drop_columns("brand"), path)
    with pytest.raises(DataError, match=r"parquet: no column brand; the job that writes items is of another version"):
        build.run(None, config)


def test_vectors_of_another_shape_are_refused(config: Config) -> None:
    path = array_path(config.run.path(FOLDER), "item_vector")
    np.save(path, np.zeros((50, 7), np.float32))
    with pytest.raises(DataError, match=r"item_vector\.npy: float32 \(50, 7\) found; float32 \(50, 6\) expected"):
        build.run(None, config)
