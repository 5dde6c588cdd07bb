"""What the search index is built from, read from a run's tables, in the rows of the release that is built from it."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.config.config import Config
from jobs.infra.runs import MARK
from jobs.stages.build import job as build
from jobs.stages.index_search.shop import EPOCH, ShopItems, shop_items, text_vectors
from lookup.item_fields import PATH_SEPARATOR
from lookup.release.reader import Release
from tests.releases import config_at
from tests.run_tables import FEATURES, NIGHT, Sizes, write_run


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = config_at(tmp_path_factory.mktemp("run"))
    write_run(config, 5, Sizes())
    return config


@pytest.fixture(scope="module")
def items(config: Config) -> ShopItems:
    return shop_items(config.run, FEATURES)


def test_rows_are_those_of_the_release(config, items):
    release = Release(config.releases / build.run(None, config)["release"])
    categories, brands, values = (
        [keys.id(row) for row in range(len(keys))] for keys in (release.categories, release.brands, release.values)
    )
    assert items.categories == categories
    assert items.brands == brands
    names = list(FEATURES)
    assert {(text, names[column]) for text, column, _ in items.values} == {("red", "colour"), ("grün", "colour")}
    assert all(values[row] == text for text, _, row in items.values)
    for row, texts in enumerate(items.texts):
        record = release.record(row)
        assert texts[0] == record["title"]
        assert texts[1] == (record["brand"] or "")
        assert texts[2] == PATH_SEPARATOR.join(record["category"])
        assert items.category[row] == (categories.index(record["category"][-1]) if record["category"] else -1)
        assert items.brand[row] == (brands.index(record["brand"]) if record["brand"] else -1)
        assert items.popularity[row] == record["events"]


def test_a_day_is_that_of_the_first_event(config, items):
    rows = pq.read_table(config.run.path("events")).to_pylist()
    first: dict[int, date] = {}
    for row in rows:
        day = row["time"].date()
        first[row["item"]] = min(day, first.get(row["item"], day))
    assert items.day.tolist() == [(first[row] - EPOCH).days if row in first else -1 for row in range(len(items.texts))]
    assert max(items.day) < (NIGHT - EPOCH).days
    assert min(items.day[items.day >= 0]) == (NIGHT - timedelta(days=5) - EPOCH).days


def test_vectors_are_found_by_the_text_that_the_model_read(config, items):
    made = {text: np.array([n, 1], np.float32) for n, text in enumerate(items.read) if n % 2}
    folder = config.run.path("text_vectors")
    folder.mkdir(exist_ok=True)
    vectors = pa.array([one.tolist() for one in made.values()], pa.list_(pa.float32()))
    pq.write_table(pa.table({"text": list(made), "vector": vectors}), folder / "part-0.parquet")
    mark_like(config, "text_vectors", "items")
    found = text_vectors(config.run, [*items.read, "", "another text"])
    assert found.shape == (len(items.read) + 2, 2)
    assert found.dtype == np.float32
    for row, text in enumerate([*items.read, "", "another text"]):
        assert found[row].tolist() == (made[text].tolist() if text in made else [0, 0])


def mark_like(config: Config, table: str, other: str) -> None:
    """Give a table the mark of another, as if the same run had written it."""
    (config.run.path(table) / MARK).write_bytes((config.run.path(other) / MARK).read_bytes())
