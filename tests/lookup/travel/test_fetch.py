"""A host fetches what a store's CURRENT names: whole and verified, from what a try before left, and harming nothing."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import lookup
from lookup.errors import DaybreakError, ReleaseError, StoreError
from lookup.file_modes import unseal
from lookup.release import pointer
from lookup.release.follow import Follower
from lookup.release.locks import open_locked
from lookup.travel import assembly
from lookup.travel.assembly import FETCHING
from lookup.travel.fetch import LOCK, fetch
from lookup.travel.follow import StoreFollower
from lookup.travel.index import ReleaseIndex, block_name, index_name
from lookup.travel.store import Store
from tests.lookup.conftest import Two
from tests.lookup.travel.stored import point, put_release, same_bytes


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path / 'store'}")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return tmp_path / "host"


@pytest.fixture
def stored(store: Store, built: Two) -> ReleaseIndex:
    """The old release is in the store."""
    return put_release(store, built.releases / built.old)


def largest(index: ReleaseIndex) -> str:
    return max(index.files, key=lambda name: index.files[name].bytes)


def test_a_fetched_release_is_the_published_one(store: Store, host: Path, built: Two) -> None:
    for release_id in (built.old, built.new):
        put_release(store, built.releases / release_id)
        done = fetch(store, host)
        assert (done.id, done.new) == (release_id, True)
        assert same_bytes(host / release_id, built.releases / release_id)
        # A link would let damage, modes and locks of one release be those of another.
        assert {path.stat().st_nlink for path in (host / release_id).rglob("*") if path.is_file()} == {1}
        assert lookup.open(host, verify=True).release.id == release_id
    again = fetch(store, host)
    assert (again.new, again.bytes_moved) == (False, len(built.new) + 1)


def test_what_is_fetched_is_for_its_user_alone_and_read_only(
    store: Store, host: Path, built: Two, stored: ReleaseIndex
) -> None:
    program = f"import sys; from lookup.travel.__main__ import main; sys.exit(main(['{store.url}', '{host}']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"serving {built.old}: ")
    assert stat.S_IMODE(host.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (host / built.old).rglob("*")} == {0o444, 0o555}


def test_a_fetch_goes_on_from_what_one_before_left(
    store: Store, host: Path, built: Two, stored: ReleaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, places = assembly.Assembly._one, []

    def dies(self: assembly.Assembly, place: assembly.BlockPlace) -> None:
        places.append(place)
        if len(places) == 20:
            raise KeyboardInterrupt
        real(self, place)

    with monkeypatch.context() as patched:
        patched.setattr(assembly.Assembly, "_one", dies)
        patched.setattr(assembly, "THREADS", 1)
        with pytest.raises(KeyboardInterrupt):
            fetch(store, host)
    assert not (host / "CURRENT").exists()
    whole = sum(len(file.blocks) for file in stored.files.values())
    read: list[str] = []
    monkeypatch.setattr(store, "read", lambda name, most: read.append(name) or Store.read(store, name, most))
    fetch(store, host)
    assert sum(name.startswith("blocks/") for name in read) <= whole - 19
    assert same_bytes(host / built.old, built.releases / built.old)


@pytest.mark.parametrize("harm", ["zeros", "cut off", "longer", "a link", "another file"])
def test_a_partial_file_is_never_taken_for_a_whole_one(
    store: Store, host: Path, built: Two, stored: ReleaseIndex, harm: str
) -> None:
    """Whatever a killed fetch, a crash or a person left: size and times say nothing."""
    partial = host / f"{FETCHING}{built.old}"
    shutil.copytree(built.releases / built.old, partial)
    unseal(partial)
    path = partial / largest(stored)
    raw = path.read_bytes()
    if harm == "a link":
        path.unlink()
        path.symlink_to(built.releases / built.old / largest(stored))
    elif harm == "another file":
        (partial / "arrays" / "more.npy").write_bytes(b"x")
    else:
        path.write_bytes({"zeros": bytes(len(raw)), "cut off": raw[:-5], "longer": raw + b"x"}[harm])
        os.utime(path, (0, 2**32))
    fetch(store, host)
    assert same_bytes(host / built.old, built.releases / built.old)
    assert not any(path.is_symlink() for path in (host / built.old).rglob("*"))


def test_a_damaged_release_on_this_host_is_made_right(
    store: Store, host: Path, built: Two, stored: ReleaseIndex
) -> None:
    fetch(store, host)
    put_release(store, built.releases / built.new)
    fetch(store, host)
    path = host / built.old / largest(stored)
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    point(store, built.old)
    done = fetch(store, host)
    assert done.new
    assert done.bytes_moved < sum(file.bytes for file in stored.files.values())
    assert same_bytes(host / built.old, built.releases / built.old)


@pytest.mark.parametrize("harm", ["flipped", "cut off", "missing", "of another block", "huge"])
def test_a_bad_block_serves_nothing_and_is_named(
    store: Store, host: Path, built: Two, stored: ReleaseIndex, harm: str
) -> None:
    block = stored.files[largest(stored)].blocks[0]
    objects = Path(store.url.removeprefix("file://"))
    path = objects / block_name(block)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    if harm == "missing":
        path.unlink()
    else:
        other = (objects / block_name(stored.files["manifest.json"].blocks[0])).read_bytes()
        bad = {"flipped": raw, "cut off": raw[:-9], "of another block": other, "huge": bytes(1 << 22)}
        path.write_bytes(bad[harm])
    with pytest.raises(StoreError, match=block):
        fetch(store, host)
    assert not (host / "CURRENT").exists()
    assert not (host / built.old).exists()
    if harm != "missing":
        path.unlink()
    put_release(store, built.releases / built.old)
    assert fetch(store, host).id == built.old


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[:-9], "damaged"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "sha256"),
        (lambda text: "[1]", "no object"),
        (lambda text: "{", "damaged"),
    ],
)
def test_a_bad_index_is_told(
    store: Store, host: Path, stored: ReleaseIndex, change: Callable[[str], str], says: str
) -> None:
    path = Path(store.url.removeprefix("file://")) / index_name(stored.id)
    path.write_text(change(path.read_text()))
    with pytest.raises(StoreError, match=says):
        fetch(store, host)


@pytest.mark.parametrize("name", ["../CURRENT", "/etc/passwd", "arrays/../../x", "Manifest.json"])
def test_an_index_cannot_name_files_elsewhere(store: Store, host: Path, stored: ReleaseIndex, name: str) -> None:
    bad = replace(stored, files={**stored.files, name: stored.files["manifest.json"]})
    store.write(index_name(stored.id), bad.encoded())
    with pytest.raises(StoreError, match="damaged"):
        fetch(store, host)


def test_a_store_without_current_and_a_current_without_its_release(
    store: Store, host: Path, built: Two, stored: ReleaseIndex
) -> None:
    with pytest.raises(StoreError, match="there is no CURRENT"):
        fetch(Store(f"{store.url}/elsewhere"), host)
    point(store, built.new)
    with pytest.raises(StoreError, match="does not have this release"):
        fetch(store, host)


def test_a_full_disk_keeps_what_serves_and_gives_its_room_back(store: Store, host: Path, built: Two) -> None:
    """A limit on the size of files stands for the disk: the system refuses to write on."""
    put_release(store, built.releases / built.old)
    fetch(store, host)
    put_release(store, built.releases / built.new)
    program = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from lookup.travel.__main__ import main
sys.exit(main(["{store.url}", "{host}"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"the disk is full, so release {built.new} is not fetched and the one that serves stays" in done.stderr
    assert lookup.open(host, verify=True).release.id == built.old
    assert not list(host.glob(f"{FETCHING}*"))


def test_too_little_room_is_told_before_anything_is_fetched(
    store: Store, host: Path, stored: ReleaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "HEADROOM", 1 << 60)
    with pytest.raises(ReleaseError, match="the disk is full"):
        fetch(store, host)
    assert not list(host.glob(f"{FETCHING}*"))


def test_two_followers_of_one_folder_take_turns(store: Store, host: Path, built: Two, stored: ReleaseIndex) -> None:
    host.mkdir()
    program = f"import fcntl; f = open('{host / LOCK}', 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        follower = StoreFollower(store.url, host)
        assert follower.once() is None
        assert f"another process ({other.pid}) fetches into this folder" in str(follower.problem)
        other.communicate("\n", timeout=10)
    assert follower.once() is not None
    assert follower.problem is None


def test_old_releases_go_but_none_that_serves_or_is_read(store: Store, host: Path, built: Two) -> None:
    put_release(store, built.releases / built.old)
    fetch(store, host, keep=1)
    reader = open_locked(host, built.old)
    put_release(store, built.releases / built.new)
    (told,) = fetch(store, host, keep=1).left
    assert told == f"release {built.old} stays on this disk: process {os.getpid()} read it"
    assert (host / built.old).exists()
    del reader
    assert fetch(store, host, keep=1).left == ()
    assert not (host / built.old).exists()
    assert lookup.open(host).release.id == built.new


def test_current_goes_back_and_forth(store: Store, host: Path, built: Two) -> None:
    for release_id in (built.old, built.new):
        put_release(store, built.releases / release_id)
        fetch(store, host)
    reader = Follower(host)
    for release_id in (built.old, built.new, built.old):
        point(store, release_id)
        assert fetch(store, host).new
        assert reader.look().id == release_id
        assert reader.problem is None
    assert pointer.stack(host) == [built.old]


def test_a_follower_keeps_nothing_open_that_it_needs_no_more(store: Store, host: Path, built: Two) -> None:
    follower = StoreFollower(store.url, host, keep=1)
    opened = []
    for n in range(6):
        put_release(store, built.releases / (built.old, built.new)[n % 2])
        assert follower.once() is not None
        opened.append(len(os.listdir("/proc/self/fd")))
    assert opened[-1] == opened[1]
    assert len([path for path in host.iterdir() if path.is_dir()]) == 1


def test_a_follower_goes_on_whatever_happens(
    store: Store, host: Path, built: Two, stored: ReleaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = StoreFollower(store.url, host)
    with monkeypatch.context() as patched:
        patched.setattr("lookup.travel.follow.fetch", lambda *_: 1 / 0)
        assert follower.once() is None
    assert follower.problem == f"ZeroDivisionError while fetching into {host}"
    assert follower.once() is not None


def test_a_release_of_a_newer_schema_is_left_in_the_store(
    store: Store, host: Path, built: Two, stored: ReleaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(store, host)
    put_release(store, built.releases / built.new)
    monkeypatch.setattr("lookup.release.schema.SCHEMA_VERSION", 1)
    with pytest.raises(DaybreakError, match="schema version"):
        fetch(store, host)
    monkeypatch.undo()
    assert pointer.read(host) == built.old
