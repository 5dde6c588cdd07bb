"""The job `evaluate` on a small run, beside what the same lists score when they are made by hand."""

import dataclasses
import json

import numpy as np
import pytest

from jobs import evaluate
from jobs.evaluate.metrics import measure
from lookup.encoder import Encoder
from tests.jobs import small_run

ITEMS = 30
ENCODER = Encoder((7.0, float("inf")), (0.75, 0.25), 0.5, bias=4)
RNG = np.random.default_rng(5)
INPUTS = np.hstack([RNG.normal(size=(ITEMS, 4)), np.zeros((ITEMS, 1))]).astype(np.float32)
VECTORS = RNG.normal(size=(ITEMS, 5)).astype(np.float32)
# Training ended on the 16th of February, 14 days before the night: ages above 14 were known.
BEFORE = {"a": [(1, 20.0), (2, 30.0), (1, 40.0)], "b": [(3, 15.0)], "only before": [(4, 50.0)]}
AFTER = {"a": [(2, 3.0), (9, 4.0)], "b": [(3, 1.0)], "only after": [(5, 2.0)]}


@pytest.fixture
def made(spark, tmp_path):
    config = small_run.config(tmp_path)
    pairs = [(user, item, age) for part in (BEFORE, AFTER) for user, h in part.items() for item, age in h]
    small_run.write(spark, config, small_run.items(ITEMS), small_run.events(pairs))
    with config.run.replacing("vectors") as folder:
        folder.mkdir()
        np.save(folder / "item_input.npy", INPUTS)
        np.save(folder / "item_vector.npy", VECTORS)
        space = {"encoder": ENCODER.to_json(), "trained_until": "2026-02-16"}
        (folder / "space.json").write_text(json.dumps(space))
    return config


def by_hand(masked: bool) -> dict[str, tuple[float, float]]:
    lists, truth = {"daybreak": [], "own purchases": []}, []
    popular = [3, 1, 2, 4]  # one event of 15 - 14 days, two of 6 and 26, one of 16, one of 36
    for user in ("a", "b"):
        items, ages = zip(*BEFORE[user], strict=True)
        wanted = {item for item, _ in AFTER[user]} - (set(items) if masked else set())
        if not wanted:
            continue
        vector = ENCODER.user_vector(INPUTS[list(items)], np.asarray(ages) - 14, np.ones(len(items)))
        scores = VECTORS @ vector
        if masked:
            scores[list(items)] = -np.inf
        lists["daybreak"].append(np.argsort(-scores)[:20])
        own = [] if masked else list(dict.fromkeys(sorted(items, key=lambda i: (-items.count(i), i))))
        filled = [i for i in dict.fromkeys(own + popular) if not (masked and i in items)]
        lists["own purchases"].append(np.pad(filled, (0, 20 - len(filled)), constant_values=-1))
        truth.append(np.asarray(sorted(wanted)))
    return {name: tuple(part.mean() for part in measure(np.stack(found), truth)) for name, found in lists.items()}


@pytest.mark.parametrize(("bought", "masked", "users"), [("include", False, 2), ("exclude", True, 1)])
def test_metrics_are_those_made_by_hand(spark, made, bought, masked, users):
    config = dataclasses.replace(made, topk=dataclasses.replace(made.topk, bought=bought, popular=10))
    counts = evaluate.run(spark, config)
    assert counts["users"] == users
    written = made.run.read_json("metrics.json")["metrics"]
    found = {(m["method"], m["metric"]): m["value"] for m in written}
    for method, (recall, ndcg) in by_hand(masked).items():
        assert found[method, "recall@20"] == pytest.approx(recall)
        assert found[method, "ndcg@20"] == pytest.approx(ndcg)
    assert {m["method"] for m in written} == {"daybreak", "popular", "own purchases"}


def test_without_held_out_users_there_is_nothing_to_measure(spark, made, capsys):
    small_run.write(spark, made, small_run.items(ITEMS), small_run.events([("a", 1, 20.0), ("b", 2, 1.0)]))
    assert evaluate.run(spark, made) == {"users": 0, "since": "2026-02-16"}
    assert "nothing to measure" in capsys.readouterr().out
