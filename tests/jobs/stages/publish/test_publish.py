"""The last job of the night announces the release of its run, once that release has passed validation."""

from pathlib import Path

import pytest

import lookup
from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.releases.announce import rollback
from jobs.stages.build import job as build
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup import ReleaseError
from tests.releases import Sizes, config_at, write_run

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
    assert publish.run(None, config) == {"release": release_id}
    assert lookup.open(config.releases).release.id == release_id
    publish.run(None, config)  # again, without harm
    with pytest.raises(ReleaseError, match="nothing to roll back to"):
        rollback(config.releases)


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
