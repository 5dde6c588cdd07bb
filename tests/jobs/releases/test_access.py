"""Who reads and changes releases and the log: nobody, but the user of the night and a declared group."""

import dataclasses
import grp
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import lookup
from jobs.config.config import Config
from jobs.errors import ConfigError
from jobs.releases.access import make_releases_folder, seal, unsealed
from jobs.releases.prune import prune
from lookup.file_modes import delete_sealed
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from lookup.release import pointer
from lookup.release.locks import LOCKED_FILE, removing
from lookup.travel.removal import PRUNING
from tests.lookup.marked import copy, id_of
from tests.other_user import NOBODY, as_nobody, only_root, readable
from tests.releases import config_at, make_release

GROUP = grp.getgrgid(os.getgid()).gr_name if os.geteuid() else grp.getgrall()[-1].gr_name
"""A group that this user may give files to."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("shop")
    return base / "releases" / make_release(base)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter; pytest's own are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    delete_sealed(folder)


def shared(base: Path, source: Path, **shop: object) -> Config:
    """A shop whose releases are for a group, with one release announced and a log."""
    config = config_at(base)
    config = dataclasses.replace(config, shop=dataclasses.replace(config.shop, **{"readers": GROUP, **shop}))
    make_releases_folder(config)
    pointer.announce(config.releases, copy(source, config.releases, 1))
    seal(config.releases / id_of(1))
    with closing(open_log(config.patches)) as log:
        log.append([patch.event("user-1", "item-1", "purchase")])
    return config


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_built_release_is_read_only(source: Path, tmp_path: Path) -> None:
    release = tmp_path / copy(source, tmp_path, 1)
    seal(release)
    found = [release, *release.rglob("*")]
    assert {mode(path) for path in found if path.is_dir()} == {0o555}
    assert {mode(path) for path in found if path.is_file()} == {0o444}
    with unsealed(release):
        (release / "page").write_text("new")
    assert (mode(release), mode(release / "page")) == (0o555, 0o444)
    with removing(release) as readers:
        assert readers is None
    assert mode(release / LOCKED_FILE) == 0o444
    delete_sealed(release)
    assert not release.exists()


def test_a_link_among_the_leftovers_is_removed_and_not_what_it_leads_to(source: Path, tmp_path: Path) -> None:
    releases, elsewhere = tmp_path / "releases", tmp_path / "elsewhere"
    releases.mkdir()
    elsewhere.mkdir(0o700)
    pointer.announce(releases, copy(source, releases, 1))
    (releases / f"{PRUNING}{id_of(9)}").symlink_to(elsewhere)
    assert list(prune(releases)) == []
    assert not (releases / f"{PRUNING}{id_of(9)}").is_symlink()
    assert mode(elsewhere) == 0o700


def test_the_folder_says_who_reads(source: Path, tmp_path: Path) -> None:
    for allowed, current, log in ((0o700, 0o600, 0o600), (0o755, 0o644, 0o600), (0o2770, 0o640, 0o660)):
        folder = tmp_path / oct(allowed)
        folder.mkdir()
        folder.chmod(allowed)
        pointer.announce(folder, copy(source, folder, 1))
        shop = lookup.open(folder)
        shop.record("user-1", "item-1", "purchase")
        assert [mode(folder / name) for name in ("CURRENT", "HISTORY")] == [current] * 2
        assert {mode(path) for path in folder.glob("patches.sqlite*")} == {log}
        shop.close()
        exposures = lookup.ExposureLog(folder / "shown")
        exposures.add("user-1", "a", ["item-1"])
        exposures.flush()
        assert mode(folder / "shown") & 0o077 == 0
        assert {mode(path) for path in (folder / "shown").iterdir()} == {0o600}


@only_root
def test_the_group_of_readers_serves_and_records_and_can_replace_nothing(source: Path, open_folder: Path) -> None:
    config = shared(open_folder, source)

    def serve() -> object:
        shop = lookup.open(config.releases)
        shop.record("user-2", "item-2", "purchase")
        return len(shop.recommend("user-1", k=3)), shop.problem

    group = grp.getgrnam(GROUP).gr_gid
    assert as_nobody(serve, group) == "(3, None)"
    with closing(open_log(config.patches)) as log:
        assert len(log.changes(0).users) == 2
    assert as_nobody((config.releases / "CURRENT").unlink, group).startswith("PermissionError")
    assert as_nobody(lambda: shutil.rmtree(config.releases / id_of(1)), group).startswith("PermissionError")
    assert "Error" in as_nobody(serve)
    assert as_nobody(lambda: readable(open_folder)) == "[]"


@only_root
def test_the_log_of_readers_may_be_elsewhere_and_the_releases_are_then_not_theirs_to_write(
    source: Path, open_folder: Path
) -> None:
    config = shared(open_folder, source, patches="log.sqlite")
    assert mode(config.releases) == 0o2750
    assert mode(open_folder / "log.sqlite") == 0o600


@only_root
def test_a_user_who_is_not_root_prunes_sealed_releases(source: Path, open_folder: Path) -> None:
    releases = open_folder / "releases"
    releases.mkdir()
    for n in range(1, 4):
        pointer.announce(releases, copy(source, releases, n))
        seal(releases / id_of(n))
    for path in [releases, *releases.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    assert as_nobody(lambda: [one.id for one in prune(releases, keep=1)]) == str([id_of(1), id_of(2)])
    assert [path.name for path in releases.iterdir() if path.is_dir()] == [id_of(3)]


def test_a_group_that_does_not_exist_is_told(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    config = dataclasses.replace(config, shop=dataclasses.replace(config.shop, readers="no-such-group"))
    with pytest.raises(ConfigError, match="no such group; `groupadd no-such-group` makes it"):
        make_releases_folder(config)


@only_root
def test_a_group_of_which_this_user_is_no_member_is_told(open_folder: Path) -> None:
    config = config_at(open_folder)
    config = dataclasses.replace(config, shop=dataclasses.replace(config.shop, readers=GROUP))
    config.releases.mkdir()
    os.chown(config.releases, NOBODY, NOBODY)
    assert "this user must own it and be a member of the group" in as_nobody(lambda: make_releases_folder(config))
