"""The scores that the gate reads from table `evaluation` are those that DuckDB finds in it."""

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from jobs.config.config import Config
from jobs.infra.tables import EVALUATION
from jobs.stages.validate.compare_incumbent import SLICES, read_scores
from tests.releases import config_at

QUERY = """
SELECT max(ndcg) FILTER (method = 'in place') AS incumbent, max(ndcg) FILTER (method = 'daybreak') AS challenger
FROM read_parquet(?) WHERE slice = ? AND method IN ('in place', 'daybreak') GROUP BY user_id ORDER BY user_id
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A run whose table has users of every kind of id in no order, some scored for one release only, in two files."""
    rng = np.random.default_rng(3)
    users = [f"{prefix}{n}" for n in range(60) for prefix in ("user-", "ü", "Z", "漢", "")]
    methods = ("daybreak", "in place", "popular", "own purchases")
    rows = [(u, m, s, *rng.random(2)) for u in users for m in methods for s in SLICES[:-1] if rng.random() < 0.8]
    rng.shuffle(rows)
    table = pl.DataFrame(rows, schema=list(EVALUATION.columns), orient="row")
    table = table.with_columns(pl.col("recall", "ndcg").cast(pl.Float64))
    config = config_at(tmp_path)
    folder = config.run.path(EVALUATION.name)
    folder.mkdir(parents=True)
    table[::2].write_parquet(folder / "part-0.parquet")
    table[1::2].write_parquet(folder / "part-1.parquet")
    return config


def test_scores_are_those_of_a_query(config: Config) -> None:
    files = [str(path) for path in config.run.path(EVALUATION.name).glob("*.parquet")]
    found = read_scores(config)
    assert tuple(found) == SLICES
    for name, scores in found.items():
        expected = duckdb.execute(QUERY, [files, name]).fetchnumpy()
        for release in ("incumbent", "challenger"):
            column = np.ma.filled(expected[release].astype(np.float64), np.nan)
            np.testing.assert_array_equal(getattr(scores, release), column)
    assert len(found["all"].incumbent) > 250
    assert np.isnan(found["all"].incumbent).any()
    assert len(found[SLICES[-1]].incumbent) == 0
