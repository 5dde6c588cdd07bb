"""The job `train`: a model of the days before the held-out ones, by one process or two, used while it is recent."""

import dataclasses
import os
import shutil
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.learning import TrainConfig
from jobs.config.presets.settings import read
from jobs.config.shop import EventsConfig, ItemsConfig
from jobs.errors import DataError
from jobs.evaluation.tuning import kind
from jobs.infra.cluster import processes
from jobs.infra.frames import model_items
from jobs.infra.tables import EVENTS, ITEMS, SEQUENCES
from jobs.models.behaviour import fit as behaviour_fit
from jobs.models.behaviour import model_store
from jobs.models.behaviour.continuation import of_night
from jobs.models.behaviour.fit import fit_files
from jobs.stages.train.job import run
from lookup.errors import DaybreakError
from tests.ports import beyond_loopback, listening

NIGHT = date(2026, 3, 1)


def shop(folder: Path, night: date = NIGHT, **changed) -> Config:
    """Users who go round eleven items, one a day, until yesterday; since what NIGHT holds out began, only item 11."""
    settings = TrainConfig(dimensions=8, epochs=4, holdout_days=5, users_per_batch=4, **changed)
    config = Config(
        items=ItemsConfig(files="i", item_id="i"),
        events=[EventsConfig(files="e", user_id="u", item_id="i", time="t")],
        base=folder,
        date=night,
        train=settings,
    )
    rows = []
    for user in range(12):
        for ago in range(15, -(night - NIGHT).days, -1):
            time = datetime(2026, 3, 1, 12, tzinfo=UTC) - timedelta(days=ago)
            item = 11 if ago <= 5 else (user + 20 - ago) % 11
            rows.append((f"u{user}", item, "purchase", time, 1.0, time.date()))
    events = pl.DataFrame(rows, schema=["user_id", "item", "type", "time", "weight", "day"], orient="row")
    events = events.cast({"item": pl.Int32, "weight": pl.Float32, "time": pl.Datetime("us", "UTC")})
    config.run.path(EVENTS.name).mkdir(parents=True)
    events.write_parquet(config.run.path(EVENTS.name) / "part.parquet")
    config.run.path(ITEMS.name).mkdir()
    facts = {"category": [["Even" if n % 2 == 0 else "Odd"] for n in range(12)], "brand": [None] * 12}
    facts |= {"price": [float(n) if n else None for n in range(12)], "text": [f"thing {n // 3}" for n in range(12)]}
    items = pl.DataFrame({"item": range(12), "item_id": [f"i{n}" for n in range(12)], **facts})
    items.cast({"item": pl.Int32, "brand": pl.String}).write_parquet(config.run.path(ITEMS.name) / "part.parquet")
    return config


def test_a_model_knows_nothing_of_the_held_out_days(spark, tmp_path):
    config = shop(tmp_path)
    counts = run(spark, config)
    assert counts["trained_until"] == "2026-02-24"
    model = model_store.existing(config.models, NIGHT)
    table = pl.from_arrow(model_items(spark, model.path).toArrow()).sort("item_id")
    assert table["item_id"].to_list() == sorted(f"i{n}" for n in range(11))
    assert table["events"].sum() == 12 * 10
    assert {len(v) for v in table["input"]} == {8}
    # Item 11 and its price are of the held-out days; "thing" is a word of all.
    np.testing.assert_allclose(model.price_bounds, np.quantile(range(1, 11), np.arange(1, 10) / 10))
    names, _ = model.attributes()
    assert names == ["category=Even", "category=Odd"]
    assert counts["labels"] == 2
    assert not list(config.models.glob(".*"))


def test_a_recent_model_stays_until_it_is_old_or_a_full_night_comes(spark, tmp_path):
    config = shop(tmp_path)
    first = run(spark, config)["model"]
    assert run(spark, dataclasses.replace(config, full=True))["model"] == first  # equal to the last bit
    assert run(spark, config) == {"model": first, "trained": False}
    other = dataclasses.replace(config.train, seed=8)
    assert run(spark, dataclasses.replace(config, full=True, train=other))["model"] != first
    # A model of a later night is from the future for an earlier one.
    assert model_store.newest(config.models, NIGHT - timedelta(days=1)) is None


@pytest.fixture
def here(monkeypatch):
    """Run fits in this process, which is faster. A test below uses processes."""

    def fit(spark, config: Config, folder: Path) -> list[float]:
        files = sorted(config.run.path(SEQUENCES.name).glob("*.parquet"))
        return fit_files(files, folder, config.train, "cpu")

    monkeypatch.setattr("jobs.stages.train.job.fit_together", fit)


@pytest.mark.usefixtures("here")
def test_the_next_nights_continue_the_model_with_the_days_since(spark, tmp_path, capsys):
    first = run(spark, dataclasses.replace(shop(tmp_path), warm_start=True))
    assert 'from_scratch why="there is no model yet"' in capsys.readouterr().out
    assert first["continued_from"] is None
    config = shop(tmp_path, NIGHT + timedelta(days=4))
    warm = dataclasses.replace(config, warm_start=True)
    counts = run(spark, warm)
    assert (counts["continued_from"], counts["trained_until"], counts["items"]) == (first["model"], "2026-02-28", 12)
    assert f"continues model={first['model']}" in capsys.readouterr().out
    old, new = (model_store.newest(config.models, day) for day in (NIGHT, config.date))
    assert (new.id, new.continued_from, new.warm_starts) == (counts["model"], old.id, 1)
    assert (old.continued_from, old.warm_starts) == (None, 0)
    np.testing.assert_array_equal(new.price_bounds, old.price_bounds)  # so a price label means what it meant
    assert len(new.facts["losses"]) == config.train.warm_epochs
    # Item i11 is new; the others are near where they were, and not as a fit from scratch would have them.
    assert sorted(set(new.item_ids()) - set(old.item_ids())) == ["i11"]
    place = [new.item_ids().index(item) for item in old.item_ids()]
    before, after = old.weights()["own"], new.weights()["own"][:, place]
    assert 0 < np.abs(after - before).max() < 0.1 < np.abs(before).max()

    # Nothing is new for the same night, and the same numbers are found again.
    assert run(spark, warm) == {"model": new.id, "trained": False}
    shutil.rmtree(new.path)
    assert run(spark, warm)["model"] == new.id
    # Where the preset is left open, what continues a model of which nobody chose it keeps the settings.
    shutil.rmtree(new.path)
    assert run(spark, dataclasses.replace(warm, preset="auto"))["model"] == new.id
    # A full night trains from scratch, and so does one whose model would have another shape.
    assert run(spark, dataclasses.replace(config, full=True))["continued_from"] is None
    for found in config.models.glob(f"{config.date}-*"):
        shutil.rmtree(found)
    other = dataclasses.replace(config.train, dimensions=4)
    assert run(spark, dataclasses.replace(warm, train=other))["continued_from"] is None
    assert f'why="{old.id} has train.dimensions = 8, not 4"' in capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_nights_continue_as_often_as_the_settings_say(spark, tmp_path, capsys):
    found = []
    for nights in range(4):
        config = shop(tmp_path, NIGHT + timedelta(days=2 * nights), max_age_days=1, warm_starts=2)
        run(spark, config)
        found.append(model_store.existing(config.models, config.date).warm_starts)
    assert found == [0, 1, 2, 0]
    assert "was continued 2 times (train.warm_starts)" in capsys.readouterr().out


def dies_after_an_epoch(rank: int, work: processes.Work, count: int, gpu: bool) -> None:
    """What a process of a fit runs in the test below; the process imports it from here."""
    save = behaviour_fit.save

    def save_and_die(*given) -> None:
        save(*given)
        os.kill(os.getpid(), signal.SIGKILL)

    behaviour_fit.save = save_and_die
    processes._run(rank, work, count, gpu)


def test_two_killed_processes_continue_when_the_job_runs_again(spark, tmp_path, monkeypatch, capfd):
    config = shop(tmp_path, processes=2)
    with monkeypatch.context() as patched:
        patched.setattr(processes, "_run", dies_after_an_epoch)
        with pytest.raises(DaybreakError, match="signal 9 killed a process of the fit, perhaps for want of memory"):
            run(spark, config)
    assert model_store.newest(config.models, NIGHT) is None
    assert (config.models / f".{NIGHT}" / model_store.CHECKPOINT).exists()
    capfd.readouterr()
    with listening() as heard:
        resumed = run(spark, config)["model"]
    assert heard  # Spark and both processes
    assert beyond_loopback(heard) == []
    assert "train resumed epochs=1" in capfd.readouterr().out
    shutil.rmtree(config.models)
    assert run(spark, config)["model"] == resumed
    assert "resumed" not in capfd.readouterr().out
    model = model_store.existing(config.models, NIGHT)
    assert model.facts["losses"][-1] < model.facts["losses"][0]
    assert model.facts["items"] == 11


def test_a_shop_too_young_to_learn_from_gets_a_model_of_what_is_popular(spark, tmp_path, capsys):
    config = shop(tmp_path)
    young = dataclasses.replace(config, train=TrainConfig(dimensions=8, epochs=1, holdout_days=30))
    counts = run(spark, young)
    assert (counts["popular_only"], counts["users"], counts["items"]) == (True, 0, 12)
    assert "no user has events on two days before 2026-01-30" in capsys.readouterr().out
    model = model_store.existing(config.models, NIGHT)
    table = pl.from_arrow(model_items(spark, model.path).toArrow()).sort("events")
    assert table["bias"].is_sorted()
    assert table["bias"].n_unique() > 1
    assert not any(any(vector) for vector in table["input"].to_list())
    assert run(spark, young)["popular_only"]  # it is never recent enough to stay
    trained = run(spark, config)["model"]
    assert trained != counts["model"]
    assert model_store.existing(config.models, NIGHT).id == trained  # though both are of one day
    with pytest.raises(DataError, match="Earlier nights had more"):
        run(spark, dataclasses.replace(young, full=True))


@pytest.mark.usefixtures("here")
def test_a_night_chooses_the_preset_that_is_left_open_and_later_jobs_and_nights_keep_it(spark, tmp_path, monkeypatch):
    asked = []

    def choose(known, **given):
        asked.append(None if known is None else float(known.train.days.max()))
        return kind.ChosenKind("sequence", {"sequence": 0.5, "repeat": 0.25}, 12)

    monkeypatch.setattr(kind, "choose", choose)
    monkeypatch.setattr("jobs.stages.train.spark.sequences.DAYS", 3)
    small = {"dimensions": 8, "epochs": 1, "holdout_days": 5, "users_per_batch": 4}
    config = dataclasses.replace(shop(tmp_path), preset="auto", own={"train": small}, warm_start=True)
    counts = run(spark, config)
    # It looks at the three days before those that are held out, and learns from what is before.
    assert asked == [pytest.approx((NIGHT - date(1970, 1, 1)).days - 9 + 0.5)]
    assert (counts["preset"], counts["study"]["reached"]["sequence"]) == ("sequence", 0.5)
    model = model_store.existing(config.models, NIGHT)
    assert model.study == counts["study"]
    assert model.train.half_lives == read("sequence").train.half_lives
    assert (model.train.dimensions, model.train.holdout_days) == (8, 5)
    assert of_night(config).train == model.train
    # The next night continues the model, and asks no more.
    later = shop(tmp_path, NIGHT + timedelta(days=4))
    later = dataclasses.replace(later, preset="auto", own=config.own, warm_start=True)
    assert run(spark, later)["continued_from"] == model.id
    assert len(asked) == 1
