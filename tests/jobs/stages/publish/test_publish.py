import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import lookup
from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.stages.build import job as build
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup import ReleaseError
from lookup.release import pointer
from tests.releases import NIGHT, Sizes, config_at, make_release, write_run

SIZES = Sizes(items=30, users=10)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    base = tmp_path_factory.mktemp("publish")
    ids = [make_release(base, seed=n, sizes=SIZES, night=NIGHT + timedelta(days=n), announced=False) for n in range(3)]
    return base / "releases", ids


@pytest.fixture
def folder(three: tuple[Path, list[str]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(three[0], tmp_path / "releases"))


@pytest.fixture
def ids(three: tuple[Path, list[str]]) -> list[str]:
    return three[1]


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
        publish.rollback(config.releases)


def test_the_validation_of_another_release_does_not_count(config: Config) -> None:
    build.run(None, config)
    validate.run(None, config)
    rebuilt = build.run(None, config)["release"]
    with pytest.raises(MissingStepError, match=f"release {rebuilt} has not passed validation"):
        publish.run(None, config)


def test_damaged_since_its_validation(config: Config) -> None:
    release_id = build.run(None, config)["release"]
    validate.run(None, config)
    damage(config.releases, release_id)
    with pytest.raises(ReleaseError, match=r"item_vector\.npy: damaged"):
        publish.run(None, config)
    assert not (config.releases / "CURRENT").exists()


def test_announced_and_rolled_back(folder: Path, ids: list[str]) -> None:
    for release_id in ids:
        publish.announce(folder, release_id)
    assert publish.rollback(folder) == ids[1] == pointer.read(folder)
    assert publish.rollback(folder) == ids[0] == pointer.read(folder)
    with pytest.raises(ReleaseError, match="nothing to roll back to"):
        publish.rollback(folder)
    assert pointer.read(folder) == ids[0]


def test_a_damaged_release_is_neither_announced_nor_rolled_back_to(folder: Path, ids: list[str]) -> None:
    publish.announce(folder, ids[0])
    publish.announce(folder, ids[1])
    damage(folder, ids[0])
    damage(folder, ids[2])
    for call in (lambda: publish.announce(folder, ids[2]), lambda: publish.rollback(folder)):
        with pytest.raises(ReleaseError, match=r"item_vector\.npy: damaged"):
            call()
        assert pointer.read(folder) == ids[1]
    with pytest.raises(ReleaseError, match="there is no such release"):
        publish.announce(folder, "20200101T000000Z-0000")


def test_listed_newest_first(folder: Path, ids: list[str]) -> None:
    publish.announce(folder, ids[1])
    (folder / ids[0] / "items.ann").unlink()
    (folder / ".building-20200101T000000Z-0000").mkdir()
    rows = publish.releases(folder)
    assert [row.id for row in rows] == sorted(ids, reverse=True)
    assert [row.id for row in rows if row.current] == [ids[1]]
    by_id = {row.id: row for row in rows}
    assert "items.ann" in str(by_id[ids[0]].problem)
    assert "DAMAGED" in str(by_id[ids[0]])
    assert str(by_id[ids[1]]) == f"* {ids[1]}  night of 2026-11-23, 30 items, 10 users"


def test_a_current_release_that_is_gone_is_listed(folder: Path, ids: list[str]) -> None:
    publish.announce(folder, ids[2])
    shutil.rmtree(folder / ids[2])
    row = next(row for row in publish.releases(folder) if row.current)
    assert row.id == ids[2]
    assert "there is no such release" in str(row)


def test_no_releases_yet(tmp_path: Path) -> None:
    assert publish.releases(tmp_path / "none") == []
