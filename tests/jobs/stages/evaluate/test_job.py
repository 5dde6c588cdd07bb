"""The job `evaluate` on a small run, beside what the same lists score when they are made by hand."""

import dataclasses
from datetime import date

import numpy as np
import polars as pl
import pytest

from jobs.evaluation.metrics.ranking import measure
from jobs.stages.evaluate import job as evaluate
from jobs.stages.evaluate.spark import sample
from lookup import Release
from lookup.scoring.score_parameters import HistoryShares, ScoreParameters, TransitionRows
from lookup.scoring.user_encoder import UserEncoder
from tests.jobs import small_run
from tests.releases import make_release

ITEMS, KNOWN = 30, 24
"""The incumbent knows the first 24 items, and 36 that this run does not."""
PARAMETERS = ScoreParameters(
    UserEncoder((7.0, float("inf")), ((0.75, 0.25), (0.5, 0.5)), (3, 1)), (0.5, 0.5), 1.0, (1.0, 0.5), 0.5, 0.25
)
RNG = np.random.default_rng(5)
INPUTS = np.hstack([RNG.normal(size=(ITEMS, 4)), np.zeros((ITEMS, 1))]).astype(np.float32)
VECTORS = RNG.normal(size=(ITEMS, 5)).astype(np.float32)
FOLLOW = small_run.follow_some(ITEMS)
# Training ended on the 16th of February, 14 days before the night: ages above 14 were known.
BEFORE = {
    "a": [(1, 20.0), (2, 30.0), (1, 40.0)],
    "b": [(3, 15.0)],
    "c": [(4, 16.0), (26, 18.0)],
    "only before": [(4, 50.0)],
}
AFTER = {"a": [(2, 3.0), (9, 4.0)], "b": [(3, 1.0)], "c": [(26, 1.0), (4, 2.0)], "only after": [(5, 2.0)]}
POPULAR = [4, 1, 3, 26, 2]
"""At 14 days a half: 1.07 of 2 and 36 days, 1.02 of 6 and 26, 0.95 of 1, 0.82 of 4, 0.45 of 16."""
SLICES = {
    "all": {"a": {2, 9}, "b": {3}, "c": {4, 26}},
    "new items": {"a": {9}},
    "long tail": {"a": {9}, "c": {26}},  # items 1, 4, 2 and 3 hold 6 of 7 events, and no three of them 80 %
    "never had": {"a": {9}},
    "light users": {"b": {3}},
    "heavy users": {"a": {2, 9}},
}


@pytest.fixture
def made(spark, tmp_path):
    config = small_run.config(tmp_path)
    pairs = [(user, item, age) for part in (BEFORE, AFTER) for user, h in part.items() for item, age in h]
    items = small_run.items(ITEMS)
    for n, row in enumerate(items):
        row["item_id"] = f"item-{n}" if n < KNOWN else f"new-{n}"
    small_run.write(spark, config, items, small_run.events(pairs))
    small_run.write_vectors(config, {"item_input": INPUTS, "item_vector": VECTORS, **FOLLOW}, PARAMETERS)
    return config


def events_of(user: str) -> tuple[np.ndarray, np.ndarray]:
    items, ages = zip(*BEFORE[user], strict=True)
    return np.asarray(items), np.asarray(ages) - 14


def scored(parameters, arrays, items, ages) -> np.ndarray:
    inputs, vectors, *follow = arrays
    ones = np.ones(len(items))
    scores = vectors @ parameters.encoder.user_vector(inputs[items], ages, ones)
    rows = items.astype(np.int32)
    had = HistoryShares(rows, parameters.transition_shares(ages, ones), parameters.repeat_shares(ages, ones))
    terms = parameters.item_terms(had, TransitionRows(*(array[rows] for array in follow)), scores[rows])
    scores[terms[0]] += terms[1]
    return scores


def our_scores(user: str) -> np.ndarray:
    return scored(PARAMETERS, (INPUTS, VECTORS, *FOLLOW.values()), *events_of(user))


def their_scores(release: Release, user: str) -> np.ndarray:
    """Of this run's items by the incumbent; -inf where it does not know the item."""
    items, ages = events_of(user)
    rows = np.asarray([release.items.find(f"item-{n}") for n in range(KNOWN)])
    known = items < KNOWN
    arrays = release.item_input, release.item_vector, release.next_item, release.next_weight, release.item_repeat
    all_scores = scored(release.score_parameters, arrays, rows[items[known]], ages[known])
    return np.concatenate([all_scores[rows], np.full(ITEMS - KNOWN, -np.inf)])


def by_hand(release: Release | None, masked: bool) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Recall and NDCG by user, method and slice."""
    expected = {}
    for user in SLICES["all"]:
        items, _ = events_of(user)
        had = set(items.tolist()) if masked else set()
        lists = {"daybreak": our_scores(user)} | ({"in place": their_scores(release, user)} if release else {})
        lists = {
            method: [i for i in np.argsort(-scores, kind="stable") if i not in had and np.isfinite(scores[i])]
            for method, scores in lists.items()
        }
        ages = events_of(user)[1]
        lately = {i: sum(2.0 ** (-age / 90) for item, age in zip(items, ages, strict=True) if item == i) for i in items}
        own = [] if masked else sorted(set(items.tolist()), key=lambda i: (-items.tolist().count(i), POPULAR.index(i)))
        recent = [] if masked else sorted(set(items.tolist()), key=lambda i: (-lately[i], POPULAR.index(i)))
        lists["popular"] = [i for i in POPULAR if i not in had]
        lists["own purchases"] = [i for i in dict.fromkeys(own + POPULAR) if i not in had]
        lists["own purchases, half-life 90 days"] = [i for i in dict.fromkeys(recent + POPULAR) if i not in had]
        for name, wanted in SLICES.items():
            truth = wanted.get(user, set()) - had
            for method, found in lists.items() if truth else ():
                row = np.pad(found[:20], (0, 20 - len(found[:20])), constant_values=-1)
                recall, ndcg = measure(row[None], [np.asarray(sorted(truth))])
                expected[user, method, name] = recall[0], ndcg[0]
    return expected


@pytest.mark.parametrize(("bought", "masked", "users"), [("include", False, 3), ("exclude", True, 1)])
def test_rows_and_means_are_those_made_by_hand(spark, made, bought, masked, users):
    release_id = make_release(made.base, night=date(2026, 2, 20))
    release = Release(made.releases / release_id)
    config = dataclasses.replace(made, topk=dataclasses.replace(made.topk, bought=bought, popular=10))
    counts = evaluate.run(spark, config)
    assert (counts["users"], counts["incumbent"]) == (users, release_id)
    table = pl.read_parquet(f"{made.run.path('evaluation')}/*.parquet")
    found = {tuple(row[:3]): tuple(row[3:]) for row in table.iter_rows()}
    assert len(found) == table.height
    expected = by_hand(release, masked)
    assert set(found) == set(expected)
    for key, values in expected.items():
        assert found[key] == pytest.approx(values), key
    metrics = made.run.read_json("metrics.json")
    assert (metrics["incumbent"], metrics["bought"], metrics["since"]) == (release_id, bought, "2026-02-16")
    for one in metrics["metrics"]:
        place = ("recall@20", "ndcg@20").index(one["metric"])
        whole = [values[place] for (_, *which), values in expected.items() if which == [one["method"], "all"]]
        assert (one["value"], one["users"]) == (pytest.approx(np.mean(whole)), users)
    methods = [one["method"] for one in metrics["metrics"]]
    assert (
        methods[::2]
        == methods[1::2]
        == [*("daybreak", "in place", "popular", "own purchases", "own purchases, half-life 90 days")]
    )
    assert not made.run.path(".incumbent").exists()


def test_a_first_night_has_no_incumbent(spark, made):
    assert evaluate.run(spark, made)["incumbent"] is None
    methods = pl.read_parquet(f"{made.run.path('evaluation')}/*.parquet")["method"].unique().to_list()
    assert sorted(methods) == ["daybreak", "own purchases", "own purchases, half-life 90 days", "popular"]


def test_without_held_out_users_there_is_nothing_to_measure(spark, made, capsys):
    small_run.write(spark, made, small_run.items(ITEMS), small_run.events([("a", 1, 20.0), ("b", 2, 1.0)]))
    small_run.write_vectors(made, {"item_input": INPUTS, "item_vector": VECTORS, **FOLLOW}, PARAMETERS)
    nothing = {"users": 0, "since": "2026-02-16", "bought": "include", "incumbent": None}
    assert evaluate.run(spark, made) == nothing
    assert "nothing to measure" in capsys.readouterr().out


def test_of_many_users_always_the_same_sample_is_measured(spark):
    users = spark.createDataFrame([(f"u{n}",) for n in range(400)], "user_id string")
    one, other = ({row[0] for row in sample(users, 100).collect()} for _ in range(2))
    assert one == other
    assert 60 < len(one) < 140
    assert sample(users, 400).count() == 400
