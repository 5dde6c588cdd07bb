"""The last job of the night announces the release of its run, once that release has passed validation."""

import os
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

import lookup
from jobs.config.config import Config
from jobs.config.shop import ShopConfig
from jobs.errors import MissingStepError, ValidationError
from jobs.releases.announce import refuse_older, rollback
from jobs.releases.prune_work import prune_models, prune_runs
from jobs.stages.build import job as build
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup import ReleaseError
from lookup.release import pointer
from tests.releases import config_at, make_release
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=30, users=10)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    return config


def damage(folder: Path, release_id: str) -> None:
    path = folder / release_id / "arrays" / "item_vector.npy"
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)


def test_the_run_is_announced(config: Config) -> None:
    release_id = build.run(None, config)["release"]
    with pytest.raises(MissingStepError, match="daybreak job validate"):
        publish.run(None, config)
    validate.run(None, config)
    assert not (config.releases / "CURRENT").exists()
    assert publish.run(None, config) == {"release": release_id, "folders_removed": 0, "mib_removed": 0}
    assert lookup.open(config.releases).release.id == release_id
    publish.run(None, config)  # again, without harm
    with pytest.raises(ReleaseError, match="nothing to roll back to"):
        rollback(config.releases)


def test_an_older_night_is_published_over_a_newer_one_only_where_somebody_asks(config: Config) -> None:
    make_release(config.base, seed=6, sizes=SIZES, night=config.date + timedelta(days=1))
    newer = pointer.read(config.releases)
    older = build.run(None, config)["release"]
    validate.run(None, config)
    with pytest.raises(ValidationError, match=rf"{newer} serves.*daybreak job publish --date {config.date} --older"):
        publish.run(None, config)
    assert pointer.read(config.releases) == newer
    publish.run(None, replace(config, older=True))
    assert pointer.read(config.releases) == older
    publish.run(None, config)  # the same night again is no older one


def test_a_night_gives_way_to_one_that_is_published_meanwhile(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_release(config.base, seed=5, sizes=SIZES, night=config.date - timedelta(days=1))
    newer = make_release(config.base, seed=6, sizes=SIZES, night=config.date + timedelta(days=1), announced=False)
    build.run(None, config)
    validate.run(None, config)

    def meanwhile(releases: Path, night: date) -> str | None:
        serves = refuse_older(releases, night)
        pointer.announce(releases, newer)
        return serves

    monkeypatch.setattr(publish, "refuse_older", meanwhile)
    with pytest.raises(ReleaseError, match=f"it names {newer} now, and named {first} when this publish began"):
        publish.run(None, config)
    assert pointer.read(config.releases) == newer


def test_old_runs_and_models_are_removed_by_the_declared_numbers(config: Config) -> None:
    build.run(None, config)
    validate.run(None, config)
    days = [config.date - timedelta(days=n) for n in (9, 8, 7, 2, 1)]
    for day in days:
        (config.work / "runs" / day.isoformat() / "items").mkdir(parents=True)
        (config.models / f"{day}-abcd").mkdir(parents=True)
    for name in (f".{days[0]}", f".{config.date}", ".pruning-2020-01-01-dead"):
        (config.models / name).mkdir()
    (config.work / "runs" / "mine").mkdir()
    shop = ShopConfig(keep_runs=2, keep_models=1)
    removed = publish.run(None, replace(config, shop=shop))["folders_removed"]
    assert {path.name for path in (config.work / "runs").iterdir()} == {f"{config.date}", f"{days[-1]}", "mine"}
    assert {path.name for path in config.models.iterdir()} == {f"{days[-1]}-abcd", f".{config.date}"}
    assert removed == 4 + 4 + 1


def test_a_backfill_keeps_its_own_run_and_its_own_model(config: Config) -> None:
    for n in range(1, 5):
        later = config.date + timedelta(days=n)
        (config.work / "runs" / later.isoformat()).mkdir(parents=True)
        (config.models / f"{later}-abcd").mkdir(parents=True)
    (config.models / f"{config.date}-abcd").mkdir(parents=True)
    assert len(prune_runs(config, 2)) == 2
    assert len(prune_models(config, 2)) == 2
    assert config.run.root.exists()
    assert (config.models / f"{config.date}-abcd").exists()


def test_the_validation_of_another_release_does_not_count(config: Config) -> None:
    build.run(None, config)
    validate.run(None, config)
    rebuilt = build.run(None, config)["release"]
    with pytest.raises(MissingStepError, match=f"release {rebuilt} has not been validated"):
        publish.run(None, config)


def test_damaged_since_its_validation(config: Config) -> None:
    release_id = build.run(None, config)["release"]
    validate.run(None, config)
    damage(config.releases, release_id)
    with pytest.raises(ReleaseError, match=r"item_vector\.npy: damaged"):
        publish.run(None, config)
    assert not (config.releases / "CURRENT").exists()


def test_what_nights_took_over_is_removed_with_the_encoders_that_made_it(config: Config) -> None:
    build.run(None, config)
    validate.run(None, config)
    for age in range(5):
        for name in (
            f"vectors/texts-{age}/encoder.json",
            f"lists/similar-{age}/1/files.json",
            f"spaces/{age}.npz",
            f"rankers/{age}/ranker.json",
        ):
            path = config.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (time.time() - age * 90_000,) * 2)
    (config.work / "vectors" / "queries-9").mkdir()
    publish.run(None, replace(config, shop=ShopConfig(keep_models=2)))
    for folder, names in (("vectors", "texts-{}"), ("lists", "similar-{}"), ("spaces", "{}.npz"), ("rankers", "{}")):
        left = {path.name for path in (config.work / folder).iterdir()} - {"queries-9"}
        assert left == {names.format(age) for age in range(2)}
