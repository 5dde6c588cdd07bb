"""A host fetches only the shards that it serves."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookup
from lookup.errors import ReleaseError
from lookup.release.check import CACHE
from lookup.release.shards.routing import Served
from lookup.travel.__main__ import main
from lookup.travel.fetch import fetch
from lookup.travel.follow import StoreFollower
from lookup.travel.store import Store
from tests.lookup.conftest import Two
from tests.lookup.reshard import reshard
from tests.lookup.travel.stored import put_release

USERS = [f"user-{n}" for n in range(40)]
SERVED = Served((0, 2), 3)


@pytest.fixture(autouse=True)
def _nothing_is_known_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, "")


@pytest.fixture
def store(built: Two, tmp_path: Path) -> Store:
    """A release of three shards is in it."""
    store = Store(f"file://{tmp_path / 'store'}")
    made = reshard(built.releases / built.new, tmp_path / "built", 3)
    put_release(store, tmp_path / "built" / made)
    return store


def files(releases: Path) -> set[str]:
    (release,) = (path for path in releases.iterdir() if path.name.startswith("2"))
    return {str(path.relative_to(release)) for path in release.rglob("*") if path.is_file()}


def test_what_is_of_other_shards_and_the_catalog_stay_in_the_store(store: Store, tmp_path: Path) -> None:
    host = tmp_path / "host"
    done = fetch(store, host, served=SERVED)
    assert (done.new, done.shards) == (True, 3)
    every = files(tmp_path / "built")
    left = {name for name in every if name.startswith("arrays/shard-001/") or name == "catalog.duckdb"}
    assert files(host) == every - left
    assert fetch(store, host, served=SERVED).new is False
    shop = lookup.open(host, shards=[0, 2], verify=True)
    whole = lookup.open(tmp_path / "built")
    for user in filter(shop.serves, USERS):
        assert shop.recommend(user, 5) == whole.recommend(user, 5)
    shop.close()
    with pytest.raises(ReleaseError, match=r"shard-001/.*it is missing.*say which: shards=\[…\], of=3"):
        lookup.open(host)


def test_a_host_that_is_to_serve_more_fetches_the_rest(store: Store, tmp_path: Path) -> None:
    host = tmp_path / "host"
    first = fetch(store, host, served=Served((0,), 3))
    before = files(host)
    reader = lookup.open(host, shards=[0])
    with pytest.raises(ReleaseError, match="read"):  # what a process reads stays as it is
        fetch(store, host, served=SERVED)
    reader.close()
    del reader
    done = fetch(store, host, served=SERVED)
    assert files(host) - before == {name for name in files(host) if "shard-002" in name} != set()
    assert done.bytes_moved < first.bytes_moved / 2  # what was here stayed
    fetch(store, host, served=Served((2,), 3))  # fewer: nothing goes until the next release
    assert lookup.open(host, shards=[2]).problem is None


def test_a_follower_follows_another_number_of_shards(store: Store, built: Two, tmp_path: Path) -> None:
    host = tmp_path / "host"
    follower = StoreFollower(store.url, host, keep=1, served=Served((1,)))
    assert follower.once() is not None
    shop = lookup.open(host, shards=[1])
    mine = [user for user in USERS if shop.serves(user)]
    later = reshard(built.releases / built.new, tmp_path / "built", 2, number=1)
    put_release(store, tmp_path / "built" / later)
    done = follower.once()
    assert done is not None, follower.problem
    assert done.id == later
    shop._live.look()
    assert (shop.release.id, shop.problem) == (later, None)
    assert mine
    assert not any(hit.source == "elsewhere" for user in mine for hit in shop.recommend(user, 3))
    shop.close()


@pytest.fixture
def _as_before() -> Iterator[None]:
    """The command changes the process that it is: its umask and its log."""
    log, mask = logging.getLogger("lookup"), os.umask(0o077)
    before = log.handlers[:], log.propagate, log.level
    yield
    os.umask(mask)
    log.handlers[:], log.propagate, log.level = before


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize(
    ("shards", "code", "said"),
    [
        ("0,2/3", 0, ""),
        ("x", 2, "such as 0,3/8"),
        ("5", 1, "shards are 0 to 2, for the release has 3"),
        ("9/9", 2, "shards are 0 to 8 of 9, not 9"),
    ],
)
def test_the_command(store: Store, capfd: pytest.CaptureFixture[str], shards: str, code: int, said: str) -> None:
    host = Path(store.url.removeprefix("file://")).with_name("host")
    assert main([store.url, str(host), "--shards", shards]) == code
    assert said in capfd.readouterr().err
    assert (host / "CURRENT").exists() == (code == 0)
