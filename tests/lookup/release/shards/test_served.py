"""A release with shards answers as one without; a host of some shards says so of every other user."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookup
from lookup.errors import ReleaseError, VersionError
from lookup.release import manifest, schema
from lookup.release.check import CACHE
from lookup.release.reader import Release
from lookup.release.schema import SCHEMA_VERSION
from lookup.sealed import sealed
from lookup.shop import Shop
from tests.lookup.conftest import Two
from tests.lookup.reshard import reshard

USERS = [f"user-{n}" for n in range(40)]
ASKED = [*USERS, "nobody", " user-3 ", "\ud800"]


@pytest.fixture(autouse=True)
def _nothing_is_known_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links share the inodes of files with other releases."""
    monkeypatch.setenv(CACHE, "")


def answers(shop: Shop, user: str) -> list[Any]:
    """What every call says of a user."""
    seen = [shop.recommend(user, 6, seen=seen) for seen in (None, True, False)]
    then = shop.recommend(user, 6, history=["item-3"])
    cheap = shop.recommend(user, 6, where=lookup.price(high=4))
    return [*seen, then, cheap, shop.buy_again(user, 4)]


def explained(shop: Shop, user: str) -> Any:
    try:
        return shop.explain(user, "item-5")
    except KeyError as error:
        return str(error)


@settings(deadline=None, max_examples=8)
@given(st.integers(2, 9) | st.just(60), st.sets(st.integers(0, 39)))
def test_every_lookup_is_that_of_the_release_without_shards(built: Two, shards: int, kept: set[int]) -> None:
    """Of any of the users, in any number of shards: also where shards have none."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one", Path(folder) / "many"
        for releases, count in ((one, 1), (many, shards)):
            releases.mkdir()
            reshard(built.releases / built.new, releases, count, keep=sorted(kept))
        whole, parted = lookup.open(one), lookup.open(many)
        host = lookup.open(many, shards=[shards - 1])
        try:
            assert len(parted.stats()["shards"]["served"]) == shards
            for user in ASKED[:: 1 + shards % 5]:  # some of the users that are kept, and of those that are not
                said = answers(whole, user)
                assert answers(parted, user) == said
                assert explained(parted, user) == explained(whole, user)
                assert parted.shard_of(user) == host.shard_of(user) == lookup.shard_of(user, shards)
                assert host.serves(user) == (host.shard_of(user) == shards - 1)
                if host.serves(user):
                    assert answers(host, user) == said
            for k in (3, 30):
                batch, expected = parted.recommend_many(ASKED, k), whole.recommend_many(ASKED, k)
                np.testing.assert_array_equal(batch.rows, expected.rows)
                np.testing.assert_array_equal(batch.scores, expected.scores)
            known = [user for user in ASKED if host.serves(user)]
            np.testing.assert_array_equal(host.recommend_many(known, 5).rows, whole.recommend_many(known, 5).rows)
        finally:
            for shop in (whole, parted, host):
                shop.close()


@pytest.fixture
def releases(built: Two, tmp_path: Path) -> Path:
    """A release of three shards serves."""
    reshard(built.releases / built.new, tmp_path / "releases", 3)
    return tmp_path / "releases"


@pytest.fixture
def host(releases: Path) -> Iterator[Shop]:
    shop = lookup.open(releases, shards=[0, 2])
    yield shop
    shop.close()


class TestAUserOfAnotherShard:
    @pytest.fixture
    def user(self, host: Shop) -> str:
        return next(user for user in USERS if not host.serves(user))

    def test_gets_what_is_popular_and_every_hit_says_so(self, host: Shop, user: str) -> None:
        popular = host.popular(6)
        hits = host.recommend(user, 6)
        assert [hit.item_id for hit in hits] == [hit.item_id for hit in popular]
        assert {hit.source for hit in hits} == {"elsewhere"}
        asked = host.recommend(user, 6, where=lookup.price(high=4), exclude=[hits[0].item_id], history=["item-3"])
        assert {hit.source for hit in asked} == {"elsewhere"}
        assert hits[0].item_id not in [hit.item_id for hit in asked]
        assert host.recommend(user, 2, pins=["item-7"])[0].source in ("pinned", "elsewhere")
        assert host.buy_again(user, 4) == []

    def test_is_counted_and_logged_once(self, host: Shop, user: str, caplog: pytest.LogCaptureFixture) -> None:
        for _ in range(3):
            host.recommend(user, 3)
        assert host.stats()["shards"] == {"of": 3, "served": [0, 2], "elsewhere": 3}
        assert [record.message for record in caplog.records if "this host serves 0, 2" in record.message] == [
            f"'{user}': this user is on shard 1 of 3, and this host serves 0, 2: ask a host of that shard "
            "(`shop.shard_of`, `shop.serves`); further ones are counted"
        ]
        assert host.problem is None

    def test_is_an_error_where_no_hit_can_say_so(self, host: Shop, user: str) -> None:
        with pytest.raises(lookup.ShardError, match=f"'{user}': this user is on shard 1 of 3, and this host serves"):
            host.recommend_many([*filter(host.serves, USERS), user])
        with pytest.raises(lookup.ShardError, match="shard 1 of 3"):
            host.explain(user, "item-5")
        with pytest.raises(KeyError, match="no such item"):
            host.explain(user, "nothing")

    def test_may_be_patched_here_for_the_host_that_serves(self, host: Shop, user: str, releases: Path) -> None:
        """All hosts share the log."""
        other = lookup.open(releases, shards=[1])
        before = other.recommend(user, 6)
        host.record(user, "item-3")
        assert {hit.source for hit in host.recommend(user, 6)} == {"elsewhere"}
        other._live.look()
        assert {hit.source for hit in other.recommend(user, 6)} == {"session"}
        host.forget(user)
        other._live.look()
        assert {hit.source for hit in other.recommend(user, 6)} == {"popular"} != {hit.source for hit in before}
        assert not (other.recommend_many([user]).rows >= 0).any()
        other.close()


def test_a_host_maps_only_what_it_serves(releases: Path, host: Shop) -> None:
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if str(releases) in line}
    shards = {Path(name).parent.name for name in mapped if "user_" in name}
    assert shards == {"shard-000", "shard-002"}
    release = host._live.follower.current()
    assert [users is None for users in release.shards] == [False, True, False]
    with pytest.raises(ReleaseError, match="its users are in 3 shards: each of `shards` has its own"):
        _ = release.user_vector


def test_a_host_without_users_searches_all_the_same(releases: Path) -> None:
    shop = lookup.open(releases, shards=[])
    assert shop.similar("item-3", 4) == lookup.open(releases).similar("item-3", 4)
    assert not any(map(shop.serves, USERS))
    shop.close()


@pytest.mark.parametrize("shards", [1, 2, 5, 6])
def test_a_later_release_may_have_another_number_of_shards(releases: Path, host: Shop, built: Two, shards: int) -> None:
    """Who is served stays served, and is where the routing table says."""
    before = {user: (host.shard_of(user), answers(host, user)) for user in USERS if host.serves(user)}
    later = reshard(built.releases / built.new, releases, shards, number=1)
    host._live.look()
    assert (host.release.id, host.problem) == (later, None)
    assert {user: (host.shard_of(user), answers(host, user)) for user in before} == before
    served = host.stats()["shards"]["served"]
    assert served == {1: [0], 2: [0, 1], 5: [0, 1, 3, 4], 6: [0, 1, 4, 5]}[shards]
    restarted = lookup.open(releases, shards=[0, 2], of=3)
    assert restarted.stats()["shards"]["served"] == served
    restarted.close()


@pytest.mark.parametrize(
    ("shards", "of", "said"),
    [
        ([3], None, "shards are 0 to 2, for the release has 3, and not 3"),
        ([0.5], None, "shards are numbers, 0 or more"),
        ([8], 8, "shards are 0 to 7 of 8"),
        (None, 8, "give both, or neither"),
    ],
)
def test_shards_that_there_are_not(releases: Path, shards: Any, of: int | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lookup.open(releases, shards=shards, of=of)
    with pytest.raises(TypeError, match="shards are expected one after another"):
        lookup.open(releases, shards="0,3")  # type: ignore[arg-type]


class TestDamage:
    def test_of_another_shard_does_no_harm(self, releases: Path, host: Shop) -> None:
        shutil.rmtree(releases / host.release.id / "arrays" / "shard-001")
        (releases / host.release.id / "catalog.duckdb").unlink()
        again = lookup.open(releases, shards=[0, 2], verify=True)
        assert answers(again, user := next(filter(again.serves, USERS))) == answers(host, user)
        again.close()
        with pytest.raises(ReleaseError, match=r"it is missing.*Where only some shards were fetched, say which"):
            lookup.open(releases)

    def test_of_a_shard_that_is_served_is_told(self, releases: Path, host: Shop) -> None:
        path = releases / host.release.id / "arrays" / "shard-002" / "user_topk_item.npy"
        path.chmod(0o644)
        rows = np.load(path, mmap_mode="r+")
        rows[0, 0] = 7_000_000
        rows.flush()
        with pytest.raises(ReleaseError, match=r"shard-002/user_topk_item\.npy: it holds row 7000000"):
            lookup.open(releases, shards=[2])
        with pytest.raises(ReleaseError, match=r"shard-002/user_topk_item\.npy: damaged"):
            lookup.open(releases, shards=[2], verify=True)
        lookup.open(releases, shards=[0, 1]).close()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda shards: shards[:-1], "its files are of 3 shards; it says 2"),
            (lambda shards: [shards[1], *shards[1:]], "of its shards is .* together; by the dims it is 40"),
            (lambda shards: [{"U": -1, "E": 0}, *shards[1:]], "null or 2 to 1000 shards expected"),
            (lambda _: 3, "shards are 3; null or 2 to 1000 shards expected"),
            (lambda shards: shards * 1000, "null or 2 to 1000 shards expected"),
        ],
    )
    def test_of_the_manifest_is_named(self, releases: Path, host: Shop, change: Any, said: str) -> None:
        path = releases / host.release.id / manifest.FILE
        data = json.loads(path.read_text())
        path.write_text(sealed(data | {"shards": change(data["shards"])}))
        with pytest.raises(ReleaseError, match=said):
            Release(path.parent)


def test_an_older_reader_refuses_shards_by_the_schema_version(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION - 1)
    with pytest.raises(VersionError, match="schema version 8 found; this Daybreak reads versions 3 to 7: a newer"):
        lookup.open(releases)


def test_arms_map_only_the_shards_that_are_served(releases: Path, host: Shop, built: Two) -> None:
    first, other = host.release.id, reshard(built.releases / built.old, releases, 2, number=1)
    shop = lookup.open(releases, arms={"a": first, "b": other}, salt="s", shards=[0], of=2)
    opened = {release.id: [users is not None for users in release.shards] for release in shop._live.arms.releases}
    assert opened == {first: [True, True, False], other: [True, False]}
    shop.close()
