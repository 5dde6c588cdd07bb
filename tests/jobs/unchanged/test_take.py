"""A job is taken over where all that its result depends on is the same to the last bit, and only there."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.config.config import Config
from jobs.infra.runs import MADE_BY, MADE_FROM, MARK
from jobs.stages.build import job as build
from jobs.unchanged import facts, records, take
from jobs.unchanged.facts import TAKEN, facts_of
from jobs.unchanged.mirror import serves_the_same
from lookup.release import pointer
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

RECEIPT = {"peak_mib": 1, "seconds": 1.0, "ended": "2026-11-22T03:00:00+00:00", "found": 7}
SMALL = Sizes(items=12, users=6, events=40)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A night that has ended. Its lists are random ones, so nobody makes them again."""
    monkeypatch.setattr(take, "differs", lambda config: None)
    monkeypatch.setattr(facts, "newest", lambda models, day: SimpleNamespace(id="m1"))
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    for name in ("items", "events"):
        (tmp_path / f"{name}.csv").write_text(f"id,title\n1,{name}\n")
    made = config_at(tmp_path, sizes=SMALL)
    made = replace(made, embed=replace(made.embed, model=str(model)))
    write_run(made, 1, SMALL)
    for job in TAKEN:
        made.run.write_json(
            f"receipts/{job}.json",
            RECEIPT | {"job": job},
        )
        assert take.remember(job, made, facts_of(job, made))["dropped"] == 0
    return made


def next_night(config: Config) -> Config:
    return replace(config, date=config.date + timedelta(days=1))


def taken(config: Config) -> list[str]:
    """The jobs that are taken over, of all in order; the others make nothing."""
    return [job for job in TAKEN if take.take_over(job, config)[0] is not None]


def test_a_night_with_nothing_new_takes_everything_over(config: Config) -> None:
    night = next_night(config)
    counts, _ = take.take_over("ingest", night)
    rows = sum(records.read("ingest", config.run).rows.values())  # type: ignore[union-attr]
    assert counts == {"found": 7, "taken_over_from": "2026-11-22", "new": 0, "taken_over": rows, "dropped": 0}
    assert taken(night) == list(TAKEN)
    for name in (
        name for name, job in MADE_BY.items() if job in TAKEN and name != "receipts" and config.run.path(name).is_dir()
    ):
        old, new = (sorted((one.run.root / name).iterdir()) for one in (config, night))
        assert [path.read_bytes() for path in old] == [path.read_bytes() for path in new]
    assert night.run.existing("user_topk")  # it was made from what stands there now
    assert taken(next_night(night)) == list(TAKEN)  # and so does the night after it


def test_the_same_night_again_leaves_what_is_there(config: Config) -> None:
    before = {path: path.stat().st_ino for path in config.run.root.rglob("*.parquet")}
    assert taken(config) == list(TAKEN)
    assert {path: path.stat().st_ino for path in config.run.root.rglob("*.parquet")} == before


def other_file(config: Config) -> Config:
    (config.base / "events.csv").write_text("id,title\n1,other\n")
    return config


def other_setting(config: Config) -> Config:
    return replace(config, topk=replace(config.topk, k=config.topk.k + 1))


def other_text_model(config: Config) -> Config:
    Path(config.embed.model, "config.json").write_text('{"more": 1}')
    return config


def damaged(config: Config) -> Config:
    path = next(config.run.path("items").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    return config


def of_later_days(config: Config) -> Config:
    config.run.write_json("receipts/ingest.json", {"job": "ingest", "ended": "2026-11-22T03:00:00", "later_events": 1})
    return config


def of_the_day(config: Config) -> Config:
    events = [replace(one, where="t > current_date() - 30") for one in config.events]
    other = replace(config, events=events)
    for job in TAKEN:
        take.remember(job, config, facts_of(job, other))
    return other


CHANGES: list[Callable[[Config], Config]] = [
    *(other_file, other_setting, other_text_model, damaged, of_later_days, of_the_day),
    lambda config: replace(config, full=True),
    lambda config: replace(config, warm_start=True),
]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_taken_over_where_the_inputs_may_be_others(
    config: Config, change: Callable[[Config], Config]
) -> None:
    assert taken(next_night(change(config))) == []


@pytest.mark.parametrize(("days", "kept"), [(7, True), (8, False)])
@pytest.mark.parametrize(("job", "said"), [("train_ranker", "fitted"), ("index_search", "encoder_learned")])
def test_what_a_job_learned_too_long_ago_is_not_taken_over(
    config: Config, job: str, said: str, days: int, kept: bool
) -> None:
    night = next_night(config)
    learned = {said: (night.date - timedelta(days=days)).isoformat()}
    config.run.write_json(f"receipts/{job}.json", RECEIPT | {"job": job} | learned)
    assert taken(night) == [name for name in TAKEN if kept or name != job]


def test_nothing_is_taken_over_by_other_code(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "code", lambda: "other")
    assert taken(next_night(config)) == []


def test_a_failed_check_of_users_ends_taking_over(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(take, "differs", lambda config: "user_topk: a list differs")
    assert taken(next_night(config)) == []
    assert "not-taken-over" in capsys.readouterr().out
    assert not config.run.path(records.FOLDER).exists()


def test_a_file_that_changes_while_a_job_runs_leaves_no_record(config: Config) -> None:
    before = facts_of("ingest", config)
    other_file(config)
    assert take.remember("ingest", config, before) == {}
    assert records.read("ingest", config.run) is None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(anew=st.sets(st.sampled_from(["items", "events", "vectors", "user_vectors", "user_topk"])))
def test_a_job_is_taken_over_where_it_reads_no_table_that_was_made_anew(
    config: Config, tmp_path_factory: pytest.TempPathFactory, anew: set[str]
) -> None:
    """anew: tables that the night makes otherwise before the jobs look."""
    run = replace(config.run, root=tmp_path_factory.mktemp("nights") / "2026-11-23")
    for name in MADE_BY:
        run.take_over(name, config.run)
    for name in anew:
        mark = run.path(name) / MARK
        other = json.dumps({**json.loads(mark.read_text()), "id": "other"})
        mark.unlink()  # a link to that of the night before
        mark.write_text(other)
    for job in TAKEN:
        own = records.tables_of(job)
        read = {name for made in own for name in MADE_FROM.get(made, ()) if name not in own}
        record = records.read(job, config.run)
        assert record is not None
        assert (record.inputs == records.inputs_of(job, run)) == read.isdisjoint(anew)


def test_a_release_with_the_vectors_of_the_run_is_measured_as_the_run(config: Config) -> None:
    """On the first night it served nobody; on the next one it is the incumbent, of which all is known."""
    rows = {"user_id": ["a", "a"], "method": ["daybreak", "popular"], "slice": ["all"] * 2, "recall": [0.5, 0.25]}
    with config.run.replacing("evaluation") as folder:
        folder.mkdir()
        pl.DataFrame({**rows, "ndcg": [0.5, 0.25]}).write_parquet(folder / "part-0.parquet")
    take.remember("evaluate", config, facts_of("evaluate", config))
    release = build.run(None, config)["release"]
    pointer.announce(config.releases, release)
    night = next_night(config)
    assert taken(night) == list(TAKEN)
    found = pl.read_parquet(f"{night.run.path('evaluation')}/*.parquet")
    assert dict(zip(found["method"], found["recall"], strict=True)) == {
        "daybreak": 0.5,
        "in place": 0.5,
        "popular": 0.25,
    }
    said = night.run.read_json("metrics.json")
    assert said["incumbent"] == release
    assert [one["method"] for one in said["metrics"]] == ["daybreak"] * 2 + ["in place"] * 2 + ["popular"] * 2
    vectors = np.load(night.run.path("vectors") / "item_vector.npy")
    np.save(config.run.path("vectors") / "item_vector.npy", vectors + 1)
    assert not serves_the_same(config)
