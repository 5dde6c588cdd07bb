"""Every byte of what serves is checked in the background; from a damaged release a reader goes back to a whole one."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lookup
from lookup import ReleaseError
from lookup.release import check, manifest, pointer
from lookup.release.check import Check, known, seal
from lookup.release.follow import Follower
from lookup.release.locks import open_locked
from lookup.sealed import sealed
from tests.lookup.conftest import Two
from tests.lookup.patched import opened, wait_for

ANSWERS = ["arrays/user_topk_score.npy", "arrays/item_vector.npy", "arrays/item_price.npy"]


@pytest.fixture(autouse=True)
def often_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lookup.release.follow.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(check, "CHANGE_SECONDS", 0.02)


def flip(path: Path, bit: int | None = None) -> None:
    data = bytearray(path.read_bytes())
    place = bit if bit is not None else (len(data) - 40) * 8
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)


def remembered(release: Path) -> bool:
    """Whether the damage that was found is written down for other processes."""
    return bool(known(seal(release, manifest.read(release).files)))


def hits(shop: lookup.Shop) -> list[list[lookup.Hit]]:
    return [shop.recommend(f"user-{n}", 10) for n in range(40)]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_damaged_release_gives_way_to_the_one_before(two: Two, tmp_path: Path, name: str) -> None:
    before = hits(lookup.open(two.releases, pin=two.old))
    flip(two.releases / two.new / name)
    shop = lookup.open(two.releases)
    wait_for(lambda: shop.problem)
    assert shop.release.id == two.old
    assert hits(shop) == before
    said = str(shop.problem)
    assert (
        f"release {two.new} is damaged, so release {two.old} serves: {two.releases / two.new / name}: damaged" in said
    )
    # A process that starts now begins there.
    wait_for(lambda: remembered(two.releases / two.new))
    late = lookup.open(two.releases)
    assert late.release.id == two.old
    assert name in str(late.problem)
    # A release that is brought back, serves again: every byte of it is checked first.
    flip(two.releases / two.new / name)
    shop._live.look()
    assert shop.release.id == two.new
    assert shop.problem is None


def test_without_a_whole_release_calls_raise_until_there_is_one(two: Two, tmp_path: Path) -> None:
    shutil.rmtree(two.releases / two.old)
    flip(two.releases / two.new / ANSWERS[0])
    shop = opened(two.releases, tmp_path)
    wait_for(lambda: shop.problem)
    wait_for(lambda: not shop._live._states)
    for call in (lambda: shop.recommend("user-1"), shop.popular, lambda: shop.item("item-1")):
        with pytest.raises(ReleaseError, match=rf"release {two.new} is damaged, so none serves: .*{ANSWERS[0]}"):
            call()
    wait_for(lambda: remembered(two.releases / two.new))
    with pytest.raises(ReleaseError, match=ANSWERS[0]):
        opened(two.releases, tmp_path)
    flip(two.releases / two.new / ANSWERS[0])
    shop._live.look()
    assert len(shop.recommend("user-1", 5)) == 5
    assert shop.problem is None


def test_a_pinned_release_that_is_damaged_is_not_replaced(two: Two) -> None:
    flip(two.releases / two.new / ANSWERS[0])
    shop = lookup.open(two.releases, pin=two.new)
    wait_for(lambda: not shop._live._states)
    with pytest.raises(ReleaseError, match="so none serves"):
        shop.recommend("user-1")
    assert "without a whole release" in repr(shop)
    wait_for(lambda: shop.stats()["checked"])
    assert shop.stats()["release"] is None
    assert ANSWERS[0] in shop.stats()["problem"]
    flip(two.releases / two.new / ANSWERS[0])
    shop._live.look()
    assert shop.recommend("user-1")


def test_an_arm_that_is_damaged_loses_its_users(two: Two) -> None:
    flip(two.releases / two.old / ANSWERS[0])
    shop = lookup.open(two.releases, arms={"a": two.new, "b": two.old}, salt="s")
    wait_for(lambda: len(shop._live._states) == 2)
    assert two.old in str(shop.problem)
    plain = lookup.open(two.releases)
    arms = set()
    for n in range(40):
        found = shop.recommend(f"user-{n}", 5)
        arms.add(found[0].arm)
        assert [hit[:3] for hit in found] == [hit[:3] for hit in plain.recommend(f"user-{n}", 5)]
    assert arms == {"a", None}


def test_answers_are_right_as_soon_as_a_shop_says_that_it_is_checked(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hits(lookup.open(two.releases, pin=two.old))
    flip(two.releases / two.new / ANSWERS[0])

    def slow(*arguments: object, **options: object) -> lookup.Release:
        time.sleep(0.1)
        return open_locked(*arguments, **options)  # type: ignore[arg-type]

    shop = lookup.open(two.releases)
    monkeypatch.setattr("lookup.release.follow.open_locked", slow)
    wait_for(lambda: shop.stats()["checked"])
    assert hits(shop) == before


def test_a_release_that_gives_way_never_counts_as_checked(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(two.releases / two.new / ANSWERS[0])
    follower, told = Follower(two.releases), []

    def telling(*arguments: object) -> Check:
        told.append(follower.checked)
        return Check(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("lookup.release.follow.Check", telling)
    wait_for(lambda: follower.current().id == two.old)
    assert told == [False]


def test_a_release_counts_as_checked_once_it_answers_as_the_check_says(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, told, step = Follower(two.releases), [], Check.step

    def stepping(check: Check, seconds: float) -> None:
        step(check, seconds)
        if check.done and check.release.name == two.new:
            told.append((follower.checked, follower.current().index_checked))

    monkeypatch.setattr(Check, "step", stepping)
    wait_for(lambda: follower.checked)
    assert follower.current().index_checked
    assert told[0] == (False, False)


@pytest.mark.parametrize("name", ["catalog.duckdb", "report.html"])
def test_damage_that_no_call_meets_is_only_told(two: Two, name: str) -> None:
    before = hits(lookup.open(two.releases))
    flip(two.releases / two.new / name)
    shop = lookup.open(two.releases)
    wait_for(lambda: shop.problem)
    assert f"{name}: damaged" in str(shop.problem)
    assert shop.release.id == two.new
    assert hits(shop) == before


def searching_by(two: Two, method: str) -> None:
    path = two.releases / two.new / "manifest.json"
    data = manifest.read(path.parent).to_json()
    path.write_text(sealed(data | {"search": data["search"] | {"method": method}}))


def test_annoy_is_used_once_it_is_checked(two: Two) -> None:
    searching_by(two, "annoy")
    release = lookup.Release(two.releases / two.new)
    vector = release.user_vector[0]
    exact = release.candidates(vector, 60).tolist()
    assert not release.index_checked
    release._index.candidates = lambda *_: exact[::-1]  # type: ignore[method-assign,assignment,return-value]
    assert release.candidates(vector, 60).tolist() == exact
    shop = lookup.open(two.releases)
    wait_for(lambda: shop.stats()["checked"])
    assert shop._live.follower.current().index_checked
    assert lookup.Release(two.releases / two.new).index_checked  # it is remembered


def test_a_damaged_annoy_index_is_never_searched(two: Two) -> None:
    searching_by(two, "annoy")
    flip(two.releases / two.new / "items.ann", 8 * 4000)
    shop = lookup.open(two.releases)
    wait_for(lambda: shop.problem)
    assert "items.ann: damaged" in str(shop.problem)
    flip(two.releases / two.new / "items.ann", 8 * 4000)  # brought back; this process still maps what it mapped
    wait_for(lambda: shop._live.follower.checked and shop.problem is None)
    assert not shop._live.follower.current().index_checked
    assert len(shop.recommend("new", 10, history=["item-3"])) == 10


def test_what_was_found_is_remembered_until_a_file_changes(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    release = two.releases / two.new
    facts = manifest.read(release)
    first = Check(release, facts)
    first.finish()
    assert first.problem is None
    with monkeypatch.context() as patched:
        patched.setattr(check, "_known", {})  # as in another process
        assert known(seal(release, facts.files)) == {}
        patched.setattr(Check, "_read", None)  # and nothing can be read
        second = Check(release, facts)
        second.step(0.0)
        assert second.done
    os.utime(release / ANSWERS[0])
    assert known(seal(release, facts.files)) is None


def test_one_process_checks_and_the_others_wait_for_it(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    release = two.releases / two.new
    facts = manifest.read(release)
    one, other = Check(release, facts), Check(release, facts)
    one.step(0.0)  # a slice
    assert not one.done
    other.step(60.0)
    assert not other.done
    one.finish()
    other.step(0.0)
    assert other.done
    os.utime(release / ANSWERS[0])
    hung = Check(release, facts)
    hung.step(0.0)
    monkeypatch.setattr(check, "OTHER_SECONDS", 0.0)
    late = Check(release, facts)
    late.step(60.0)
    assert late.done


def test_without_a_cache_every_process_checks_for_itself(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_CACHE", "")
    release = two.releases / two.new
    flip(release / ANSWERS[0])
    one, other = (Check(release, manifest.read(release)) for _ in range(2))
    one.step(0.0)
    other.step(60.0)
    assert other.done
    assert ANSWERS[0] in str(other.problem)


def test_files_that_change_are_checked_anew(two: Two) -> None:
    """As when somebody restores a release in place, with cp; or breaks one."""
    shop = lookup.open(two.releases)
    wait_for(lambda: shop._live.follower.checked)
    path = two.releases / two.new / ANSWERS[0]
    shutil.copyfile(path, path.with_suffix(".copy"))
    os.replace(path.with_suffix(".copy"), path)
    wait_for(lambda: shop._live.follower.checked)
    assert (shop.problem, shop.release.id) == (None, two.new)
    flip(path)
    wait_for(lambda: shop.problem)
    wait_for(lambda: shop.release.id == two.old)
    with path.open("r+b") as file:
        file.truncate(200)  # a copy in place begins so; nobody maps it any more
    assert len(hits(shop)[0]) == 10


def test_a_release_that_was_removed_is_told_and_serves(two: Two) -> None:
    shop = lookup.open(two.releases)
    wait_for(lambda: shop._live.follower.checked)
    before = hits(shop)
    shutil.rmtree(two.releases / two.new)
    wait_for(lambda: shop.problem)
    assert hits(shop) == before


def test_files_that_change_all_the_while_are_told(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    release = two.releases / two.new
    one, changes = Check(release, manifest.read(release)), iter(range(100))
    monkeypatch.setattr(check, "seal", lambda *_: str(next(changes)))
    with pytest.raises(ReleaseError, match="its files change while they are checked"):
        one.finish()


def test_a_forked_child_checks_anew(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    release = two.releases / two.new
    one = Check(release, manifest.read(release))
    one.step(0.0)
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as if this were the child
    one.step(60.0)
    assert one.done
    assert one.problem is None


def test_the_thread_outlives_any_error(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower(two.releases)

    def deep(*_: object) -> None:
        raise RecursionError("too deep")

    with monkeypatch.context() as patched:
        patched.setattr(pointer, "read", deep)
        wait_for(lambda: follower.problem)
        assert "too deep" in str(follower.problem)
    with monkeypatch.context() as patched:
        patched.setattr(Check, "step", deep)
        wait_for(lambda: "not checked: RecursionError" in str(follower.problem))
    wait_for(lambda: follower.problem is None)


CHILD = """
import sys, time
import lookup
lookup.release.follow.LOOK_SECONDS = 0.01
shop = lookup.open(sys.argv[1])
until = time.monotonic() + 30
while not shop._live.follower.checked and time.monotonic() < until:
    shop.recommend("new", 10, history=["item-3", "item-7"])
shop._live.look()
for n in range(40):
    shop.recommend(f"user-{n}", 10, history=["item-3", "item-7"])
print(shop.release.id, shop.problem is None)
"""


def test_no_flip_of_the_annoy_index_ends_a_process(two: Two) -> None:
    """Where the nodes of the trees are, a wrong byte sends Annoy anywhere."""
    searching_by(two, "annoy")
    path = two.releases / two.new / "items.ann"
    data = bytearray(path.read_bytes())
    for place in range(3000, len(data) - 200, 7):
        data[place] ^= 0x40
    path.write_bytes(data)
    command = [sys.executable, "-c", CHILD, str(two.releases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [two.new, "False"]), done.stderr
