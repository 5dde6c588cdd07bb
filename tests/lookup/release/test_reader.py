"""Damaged, truncated, missing and mixed files: each is refused by name, and a reader that serves goes on serving."""

import json
import shutil

import duckdb
import pytest

import lookup
from lookup import Release, ReleaseError
from lookup.release import pointer
from lookup.release.arrays import FOOTER_BYTES, file_name
from lookup.release.manifest import digest as digest_of
from lookup.release.schema import ARRAYS, SCHEMA_VERSION, Array
from lookup.sealed import sealed
from tests.lookup.conftest import Two

FILES = ["items.ann", "catalog.duckdb", *(file_name(array.name) for array in ARRAYS)]


def refused(two: Two, name: str, verify: bool = False) -> str:
    """Opening says which file it is; the message."""
    with pytest.raises(ReleaseError) as raised:
        lookup.open(two.releases, verify=verify)
    assert str(two.releases / two.new / name) in str(raised.value)
    pointer.announce(two.releases, two.old)
    serving = lookup.open(two.releases)
    hits = serving.recommend("user-1", k=5)
    pointer.announce(two.releases, two.new)
    if not verify:  # what only `verify` sees is seen when publishing; serving opens it
        serving._live.look()
        assert serving.recommend("user-1", k=5) == hits
        assert serving.release.id == two.old
        assert str(two.releases / two.new / name) in str(serving.problem)
    return str(raised.value)


def test_whole_releases_open(two: Two) -> None:
    for release_id in (two.old, two.new):
        assert Release(two.releases / release_id, verify=True).id == release_id


@pytest.mark.parametrize("name", FILES)
def test_truncated(two: Two, name: str) -> None:
    path = two.releases / two.new / name
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    assert f"{size // 2} bytes found, {size} expected by the manifest" in refused(two, name)


@pytest.mark.parametrize("name", FILES)
def test_missing(two: Two, name: str) -> None:
    (two.releases / two.new / name).unlink()
    assert "it is missing" in refused(two, name)


@pytest.mark.parametrize("name", ["report.html", *FILES])
def test_one_flipped_bit(two: Two, name: str) -> None:
    path = two.releases / two.new / name
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)
    assert "damaged: sha256" in refused(two, name, verify=True)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.name)
def test_an_array_of_another_space(two: Two, array: Array) -> None:
    name = file_name(array.name)
    path = two.releases / two.new / name
    other = (two.releases / two.old / name).read_bytes()[-FOOTER_BYTES:]
    path.write_bytes(path.read_bytes()[:-FOOTER_BYTES] + other)
    assert "spaces are never mixed" in refused(two, name)


def test_an_annoy_index_of_another_space(two: Two) -> None:
    shutil.copyfile(two.releases / two.old / "items.ann", two.releases / two.new / "items.ann")
    set_size(two, "items.ann")
    assert "spaces are never mixed" in refused(two, "items.ann")


def test_an_annoy_index_that_is_none(two: Two) -> None:
    (two.releases / two.new / "items.ann").write_bytes(b"not an index")
    set_size(two, "items.ann")
    assert "Annoy cannot load it" in refused(two, "items.ann")


def test_a_catalog_of_another_space(two: Two) -> None:
    """Seen when every byte is checked; DuckDB is not opened to serve."""
    shutil.copyfile(two.releases / two.old / "catalog.duckdb", two.releases / two.new / "catalog.duckdb")
    set_size(two, "catalog.duckdb", digest=True)
    assert f"its id is {two.old}; that of manifest.json is {two.new}" in refused(two, "catalog.duckdb", verify=True)


def test_a_catalog_that_is_not_duckdb(two: Two) -> None:
    path = two.releases / two.new / "catalog.duckdb"
    path.write_bytes(bytes(path.stat().st_size))
    assert "not a DuckDB file" in refused(two, "catalog.duckdb")


def test_a_catalog_without_a_manifest(two: Two) -> None:
    path = two.releases / two.new / "catalog.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("DROP TABLE manifest")
    set_size(two, "catalog.duckdb", digest=True)
    assert "DuckDB cannot read its manifest" in refused(two, "catalog.duckdb", verify=True)


def test_a_manifest_of_an_old_schema(two: Two) -> None:
    edit_manifest(two, schema_version=0)
    assert f"schema version 0 found; this Daybreak reads versions 3 to {SCHEMA_VERSION}" in refused(
        two, "manifest.json"
    )


def test_the_manifest_of_another_release(two: Two) -> None:
    edit_manifest(two, id=two.old)
    assert f"it is the manifest of release {two.old}" in refused(two, "manifest.json")


def test_a_manifest_that_forgets_a_file(two: Two) -> None:
    path = two.releases / two.new / "manifest.json"
    data = json.loads(path.read_text())
    del data["files"]["arrays/user_hash.npy"]
    path.write_text(sealed(data))
    assert "its files lack arrays/user_hash.npy" in refused(two, "manifest.json")


def test_a_manifest_with_a_changed_number(two: Two) -> None:
    """Its own sha256 tells; where that fits, the catalog does, which knows the manifest by heart."""
    path = two.releases / two.new / "manifest.json"
    changed = path.read_text().replace('"next_power": 0.5', '"next_power": 0.7')
    path.write_text(changed)
    assert "damaged: its own sha256 is" in refused(two, "manifest.json")
    path.write_text(sealed(json.loads(changed)))
    with pytest.raises(
        ReleaseError, match=r'catalog\.duckdb: its encoder is .*"next_power": 0\.5.*manifest\.json is .*0\.7'
    ):
        lookup.open(two.releases, verify=True)


def test_an_encoder_that_does_not_fit(two: Two) -> None:
    path = two.releases / two.new / "manifest.json"
    data = json.loads(path.read_text())
    data["encoder"]["widths"] = [2, 4]
    path.write_text(sealed(data))
    expected = "the encoder's widths [2, 4] and the bias make 7 coordinates; vectors have 6"
    assert expected in refused(two, "manifest.json")


def test_a_release_that_is_not_there(two: Two) -> None:
    gone = "20200101T000000Z-0000"
    with pytest.raises(ReleaseError, match=f"{gone}: there is no such release"):
        lookup.open(two.releases, pin=gone)
    pointer.announce(two.releases, gone)
    with pytest.raises(ReleaseError, match=f"{gone}: there is no such release"):
        lookup.open(two.releases)


def edit_manifest(two: Two, **values: object) -> None:
    path = two.releases / two.new / "manifest.json"
    path.write_text(sealed(json.loads(path.read_text()) | values))


def set_size(two: Two, name: str, digest: bool = False) -> None:
    """Let the manifest expect the file that is there now, so that a later check must find the fault."""
    path = two.releases / two.new
    data = json.loads((path / "manifest.json").read_text())
    data["files"][name]["bytes"] = (path / name).stat().st_size
    if digest:
        data["files"][name]["sha256"] = digest_of(path / name)
    (path / "manifest.json").write_text(sealed(data))


def test_items_are_found_and_only_those_there_are_remembered(built: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Release(built.releases / built.new)
    monkeypatch.setattr("lookup.release.reader.CACHED", 7)
    for n in range(200):
        item = f"item-{n % 70}"
        assert release.find_item(item) == release.items.find(item)
        assert (release.find_item(item) >= 0) == (n % 70 < 60)
        assert len(release._item_rows) <= 7
    assert "item-69" not in release._item_rows
    assert release.find_item(f" {item} ") == release.find_item(item)
    assert f" {item} " not in release._item_rows
    with pytest.raises(TypeError, match="an id is text"):
        release.find_item(["item-1"])  # type: ignore[arg-type]
