"""Releases are announced, rolled back and listed; a damaged one is never announced."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.releases.announce import announce, releases, rollback
from lookup import ReleaseError
from lookup.release import pointer
from tests.releases import make_release
from tests.run_tables import NIGHT, Sizes

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


def damage(folder: Path, release_id: str) -> None:
    path = folder / release_id / "arrays" / "item_vector.npy"
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)


def test_announced_and_rolled_back(folder: Path, ids: list[str]) -> None:
    for release_id in ids:
        announce(folder, release_id)
    assert rollback(folder) == ids[1] == pointer.read(folder)
    assert rollback(folder) == ids[0] == pointer.read(folder)
    with pytest.raises(ReleaseError, match="nothing to roll back to"):
        rollback(folder)
    assert pointer.read(folder) == ids[0]


def test_a_damaged_release_is_neither_announced_nor_rolled_back_to(folder: Path, ids: list[str]) -> None:
    announce(folder, ids[0])
    announce(folder, ids[1])
    damage(folder, ids[0])
    damage(folder, ids[2])
    for call in (lambda: announce(folder, ids[2]), lambda: rollback(folder)):
        with pytest.raises(ReleaseError, match=r"item_vector\.npy: damaged"):
            call()
        assert pointer.read(folder) == ids[1]
    with pytest.raises(ReleaseError, match="there is no such release"):
        announce(folder, "20200101T000000Z-0000")


def test_listed_newest_first(folder: Path, ids: list[str]) -> None:
    announce(folder, ids[1])
    (folder / ids[0] / "items.ann").unlink()
    (folder / ".building-20200101T000000Z-0000").mkdir()
    rows = releases(folder)
    assert [row.id for row in rows] == sorted(ids, reverse=True)
    assert [row.id for row in rows if row.current] == [ids[1]]
    by_id = {row.id: row for row in rows}
    assert "items.ann" in str(by_id[ids[0]].problem)
    assert "DAMAGED" in str(by_id[ids[0]])
    assert str(by_id[ids[1]]) == f"* {ids[1]}  night of 2026-11-23, 30 items, 10 users"


def test_a_current_release_that_is_gone_is_listed(folder: Path, ids: list[str]) -> None:
    announce(folder, ids[2])
    shutil.rmtree(folder / ids[2])
    row = next(row for row in releases(folder) if row.current)
    assert row.id == ids[2]
    assert "there is no such release" in str(row)


def test_no_releases_yet(tmp_path: Path) -> None:
    assert releases(tmp_path / "none") == []
