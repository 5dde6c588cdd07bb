"""The vectors of the night are those of the day, and the users are the active ones, in the order of their hashes."""

import dataclasses
from hashlib import sha256

import numpy as np
import polars as pl
import pytest

from jobs.config.release import UsersConfig
from jobs.errors import MissingStepError
from jobs.stages.embed_users import job as embed_users
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run

PARAMETERS = ScoreParameters(
    UserEncoder((7.0, float("inf")), ((0.75, 0.25), (0.1, 0.9)), (2, 1)), (0.5, 0.5), 0.5, (0.5, 1.0), 2.0, 0.5
)
INPUTS = np.hstack([np.random.default_rng(1).normal(size=(10, 3)), np.zeros((10, 1))]).astype(np.float32)
HISTORIES = {
    **{f"u{n}": [(n % 10, 1.0), ((n + 3) % 10, 4.0), (n % 10, 20.0)] for n in range(12)},
    "gone": [(1, 200.0), (2, 201.0), (3, 202.0)],  # long ago
    "new": [(1, 1.0)],  # too little
}


@pytest.fixture
def made(spark, tmp_path):
    config = dataclasses.replace(small_run.config(tmp_path), users=UsersConfig(active_days=90, min_events=3))
    pairs = [(user, item, age) for user, history in HISTORIES.items() for item, age in history]
    small_run.write(spark, config, small_run.items(10), small_run.events(pairs))
    small_run.write_vectors(config, {"item_input": INPUTS}, PARAMETERS)
    return config


def test_the_night_makes_the_vector_that_the_day_would_make(spark, made):
    assert embed_users.run(spark, made) == {"users": 12, "inactive": 2}
    users = pl.read_parquet(f"{made.run.path('user_vectors')}/*.parquet").sort("user")
    ids = users["user_id"].to_list()
    assert ids == sorted((f"u{n}" for n in range(12)), key=lambda u: sha256(u.encode()).digest())
    assert users["user"].to_list() == list(range(12))
    columns = users.select("user_id", "vector", "bought", "events", "history", "shares", "repeats")
    for user, vector, bought, events, history, shares, repeats in columns.iter_rows():
        items, ages = zip(*HISTORIES[user], strict=True)
        day = PARAMETERS.encoder.user_vector(INPUTS[list(items)], np.asarray(ages), np.ones(len(items)))
        np.testing.assert_allclose(vector, day, atol=1e-6)
        for column, of in ((shares, PARAMETERS.transition_shares), (repeats, PARAMETERS.repeat_shares)):
            of_events = of(np.asarray(ages), np.ones(len(items)))
            by_item = {item: sum(of_events[n] for n, other in enumerate(items) if other == item) for item in items}
            assert dict(zip(history, column, strict=True)) == pytest.approx(by_item)
        assert history == sorted(set(items))
        assert bought == sorted(set(items))
        assert events == 3


def test_only_the_newest_events_make_the_vector(spark, made):
    short = dataclasses.replace(made, train=dataclasses.replace(made.train, max_history=1))
    embed_users.run(spark, short)
    users = pl.read_parquet(f"{made.run.path('user_vectors')}/*.parquet")
    assert users.height == 12
    for user, vector, bought, history in users.select("user_id", "vector", "bought", "history").iter_rows():
        (item, age), *_ = HISTORIES[user]
        assert history == [item]
        expected = PARAMETERS.encoder.user_vector(INPUTS[[item]], np.asarray([age]), np.ones(1))
        np.testing.assert_allclose(vector, expected, atol=1e-6)
        assert len(bought) == 2


def test_a_shop_without_active_users_says_why_and_goes_on(spark, made, capsys):
    strict = dataclasses.replace(made, users=UsersConfig(active_days=90, min_events=99))
    assert embed_users.run(spark, strict)["users"] == 0
    said = capsys.readouterr().out
    assert "embed_users warning" in said
    assert "none has 99 events" in said
    assert "The last event is of 2026-03-01" in said
    assert pl.read_parquet(f"{made.run.path('user_vectors')}/*.parquet").height == 0


def test_without_vectors_it_names_the_job_to_run(spark, tmp_path):
    config = small_run.config(tmp_path)
    small_run.write(spark, config, small_run.items(2), small_run.events([("a", 1, 1.0)]))
    with pytest.raises(MissingStepError, match="daybreak job embed_items"):
        embed_users.run(spark, config)
