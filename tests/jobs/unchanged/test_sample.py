"""What an earlier night made is made again for some users: it is found to be the same, and what differs is found."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from jobs.config.release import TopKConfig, UsersConfig
from jobs.stages.embed_users import job as embed_users
from jobs.stages.topk import job as topk
from jobs.unchanged.sample import differs
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run
from tests.releases import rewrite

PARAMETERS = ScoreParameters(
    UserEncoder((7.0, float("inf")), ((0.75, 0.25), (0.1, 0.9)), (2, 1)), (0.5, 0.5), 0.5, (0.5, 1.0), 2.0, 0.5
)


@pytest.fixture(params=["include", "exclude"])
def made(spark, tmp_path, request):
    lists = TopKConfig(k=3, spare=2, similar=4, popular=3, again=3, user_block=4, item_block=16, bought=request.param)
    config = dataclasses.replace(
        small_run.config(tmp_path, topk=lists), users=UsersConfig(active_days=90, min_events=1)
    )
    rng = np.random.default_rng(3)
    pairs = [(f"u{n}", int(item), float(rng.integers(1, 40))) for n in range(9) for item in rng.integers(0, 20, 6)]
    small_run.write(spark, config, small_run.items(20), small_run.events(pairs))
    arrays = {name: rng.normal(size=(20, 4)).astype(np.float32) for name in ("item_input", "item_vector")}
    small_run.write_vectors(config, arrays | small_run.follow_some(20), PARAMETERS)
    embed_users.run(spark, config)
    topk.run(spark, config)
    return config


def test_what_a_night_made_is_found_to_be_so_and_another_history_vector_or_list_is_found(made):
    def nudge(column, step):
        def change(rows):
            for row in rows:
                row[column][0] += step

        return change

    assert differs(made) is None
    lists = "user_unseen" if made.topk.bought == "include" else "user_topk"
    for table, column, step in (
        (lists, "scores", 0.01),
        ("user_vectors", "vector", 0.01),
        ("user_vectors", "days", -1),
    ):
        rewrite(made, table, nudge(column, step))
        assert table in differs(made)
    path = made.run.path("user_vectors")
    nobody = pl.read_parquet(f"{path}/*.parquet").clear()
    for file in path.glob("*.parquet"):
        file.unlink()
    nobody.write_parquet(path / "part-0.parquet")
    assert differs(made) is None
