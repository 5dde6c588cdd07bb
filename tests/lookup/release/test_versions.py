"""Releases of older schema versions open and answer as in their time; newer and too old ones are refused by number."""

import json
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import lookup
from lookup.errors import VersionError
from lookup.release import manifest, pointer, schema
from lookup.release.arrays import file_name, settle
from lookup.release.catalog_schema import CATALOG, columns_of
from lookup.release.locks import LOCKED_FILE
from lookup.release.manifest import Manifest, oldest_readable
from lookup.release.reader import Release
from lookup.release.schema import ARRAYS, FIRST_VERSION, LETTERS, SCHEMA_VERSION, UNSHARDED_VERSION
from lookup.release.shards.files import files_of
from lookup.sealed import sealed
from tests import golden_release
from tests.golden_release import COMMAND, answers, archive, expected, unpack, versions
from tests.lookup.release.versions import NEEDED, NEXT, as_if_new, at_next_version, set_version


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """The folder of the golden release of today's version without shards."""
    return unpack(UNSHARDED_VERSION, tmp_path)


def test_there_is_a_golden_release_of_every_version() -> None:
    assert versions() == list(range(FIRST_VERSION, SCHEMA_VERSION + 1)), (
        f"`{COMMAND}` writes the one of today's version"
    )
    assert sum(archive(version).stat().st_size for version in versions()) < 100_000 * len(versions())


def test_a_golden_release_is_never_replaced() -> None:
    before = archive(SCHEMA_VERSION).read_bytes()
    with pytest.raises(FileExistsError, match="exists and stays as it is"):
        golden_release.write()
    assert archive(SCHEMA_VERSION).read_bytes() == before


def test_the_version_before_is_readable() -> None:
    """Else rolling back, the gate and pruning fail on the night that changes the format."""
    assert oldest_readable() <= max(SCHEMA_VERSION - 1, FIRST_VERSION)


def test_every_version_has_the_file_that_readers_lock() -> None:
    assert LOCKED_FILE == "arrays/item_hash.npy"
    assert schema.array("item_hash").since == FIRST_VERSION


@pytest.mark.parametrize("version", versions())
def test_golden_releases_answer_as_in_their_time(version: int, tmp_path: Path) -> None:
    releases = unpack(version, tmp_path)
    release = releases / pointer.read(releases)
    if version < oldest_readable():
        with pytest.raises(VersionError, match=f"schema version {version} found; this Daybreak reads"):
            Release(release)
        return
    assert Release(release, verify=True).manifest.schema_version == version
    assert_equal(answers(releases), expected(version))


@pytest.mark.parametrize("version", versions())
def test_golden_releases_have_what_their_version_promises(version: int, tmp_path: Path) -> None:
    """What is new needs a `since` above the versions that there are, else releases of today would have to have it."""
    releases = unpack(version, tmp_path)
    folder = releases / pointer.read(releases)
    arrays = {
        name for name in json.loads((folder / "manifest.json").read_text())["files"] if name.startswith("arrays/")
    }
    stated = {name for name in files_of(manifest.read(folder)) if name.startswith("arrays/")}
    assert arrays == stated
    assert len(schema.arrays_of(version)) <= len(stated)
    with duckdb.connect(str(folder / "catalog.duckdb"), read_only=True) as catalog:
        for table in CATALOG:
            query = f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table.name}'"
            stated = [(column.name, column.type) for column in columns_of(table.name, version)]
            assert sorted(catalog.sql(query).fetchall()) == sorted(stated), f"{table.name} of version {version}"


def test_nothing_is_newer_than_the_version_that_is_written() -> None:
    columns = [column for table in CATALOG for column in table.columns]
    newest = max(one.since for one in (*ARRAYS, *LETTERS, *CATALOG, *columns))
    assert newest <= SCHEMA_VERSION, f"raise SCHEMA_VERSION in lookup/release/schema.py to {newest}"


def test_the_golden_release_shows_more_than_fallbacks() -> None:
    said = expected(SCHEMA_VERSION)
    sources = {
        hit[2] for call, answer in said.items() if call.split()[0] not in ("item", "search", "added") for hit in answer
    }
    assert sources == {"list", "session", "similar", "category", "popular", "again"}


def test_an_array_of_a_later_version_has_its_stand_in(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_next_version(monkeypatch)
    assert oldest_readable() <= SCHEMA_VERSION
    release = Release(golden / pointer.read(golden), verify=True)
    shades = release.arrays["item_shade"]
    np.testing.assert_array_equal(shades, np.full((30, 2), -1, dtype=np.int32))
    assert shades.dtype == np.int32
    assert not shades.flags.writeable
    assert release.manifest.dims["Z"] == 2
    assert_equal(answers(golden), expected(UNSHARDED_VERSION))


NAN = float("nan")
KEY_PARTS = ("hash", "id_offsets", "id_bytes")


@pytest.mark.parametrize(
    "stand_ins",
    [
        {"user_again_item": -1, "user_again_score": 0, "B": 0},
        {"item_topk_item": -1, "item_topk_score": 0, "S": 0},
        {"user_topk_item": -1, "user_topk_score": 0, "K": 3},
        {"popular_item": -1, "popular_score": 0, "P": 2, "item_popularity": 0},
        {"item_next_item": -1, "item_next_weight": 0, "item_repeat": 0, "N": 1},
        {"user_history_offsets": 0, "user_history_item": 0, "user_history_day": 0, "user_history_weight": 0, "E": 0},
        {"item_price": NAN, "item_usual_price": NAN, "item_in_stock": 1},
        {"item_brand": -1, "M": 0} | {f"brand_{part}": 0 for part in KEY_PARTS},
        {"label_vector": 0, "label_text": 0, "label_look": 0, "L": 0} | {f"label_{part}": 0 for part in KEY_PARTS},
    ],
    ids=lambda stand_ins: next(iter(stand_ins)),
)
def test_callers_need_no_if_for_a_stand_in(
    golden: Path, monkeypatch: pytest.MonkeyPatch, stand_ins: dict[str, float]
) -> None:
    """Of every kind of array: the golden release without its files answers, from what it has."""
    folder = golden / pointer.read(golden)
    data = json.loads((folder / "manifest.json").read_text())
    for name in stand_ins:
        if len(name) == 1:
            del data["dims"][name]
        else:
            (folder / file_name(name)).unlink()
            del data["files"][file_name(name)]
    (folder / "manifest.json").write_text(sealed(data))
    as_if_new(monkeypatch, stand_ins)
    said, wanted = answers(golden), expected(UNSHARDED_VERSION)
    assert len(said["recommend nobody"]) == 6
    assert said["item item-5"] == wanted["item item-5"]
    release = Release(folder)
    for array in release.arrays.values():
        settle(array)
    if "item_topk_item" in stand_ins:
        assert {hit[2] for hit in said["similar item-5"]} == {"category"}
    if "B" in stand_ins:
        assert said["buy_again user-0"] == []
        assert_equal(said["recommend user-0"], wanted["recommend user-0"])


def test_a_reader_follows_across_versions(golden: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Opening to serve reads the files that the release has, not those of its reader's version."""
    at_next_version(monkeypatch)
    other = unpack(UNSHARDED_VERSION, tmp_path / "other")
    current = pointer.read(golden)
    later = current[:-4] + "ffff"
    (other / current).rename(golden / later)
    path = golden / later / "manifest.json"
    path.write_text(sealed(json.loads(path.read_text().replace(current, later))))
    shop = lookup.open(golden)
    pointer.announce(golden, later)
    assert shop._live.follower.look().id == later
    assert shop.problem is None
    shop.close()


def test_a_manifest_is_written_as_its_own_version(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`validate` writes an override into a release that another version built: the catalog still agrees."""
    folder = golden / pointer.read(golden)
    before = json.loads((folder / "manifest.json").read_text())
    at_next_version(monkeypatch)
    manifest.read(folder).write(folder)
    assert (folder / "manifest.json").read_text() == sealed(before)


def test_an_array_without_a_stand_in_needs_releases_that_have_it(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_next_version(monkeypatch, NEEDED, ())
    said = rf"schema version {UNSHARDED_VERSION} found; this Daybreak reads version {NEXT}: build the release again"
    with pytest.raises(VersionError, match=said):
        lookup.open(golden)


def test_a_release_that_lacks_what_its_version_promises_is_damaged(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_next_version(monkeypatch, letters=())
    set_version(golden / pointer.read(golden), NEXT)
    with pytest.raises(lookup.ReleaseError, match=r"its files lack arrays/item_shade\.npy"):
        lookup.open(golden)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (NEXT, "a newer Daybreak wrote the release; install that one here, or go back to an older release"),
        (FIRST_VERSION - 1, "build the release again, or read it with the Daybreak that wrote it"),
    ],
)
def test_other_versions_are_refused_by_number(golden: Path, version: int, remedy: str) -> None:
    folder = golden / pointer.read(golden)
    set_version(folder, version)
    known = f"version {SCHEMA_VERSION}" if SCHEMA_VERSION == FIRST_VERSION else f"versions .* to {SCHEMA_VERSION}"
    with pytest.raises(
        VersionError, match=f"manifest.json: schema version {version} found; this Daybreak reads {known}"
    ):
        Release(folder)
    with pytest.raises(VersionError, match=remedy):
        manifest.read(folder)


@pytest.mark.parametrize("version", [None, "3", True, 3.0])
def test_a_version_that_is_no_number_is_damage(golden: Path, version: object) -> None:
    folder = golden / pointer.read(golden)
    set_version(folder, version)
    with pytest.raises(lookup.ReleaseError, match="the manifest is damaged") as raised:
        manifest.read(folder)
    assert not isinstance(raised.value, VersionError)


class TestAFieldOfTheManifest:
    """Fields that a later version brings, in the manifest itself and in a part of it."""

    def later(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        """The manifest gets `shades`, its part `annoy` gets `depth`."""
        at_next_version(monkeypatch)
        new = field(metadata={"since": NEXT}, kw_only=True, **options)
        kind = make_dataclass("Manifest", [("shades", int, new)], bases=(Manifest,), frozen=True)
        monkeypatch.setattr(manifest, "Manifest", kind)
        monkeypatch.setitem(manifest.KEYS, "shades", "shades")
        depth = field(default=9, metadata={"since": NEXT})
        part = make_dataclass("AnnoyFact", [("depth", int, depth)], bases=(manifest.AnnoyFact,), frozen=True)
        monkeypatch.setitem(manifest.PARTS, "annoy", part)

    def test_has_its_default_in_older_releases(self, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = golden / pointer.read(golden)
        before = json.loads((folder / "manifest.json").read_text())
        self.later(monkeypatch, default=7)
        found: Any = Release(folder, verify=True).manifest
        assert (found.shades, found.annoy.depth) == (7, 9)
        found.write(folder)
        assert (folder / "manifest.json").read_text() == sealed(before)

    def test_without_a_default_needs_releases_that_have_it(self, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.later(monkeypatch)
        with pytest.raises(VersionError, match=f"this Daybreak reads version {NEXT}"):
            lookup.open(golden)


def assert_equal(found: Any, wanted: Any) -> None:
    """The same JSON; numbers may differ as sums do that are ordered otherwise on another processor."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert_equal(found[key], value)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, value in zip(found, wanted, strict=True):
            assert_equal(one, value)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=2e-5)
    else:
        assert found == wanted
