"""A release that is as it should be passes; each fault is found, by name, and nothing is announced."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.config.config import Config
from jobs.config.release import TopKConfig
from jobs.errors import MissingStepError, ValidationError
from jobs.infra.vector_store import FOLDER, VectorStore, VectorWriter, array_path
from jobs.ranking import index_choice
from jobs.stages.build import job as build
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup import ReleaseError
from lookup.release import manifest, pointer
from tests.releases import config_at, rewrite
from tests.run_tables import NIGHT, Sizes, write_run

SIZES = Sizes(items=50, users=30)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    return config


def verdict(config: Config) -> str:
    """Build and validate what must not pass; the message."""
    build.run(None, config)
    with pytest.raises(ValidationError) as raised:
        validate.run(None, config)
    written = config.run.read_json("validation.json")
    assert written["ok"] is False
    for finding in written["findings"]:
        if not finding["ok"]:
            assert (finding["name"] in str(raised.value)) == (finding["kind"] != "warning")
    with pytest.raises(ValidationError, match=f"release {written['id']} is held"):
        publish.run(None, config)
    return str(raised.value)


def test_a_good_release_passes(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    release_id = build.run(None, config)["release"]
    counts = validate.run(None, config)
    written = config.run.read_json("validation.json")
    assert written["id"] == release_id == counts["release"]
    assert written["ok"] is True
    assert len(written["findings"]) == counts["checks"] > 40
    lines = [line for line in capsys.readouterr().out.splitlines() if " validate ok " in line]
    measured = [f["name"] for f in written["findings"] if f["found"] != f["expected"]]
    assert [line.partition('name="')[2].partition('"')[0] for line in lines] == measured
    assert "users with a full list in user_topk" in measured


def test_before_a_build(config: Config) -> None:
    with pytest.raises(MissingStepError, match="daybreak job build"):
        validate.run(None, config)


def test_a_damaged_release_is_refused(config: Config) -> None:
    path = config.releases / build.run(None, config)["release"] / "arrays" / "user_topk_score.npy"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match=r"user_topk_score\.npy: damaged"):
        validate.run(None, config)


def _set(column: str, place: int, value: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: rows[3][column].__setitem__(place, value)


@pytest.mark.parametrize(
    ("table", "change", "fault"),
    [
        ("user_topk", lambda r: r[3]["items"].__setitem__(4, r[3]["items"][5]), "user_topk items twice in a list: 1"),
        ("item_topk", lambda r: r[3]["scores"].reverse(), "item_topk scores that rise: 4"),
        ("user_topk", _set("scores", 0, float("nan")), "user_topk scores that are not finite: 1"),
        ("user_again", _set("scores", 0, float("inf")), "user_again scores that are not finite: 1"),
        ("popular", lambda r: [x["items"].__setitem__(0, 50) for x in r], "popular unknown items: 5"),
        ("user_topk", _set("items", 3, -1), "user_topk entries after the end: 2"),
        ("user_topk", _set("items", 3, -5), "user_topk unknown items: 1"),
        ("user_topk", lambda r: r[3].update(scores=[s + 1 for s in r[3]["scores"]]), "user_topk scores against u . v"),
        ("user_topk", lambda r: r.pop(), "users with a full list in user_topk: 0.9667 found, 0.99 or more expected"),
        ("user_unseen", lambda r: r.pop(), "users with a full list in user_unseen: 0.9667 found"),
        ("user_unseen", lambda r: [x.update(items=list(range(10))) for x in r], "user_unseen items that it leaves out"),
        ("user_vectors", _set("items", 0, -2), "user_history_item unknown items: 1"),
        ("user_vectors", _set("vector", 2, float("nan")), "user_vector numbers that are not finite: 1"),
    ],
)
def test_faults_are_found(
    config: Config, table: str, change: Callable[[list[dict[str, Any]]], object], fault: str
) -> None:
    rewrite(config, table, change)
    assert fault in verdict(config)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("item_next_item", 50, "item_next_item unknown items: 1"),
        ("item_next_item", -2, "item_next_item unknown items: 1"),
        ("item_next_weight", np.nan, "item_next_weight numbers that are not finite: 1"),
        ("item_repeat", np.inf, "item_repeat numbers that are not finite: 1"),
        ("label_vector", np.nan, "label_vector numbers that are not finite: 1"),
        ("label_map", np.inf, "label_map numbers that are not finite: 1"),
    ],
)
def test_faults_of_arrays_are_found(config: Config, name: str, value: float, fault: str) -> None:
    path = array_path(config.run.path(FOLDER), name)
    array = np.load(path)
    array.flat[0] = value  # item 0 has no followers
    np.save(path, array)
    assert fault in verdict(config)


@pytest.mark.parametrize("what", ["shares", "repeats", "repeat_weight", "kept_share", "item_repeat"])
def test_scores_are_held_against_what_the_history_adds(config: Config, what: str) -> None:
    """Lists were made with other numbers than the release says."""
    if what in {"shares", "repeats"}:
        rewrite(config, "user_vectors", lambda rows: [row.update({what: [9.0] * 4}) for row in rows])
    elif what == "item_repeat":
        path = array_path(config.run.path(FOLDER), "item_repeat")
        np.save(path, np.load(path) + np.float32(0.5))
    else:
        store = VectorStore.of(config.run)
        parameters = replace(store.score_parameters, **{what: getattr(store.score_parameters, what) + 0.5})
        VectorWriter(store.folder).space(replace(store.space, score_parameters=parameters))
    assert "user_topk scores against u . v" in verdict(config)


def test_nulls_are_found(config: Config) -> None:
    rewrite(config, "items", lambda r: [row.update(in_stock=None) for row in r[:7]])
    assert "nulls items.in_stock: 7 found, 0 expected" in verdict(config)


def test_a_run_that_changed_since_is_found(config: Config) -> None:
    """The release is held against the tables of the run, not against itself."""
    build.run(None, config)
    rewrite(config, "item_topk", lambda r: r.pop())
    with pytest.raises(ValidationError, match="count item_topk: 250 found, 245 expected; count catalog item_topk: 250"):
        validate.run(None, config)


def test_a_search_that_finds_too_little_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_choice, "microseconds", lambda one, _: 9.0 if one.func is index_choice.scan else 1.0)
    sizes = Sizes(items=4000, users=50)
    config = config_at(tmp_path, sizes=sizes)
    config = replace(config, build=replace(config.build, recall=0.2, annoy_trees=2))
    write_run(config, 5, sizes)
    assert "search recall@20: 0." in verdict(config)


@pytest.mark.parametrize("bought", ["include", "exclude"])
def test_full_lists_without_what_was_bought(tmp_path: Path, bought: str) -> None:
    """In a shop of 12 items, a list of 10 without the 4 that were bought cannot be longer than 8."""
    sizes = Sizes(items=12, users=30, k=8, popular=8)
    config = replace(config_at(tmp_path, sizes=sizes), topk=TopKConfig(k=10, bought=bought))
    write_run(config, 5, sizes)
    if bought == "include":
        assert "users with a full list in user_topk: 0.0000" in verdict(config)
    else:
        build.run(None, config)
        assert validate.run(None, config)["checks"] > 40


def next_night(config: Config, sizes: Sizes) -> Config:
    """Announce the release of this night, and write the tables of the next."""
    build.run(None, config)
    validate.run(None, config)
    publish.run(None, config)
    after = replace(config, date=NIGHT + timedelta(days=1))
    write_run(after, 6, sizes)
    return after


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        (replace(SIZES, items=34), "items against {id}: 34 found, 35 or more expected"),
        (replace(SIZES, users=20), "users against {id}: 20 found, 21 or more expected"),
        (replace(SIZES, events=275), "events against {id}: 275 found, 280 or more expected"),
    ],
)
def test_smaller_than_the_incumbent(config: Config, sizes: Sizes, fault: str) -> None:
    after = next_night(config, sizes)
    assert fault.format(id=pointer.read(config.releases)) in verdict(after)


def test_as_good_as_the_incumbent(config: Config) -> None:
    before = next_night(config, replace(SIZES, items=36, users=22, events=290))
    first = pointer.read(config.releases)
    build.run(None, before)
    validate.run(None, before)
    names = [finding["name"] for finding in before.run.read_json("validation.json")["findings"]]
    assert {f"{what} against {first}" for what in ("items", "users", "events")} <= set(names)
    publish.run(None, before)
    # Validated again when it serves itself: still held against the one before it.
    validate.run(None, before)
    assert [f["name"] for f in before.run.read_json("validation.json")["findings"]] == names


def test_a_lost_metric_is_a_fault(config: Config) -> None:
    after = next_night(config, SIZES)
    after.run.write_json("metrics.json", {"metrics": []})
    assert "ndcg@20 measured: none found, a number expected" in verdict(after)


def test_a_damaged_incumbent_does_not_stop_the_next(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    after = next_night(config, replace(SIZES, users=5))
    path = config.releases / pointer.read(config.releases) / manifest.FILE
    path.write_text(json.dumps({}))
    build.run(None, after)
    validate.run(None, after)
    assert f'validate not compared why="{path}' in capsys.readouterr().out
    publish.run(None, after)


def test_sample_of_every_size() -> None:
    from jobs.stages.validate.check_release import sample

    for size in (0, 1, 199, 200, 201, 100_000):
        rows = sample(size)
        assert len(rows) == min(size, 200)
        assert len(np.unique(rows)) == len(rows)
        assert all(0 <= row < size for row in rows)


def write_days(config: Config, counts: dict[str, list[int]]) -> None:
    """Replace the events of a run: of each type so many a day, the last the day before the night."""
    path = config.run.path("events")
    for file in path.glob("*.parquet"):
        file.unlink()
    days = len(next(iter(counts.values())))
    for n in range(days):
        kinds = [kind for kind, series in counts.items() for _ in range(series[n])]
        columns = {
            "user_id": [f"user-{row % 7}" for row in range(len(kinds))],
            "item": pa.array([row % 50 for row in range(len(kinds))], pa.int32()),
            "type": pa.array(kinds, pa.string()),
            "day": pa.array([config.date - timedelta(days=days - n)] * len(kinds), pa.date32()),
        }
        pq.write_table(pa.table(columns), path / f"part-{n}.parquet")


def drifts(config: Config) -> dict[str, str]:
    """What drifted, and what was found of it."""
    findings = config.run.read_json("validation.json")["findings"]
    return {f["name"]: f["found"] for f in findings if not f["ok"] and f["kind"] == "warning"}


def test_drift_is_said_and_published(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """A column gone null, prices × 100 and a type that is gone: warnings, from the catalogs of both releases."""
    after = next_night(config, SIZES)
    first = pointer.read(config.releases)

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row.update(brand=None, price=row["price"] and row["price"] * 100)

    rewrite(after, "items", change)
    write_days(after, {"view": [40] * 36, "cart": [30] * 35 + [0]})
    build.run(None, after)
    counts = validate.run(None, after)
    found = drifts(after)
    assert counts["drift"] == len(found) == 5
    assert found[f"items without brand, against {first}"] == "100.0%"
    assert found["events of type cart, last day"] == "0"
    assert f"prices (5, 50, 95 %) against {first}" in found
    assert f'validate drift name="items without brand, against {first}"' in capsys.readouterr().out
    publish.run(None, after)


def test_a_steady_shop_does_not_drift(config: Config) -> None:
    after = next_night(config, SIZES)
    write_days(after, {"view": [40, 42, 39, 38, 44, 60, 20] * 5, "cart": [20] * 35})
    build.run(None, after)
    assert validate.run(None, after)["drift"] == 0
    names = [finding["name"] for finding in after.run.read_json("validation.json")["findings"]]
    assert {"events of the last day", "events of type cart, last day", "users of type view, last 7 days"} <= set(names)


def test_a_day_that_did_not_arrive_holds_the_release_but_for_the_first(config: Config) -> None:
    write_days(config, {"view": [40] * 35 + [3]})
    after = next_night(config, SIZES)
    assert drifts(config)["events of the last day"] == "3"
    write_days(after, {"view": [40] * 35 + [3]})
    said = "events of the last day: 3 found, 4 or more (about 40 are usual on a Sunday) expected"
    assert said in verdict(after)
