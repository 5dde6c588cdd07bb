"""Releases travel through a real S3 server: published, fetched, rolled back, pruned; slowed, broken and raced."""

import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

import lookup
from jobs.cli.main import main
from jobs.releases.announce import announce, rollback
from jobs.releases.remote import lease, send
from jobs.releases.remote.sweep import sweep
from lookup.errors import ReleaseError, StoreError
from lookup.file_modes import seal
from lookup.release import pointer
from lookup.travel.fetch import fetch
from lookup.travel.follow import StoreFollower
from lookup.travel.index import index_name, read_current, read_index
from lookup.travel.store import Store
from tests.lookup.travel.stored import same_bytes
from tests.releases import config_at, make_release
from tests.run_tables import NIGHT, Sizes
from tests.s3_server import KEY, SECRET, Server, server
from tests.slow_proxy import Proxy

SIZES = Sizes(items=60, users=1000, k=30)


class Shop(NamedTuple):
    releases: Path
    ids: list[str]
    url: str
    """An empty store."""
    host: Path


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    base = tmp_path_factory.mktemp("travel")
    ids = [make_release(base, n, SIZES, NIGHT + timedelta(days=n), announced=False) for n in (1, 2)]
    for release_id in ids:
        seal(base / "releases" / release_id)
    return base / "releases", ids


@pytest.fixture
def shop(s3: Server, made: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    releases = Path(shutil.copytree(made[0], tmp_path / "releases"))
    return Shop(releases, made[1], f"s3://shop/{tmp_path.name}", tmp_path / "host")


def names(url: str, prefix: str) -> set[str]:
    return {one.name for one in Store(url).entries(prefix)}


def served(url: str) -> str | None:
    found = read_current(Store(url))
    return None if found is None else found[0]


def test_the_server_of_these_tests_is_reached_from_this_machine_alone(s3: Server) -> None:
    ports = psutil.Process(s3.process.pid).net_connections("inet")
    assert {port.laddr.ip for port in ports if port.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_full_and_delta_fetch_end_with_the_published_bytes(shop: Shop, tmp_path: Path) -> None:
    """By rows that differ in a release, too: the second one is the first with some bytes changed here and there."""
    first, second = shop.ids
    announce(shop.releases, first, store=shop.url)
    fetch(Store(shop.url), shop.host)
    announce(shop.releases, second, store=shop.url)
    index = read_index(Store(shop.url), second)
    assert index is not None
    assert index.base == first
    assert index.patches
    announce(shop.releases, second, store=shop.url)  # as where a task is tried again
    assert read_index(Store(shop.url), second) == index
    delta = fetch(Store(shop.url), shop.host)
    full = fetch(Store(shop.url), tmp_path / "another host")
    assert delta.bytes_here > 0 == full.bytes_here
    assert delta.bytes_moved < full.bytes_moved
    for folder in (shop.host, tmp_path / "another host"):
        assert same_bytes(folder / second, shop.releases / second)
    assert stat.S_IMODE((shop.host / second).stat().st_mode) == 0o555
    assert lookup.open(shop.host, verify=True).release.id == second


def test_a_rollback_brings_hosts_back_and_a_publication_forth(shop: Shop) -> None:
    for release_id in shop.ids:
        announce(shop.releases, release_id, store=shop.url)
        fetch(Store(shop.url), shop.host)
    assert rollback(shop.releases, store=shop.url) == shop.ids[0] == served(shop.url)
    assert fetch(Store(shop.url), shop.host).id == shop.ids[0] == pointer.read(shop.host)
    announce(shop.releases, shop.ids[1], store=shop.url)
    assert fetch(Store(shop.url), shop.host).id == shop.ids[1] == pointer.read(shop.host)


def test_a_folder_is_a_store_too(shop: Shop, tmp_path: Path) -> None:
    """One that cannot put by condition: it compares while the lease is held."""
    url = f"file://{tmp_path / 'store'}"
    for release_id in shop.ids:
        announce(shop.releases, release_id, store=url)
        fetch(Store(url), shop.host)
    assert same_bytes(shop.host / shop.ids[1], shop.releases / shop.ids[1])
    before = send.pointed(Store(url))
    assert rollback(shop.releases, store=url) == fetch(Store(url), shop.host).id == shop.ids[0]
    with pytest.raises(StoreError, match="somebody else published there meanwhile"):
        send.point(Store(url), shop.ids[1], before)
    assert sweep(Store(url), 1).objects == 0  # the newer release may serve again
    announce(shop.releases, shop.ids[1], store=url)
    assert sweep(Store(url), 1).releases == [shop.ids[0]]


def test_of_two_publishers_the_later_one_is_told(shop: Shop, tmp_path: Path) -> None:
    """Each has a folder of its own. The one whose CURRENT moved meanwhile changes nothing, in neither place."""
    first, second = shop.ids
    other = Path(shutil.copytree(shop.releases, tmp_path / "other"))
    announce(shop.releases, first, store=shop.url)
    before = send.pointed(Store(shop.url))
    announce(shop.releases, second, store=shop.url)
    with pytest.raises(StoreError, match=f"CURRENT names {second} now, and named {first} when this began"):
        send.point(Store(shop.url), first, before)
    assert served(shop.url) == second
    with lease.writing(Store(shop.url), "uploading another"), pytest.raises(StoreError, match="writes there") as told:
        announce(other, first, store=shop.url)
    assert f"process {os.getpid()} of" in str(told.value)
    assert not (other / "CURRENT").exists()
    announce(other, first, store=shop.url)
    assert served(shop.url) == first == pointer.read(other)


def test_racing_publishers_leave_one_that_serves_whole(shop: Shop, tmp_path: Path) -> None:
    folders = [Path(shutil.copytree(shop.releases, tmp_path / f"other {n}")) for n in range(4)]
    told: list[str] = []

    def publish(n: int) -> None:
        try:
            announce(folders[n], shop.ids[n % 2], store=shop.url)
            told.append(shop.ids[n % 2])
        except StoreError:
            pass

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert told
    assert served(shop.url) in told
    assert fetch(Store(shop.url), shop.host).id == served(shop.url)
    assert names(shop.url, "LOCK") == set()


def test_pruning_keeps_what_releases_need_and_waits_for_uploads(shop: Shop, tmp_path: Path) -> None:
    first, second = shop.ids
    store = Store(shop.url)
    announce(shop.releases, first, store=shop.url)
    store.write(f"blocks/00/{'0' * 64}", b"of a killed upload")
    announce(shop.releases, second, store=shop.url)
    with lease.writing(store, "uploading"), pytest.raises(StoreError, match="writes there"):
        sweep(store, 1)
    kept = sweep(store, 2)
    assert (kept.releases, kept.objects) == ([], 1)
    assert fetch(store, shop.host).id == second
    would = sweep(store, 1, dry_run=True)
    assert would.releases == [first]
    assert sweep(store, 1, spare=[first]).releases == []
    assert sweep(store, 1) == would
    index = read_index(store, second)
    assert index is not None
    assert names(shop.url, "blocks") == {f"blocks/{one[:2]}/{one}" for one in index.blocks()}
    assert read_index(store, first) is None
    assert fetch(store, tmp_path / "another host").id == second
    assert rollback(shop.releases, store=shop.url) == first  # uploaded again
    assert same_bytes(shop.host / fetch(store, shop.host).id, shop.releases / first)


def test_an_upload_that_broke_off_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = Store.write, []

    def breaks(self: Store, name: str, data: bytes) -> None:
        written.append(name)
        if len(written) > 20:
            raise StoreError("the server cannot be reached")
        real(self, name, data)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", breaks)
        with pytest.raises(StoreError, match="cannot be reached"):
            announce(shop.releases, shop.ids[0], store=shop.url)
    assert served(shop.url) is None
    assert not (shop.releases / "CURRENT").exists()
    there = names(shop.url, "blocks")
    assert len(there) == 20
    sent: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", lambda self, name, data: (sent.append(name), real(self, name, data)))
        announce(shop.releases, shop.ids[0], store=shop.url)
    assert there.isdisjoint(sent)
    assert fetch(Store(shop.url), shop.host).id == shop.ids[0]


def test_two_shops_do_not_share_a_store(shop: Shop) -> None:
    announce(shop.releases, shop.ids[0], store=shop.url)
    index = read_index(Store(shop.url), shop.ids[0])
    assert index is not None
    Store(shop.url).write(index_name(index.id), replace(index, shop="another").encoded())
    with pytest.raises(StoreError, match="releases of the shop 'another' are there"):
        announce(shop.releases, shop.ids[1], store=shop.url)
    assert served(shop.url) == shop.ids[0]


def test_a_dead_publisher_holds_nobody_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(shop.url)
    ended = subprocess.Popen(["true"])
    ended.wait()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: ended.pid)
        lost = lease.writing(store, "killed")
        lost.__enter__()
    announce(shop.releases, shop.ids[0], store=shop.url)
    with pytest.raises(StopIteration):
        lost.gen.send(None)
    with monkeypatch.context() as patched:
        patched.setattr(lease.socket, "gethostname", lambda: "another-host")
        with lease.writing(store, "stands still") as mine:
            patched.setattr(lease, "LEASE_SECONDS", -1.0)
            with lease.writing(store, "takes over"), pytest.raises(StoreError, match="another process has taken over"):
                mine.renew(now=True)


def test_a_file_that_changes_under_an_upload_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(shop.releases, shop.ids[0], store=shop.url)
    path = shop.releases / shop.ids[1] / "arrays" / "user_topk_item.npy"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"changed")
    with pytest.raises(ReleaseError, match=r"user_topk_item\.npy: it is not as the manifest says, or changed"):
        send.send(Store(shop.url), shop.releases, shop.ids[1], shop.ids[0])
    assert served(shop.url) == shop.ids[0]
    assert read_index(Store(shop.url), shop.ids[1]) is None


def test_a_slow_a_broken_and_a_hanging_server_harm_nothing(
    shop: Shop, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(shop.releases, shop.ids[0], store=shop.url)
    fetch(Store(shop.url), shop.host)
    announce(shop.releases, shop.ids[1], store=shop.url)
    shutil.rmtree(shop.host / shop.ids[1], ignore_errors=True)
    with Proxy(s3.endpoint) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.endpoint)
        between.breaks_after = 30_000
        with pytest.raises(StoreError, match="broke off in the middle"):
            fetch(Store(shop.url, 0.5), shop.host)
        between.breaks_after, between.hangs = None, True
        with pytest.raises(StoreError, match="did not answer in time"):
            fetch(Store(shop.url, 0.3), shop.host)
        assert lookup.open(shop.host).release.id == shop.ids[0]
        between.hangs, between.rate = False, 4e5
        assert fetch(Store(shop.url), shop.host).id == shop.ids[1]
    assert same_bytes(shop.host / shop.ids[1], shop.releases / shop.ids[1])


def test_no_credential_is_ever_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    announce(shop.releases, shop.ids[0], store=shop.url)
    wrong = "wrong-hush-72"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", wrong)
    assert main(["fetch", shop.url, str(shop.host)]) == 1
    said = capfd.readouterr()
    assert "403 Forbidden, SignatureDoesNotMatch; the credentials in the environment are wrong" in said.err
    assert said.err.count("\n") == 1
    follower = StoreFollower(shop.url, shop.host)
    assert follower.once() is None
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)  # as where a token was renewed
    assert follower.once() is not None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another-key-73")
    with pytest.raises(StoreError) as told:
        announce(shop.releases, shop.ids[1], store=shop.url)
    text = said.out + said.err + str(told.value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    text += "".join(str(Store(shop.url).read(name, 1 << 30)) for name in names(shop.url, ""))
    for secret in (KEY, SECRET, wrong, "another-key-73"):
        assert secret not in text


def test_the_commands_publish_fetch_and_prune(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "daybreak.toml").write_text(
        f'[shop]\nstore = "{shop.url}"\n[items]\nfiles = "i"\nitem_id = "i"\n[[events]]\nfiles = "e"\n'
        'user_id = "u"\nitem_id = "i"\ntime = "t"\n'
    )
    config = ["--config", str(tmp_path / "daybreak.toml")]
    for release_id in shop.ids:
        assert main(["publish", release_id, *config]) == 0
    assert main(["fetch", shop.url, str(shop.host)]) == 0
    assert main(["rollback", *config]) == 0
    assert served(shop.url) == shop.ids[0]
    assert main(["prune", "--keep", "1", *config]) == 0
    said = capsys.readouterr().out
    assert f"serving {shop.ids[1]}: " in said
    assert f"removed from {shop.url}" in said


def test_a_shop_without_a_store_needs_no_extra(shop: Shop) -> None:
    assert config_at(shop.releases.parent).shop.store is None
    program = f"""
import sys
from pathlib import Path
sys.modules["obstore"] = sys.modules["zstandard"] = None
from jobs.cli.main import main
from jobs.releases.announce import announce
announce(Path("{shop.releases}"), "{shop.ids[0]}")
sys.exit(main(["fetch", "{shop.url}", "{shop.host}"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "daybreak-fetch: this command needs obstore: pip install 'daybreak-lookup[fetch]'\n"
    assert pointer.read(shop.releases) == shop.ids[0]
