"""Which shard a user is on, and which shards a host serves."""

import itertools
from bisect import bisect_right
from collections.abc import Iterable

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookup
from lookup.keys import hash_id
from lookup.release.shards.routing import Served, bounds, first_hash, needed, of_hash

HASHES = st.integers(0, 2**64 - 1)
COUNTS = st.integers(1, 1000)


@settings(deadline=None)
@given(HASHES, COUNTS)
def test_a_shard_is_a_range_of_hashes(hashed: int, shards: int) -> None:
    shard = of_hash(hashed, shards)
    assert 0 <= shard < shards
    assert first_hash(shard, shards) <= hashed < first_hash(shard + 1, shards)


@settings(deadline=None)
@given(st.lists(HASHES), COUNTS)
def test_bounds_divide_rising_hashes(hashes: list[int], shards: int) -> None:
    hashes.sort()
    ends = bounds(hashes, shards)
    assert (ends[0], ends[-1], len(ends)) == (0, len(hashes), shards + 1)
    assert [of_hash(one, shards) for one in hashes] == [bisect_right(ends, n) - 1 for n in range(len(hashes))]


@settings(deadline=None)
@given(st.text(), st.integers(1, 50), st.integers(1, 50), st.data())
def test_a_host_has_its_users_by_every_division(user: str, of: int, shards: int, data: st.DataObject) -> None:
    """Whatever number of shards a later release has."""
    numbers = data.draw(st.sets(st.integers(0, of - 1)))
    served = Served(tuple(numbers), of).among(shards)
    hashed = hash_id(user.encode("utf-8", "surrogatepass"))
    if of_hash(hashed, of) in numbers:
        assert of_hash(hashed, shards) in served
    if shards % of == 0:  # then it has no others
        assert (of_hash(hashed, of) in numbers) == (of_hash(hashed, shards) in served)


def test_sql_and_a_router_compute_the_same() -> None:
    users = [f"user-{n}" for n in range(500)]
    query = "SELECT ('0x' || sha256(u)[1:8])::BIGINT * 12 >> 32 FROM (SELECT unnest(?) AS u)"
    found = [shard for (shard,) in duckdb.execute(query, [users]).fetchall()]
    assert found == [lookup.shard_of(user, 12) for user in users]
    assert {*found} == {*range(12)}
    assert lookup.shard_of(" 7.0 ", 12) == lookup.shard_of(7, 12)  # type: ignore[arg-type]  # the id is 7


@pytest.mark.parametrize(
    ("numbers", "of", "said"),
    [
        ((8,), 8, "shards are 0 to 7 of 8, not 8"),
        ((-1,), 8, "shards are numbers, 0 or more"),
        ((True,), 8, "shards are numbers, 0 or more"),
        (("1",), 8, "shards are numbers, 0 or more"),
        ((0.5, "1", None), 8, "shards are numbers, 0 or more"),
        (itertools.count(), None, "at most 1000, not"),
        ((1,), 0, "a number of shards is from 1 to 1000, not 0"),
        ((1,), 10**9, "a number of shards is from 1 to 1000"),
        (None, 8, "give both, or neither"),
    ],
)
def test_shards_that_there_are_not(numbers: Iterable[int] | None, of: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Served.given(numbers, of)


def test_shards_that_a_release_does_not_have() -> None:
    with pytest.raises(ValueError, match="shards are 0 to 2, for the release has 3, and not 3"):
        Served((0, 3)).among(3)


@pytest.mark.parametrize("text", ["", "a", "0,", "1/", "0;3", "-1", "0/0", "3/3", "1/2/3", "1" * 10_000, "0,3/1001"])
def test_a_text_that_names_no_shards(text: str) -> None:
    with pytest.raises(ValueError, match="shards"):
        Served.read(text)


def test_whole_numbers_of_any_kind() -> None:
    assert Served.given(np.array([3, 0, 3]), 8) == Served((0, 3), 8)
    assert Served.given({5}, None).among(1000) == {5}


def test_texts() -> None:
    assert Served.read("3, 0 / 8") == Served((0, 3), 8)
    assert Served.read("0,3") == Served((0, 3))
    assert [str(one) for one in (Served(), Served((0, 3), 8), Served(()))] == [
        "all shards",
        "shards 0, 3 of 8",
        "shards none",
    ]


def test_a_host_needs_its_shards_and_what_is_of_no_user() -> None:
    names = ["catalog.duckdb", "arrays/item_hash.npy", *(f"arrays/shard-{n:03}/user_hash.npy" for n in range(4))]
    files = dict.fromkeys(names, 1)
    assert needed(files, Served()) == files
    assert [*needed(files, Served((1,), 2))] == ["arrays/item_hash.npy", *names[4:]]
    assert [*needed(files, Served(()))] == ["arrays/item_hash.npy"]
