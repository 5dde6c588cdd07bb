"""What a release may not be: with links, files outside, rows that do not exist, numbers that make no sense, or ids that
are paths."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import lookup
from lookup import ReleaseError
from lookup.release import manifest, pointer
from lookup.release.arrays import file_name
from lookup.release.locks import open_locked
from lookup.release.schema import ARRAYS, Array
from lookup.sealed import sealed
from tests.lookup.conftest import Two

ROWS = [array for array in ARRAYS if array.rows_of and array.name != "group_item"]  # empty here: `test_groups`
PLACES = [array for array in ARRAYS if array.places_in]


@pytest.mark.parametrize("release_id", ["../releases/{}", "{}/", "{}/.", "{}\n", "", ".", "..", "CURRENT", None, 7])
def test_only_ids_are_opened(two: Two, release_id: Any) -> None:
    """None of them a path, wherever it leads."""
    wrong = release_id.format(two.new) if isinstance(release_id, str) else release_id
    arms = {"a": two.new, "b": wrong}
    calls: list[Callable[[], object]] = [
        lambda: open_locked(two.releases, wrong),
        lambda: lookup.open(two.releases, arms=arms, salt="s"),
        lambda: pointer.announce(two.releases, wrong),
    ]
    if wrong is not None:
        calls.append(lambda: lookup.open(two.releases, pin=wrong))
    for call in calls:
        with pytest.raises(ReleaseError, match="is not the id of a release"):
            call()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "/dev/zero", "arrays/../../x", "a//b", "", "a\nb", ".hidden", "ä"]
)
def test_a_manifest_names_only_files_inside(two: Two, name: str) -> None:
    changed(two, lambda data: data["files"].update({name: {"bytes": 0, "sha256": "0" * 64}}))
    with pytest.raises(ReleaseError, match=r"files are .*names inside the release expected"):
        lookup.open(two.releases)


def test_links_are_no_files_of_a_release(two: Two, tmp_path: Path) -> None:
    release = two.releases / two.new
    (release / "arrays").rename(tmp_path / "arrays")
    (release / "arrays").symlink_to(tmp_path / "arrays")
    with pytest.raises(ReleaseError, match="arrays: a link; a release holds its files itself"):
        lookup.open(two.releases)
    (release / "arrays").unlink()
    (tmp_path / "arrays").rename(release / "arrays")
    (release / "items.ann").rename(tmp_path / "items.ann")
    (release / "items.ann").symlink_to(tmp_path / "items.ann")
    with pytest.raises(ReleaseError, match=r"items\.ann: no plain file"):
        lookup.open(two.releases)


def changed(two: Two, change: Callable[[dict[str, Any]], object]) -> None:
    path = two.releases / two.new / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(sealed(data))


@pytest.mark.parametrize("array", ROWS, ids=lambda array: array.name)
def test_rows_that_do_not_exist_are_refused_at_open(two: Two, array: Array) -> None:
    path = two.releases / two.new / file_name(array.name)
    facts = manifest.read(two.releases / two.new)
    assert array.rows_of is not None
    high = facts.dims[array.rows_of]
    for wrong in (high, -2, *([] if array.ends else [-1])):
        values = np.load(path, mmap_mode="r+").reshape(-1)
        before, values[-1] = values[-1], wrong
        values.flush()
        with pytest.raises(ReleaseError, match=rf"{array.name}\.npy: it holds row {wrong}; rows from .* to {high - 1}"):
            lookup.open(two.releases)
        values[-1] = before
        values.flush()
    assert lookup.open(two.releases).release.id == two.new


@pytest.mark.parametrize("array", PLACES, ids=lambda array: array.name)
def test_places_that_do_not_exist_are_refused_at_open(two: Two, array: Array) -> None:
    path = two.releases / two.new / file_name(array.name)
    values = np.load(path, mmap_mode="r+")
    for place, wrong, said in ((0, 1, "begins at 0"), (-1, 10**12, "has"), (1, 10**12, "fall"), (1, -5, "fall")):
        if len(values) < 3 and place == 1:
            continue
        before, values[place] = values[place], wrong
        values.flush()
        with pytest.raises(ReleaseError, match=rf"{array.name}\.npy: .*{said}"):
            lookup.open(two.releases)
        values[place] = before
        values.flush()
    assert lookup.open(two.releases).release.id == two.new


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["search"].update(method="guess"), "method is 'guess'; expected scan, sketch, annoy"),
        (lambda d: d["search"].update(method=None), "search is not as expected: method is None"),
        (lambda d: d["search"].update(search_k=10**30), "search_k is 1000"),
        (lambda d: d["search"].update(survivors=-1), "survivors is -1"),
        (lambda d: d["search"].update(recall=float("nan")), "recall is nan"),
        (lambda d: d["search"].update(method="sketch"), "search says sketch, but there are no projections"),
        (lambda d: d["encoder"].update(next_power=1e30), "encoder is not readable"),
        (lambda d: d["encoder"].update(next_power=float("nan")), "encoder is not readable"),
        (lambda d: d["encoder"].update(kept=-1), "encoder is not readable"),
        (lambda d: d["encoder"].update(repeat=float("inf")), "encoder is not readable"),
        (lambda d: d["encoder"].update(half_lives=[float("nan")] * 2), "encoder is not readable"),
        (lambda d: d["encoder"].update(half_lives=[-1, 0]), "encoder is not readable"),
        (lambda d: d["encoder"]["mix"][0].__setitem__(0, float("nan")), "encoder is not readable"),
        (lambda d: d["encoder"].update(repeat_mix=[10**400, 1]), "encoder is not readable"),
        (lambda d: d["encoder"].update(widths=[6, -1]), "encoder is not readable"),
        (lambda d: d["describe"].update(temperature=0), "temperature is 0"),
        (lambda d: d["describe"].update(bias=float("nan")), "bias is nan"),
        (lambda d: d["annoy"].update(norm=float("inf")), "norm is inf"),
        (lambda d: d["annoy"].update(file="../items.ann"), "the name of a file expected"),
        (lambda d: d["annoy"].update(trees=True), "trees is True"),
        (lambda d: d["dims"].update(I=10**30), "dims are"),
        (lambda d: d["weights"].update(view=float("inf")), "weights are"),
        (lambda d: d.update(max_history=0), "max_history is 0"),
        (lambda d: d.update(max_history=10**30), "max_history is 1000"),
        (lambda d: d.update(patches_until=10**30), "patches_until is 1000"),
        (lambda d: d.update(id="../x"), "id is '../x'; the id of a release expected"),
        (lambda d: d.update(parent="/etc"), "parent is '/etc'"),
        (lambda d: d["files"]["items.ann"].update(sha256="0"), "files are"),
        (lambda d: d["files"]["items.ann"].update(bytes=-1), "files are"),
    ],
)
def test_what_makes_no_sense_in_a_manifest_is_refused(
    two: Two, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    changed(two, change)
    with pytest.raises(ReleaseError) as raised:
        lookup.open(two.releases)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 2000


def test_any_flipped_bit_of_a_manifest_is_refused(two: Two) -> None:
    release = two.releases / two.new
    raw = (release / "manifest.json").read_bytes()
    accepted = []
    for place in [*range(0, len(raw) * 8 - 1000, 97), *range(len(raw) * 8 - 1000, len(raw) * 8)]:
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        (release / "manifest.json").write_bytes(flipped)
        try:
            manifest.read(release)
            accepted.append(place)
        except ReleaseError:
            continue
    assert accepted == []


def test_a_catalog_that_somebody_writes_to_keeps_nobody_from_verifying(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    """DuckDB lets a writer in alone. So a copy is read; to verify, the sha256 is enough."""
    release = two.releases / two.new
    (release / "catalog.duckdb.wal").write_bytes(b"")  # as while somebody writes
    assert lookup.Release(release, verify=True).id == two.new
    assert "`duckdb -readonly FILE`" in caplog.text


def test_a_catalog_reads_no_files_when_it_is_verified(two: Two, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    path = two.releases / two.new / "catalog.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("ALTER TABLE manifest RENAME TO other")
        db.execute(f"CREATE VIEW manifest AS SELECT key, (SELECT content FROM read_text('{secret}')) value FROM other")
    changed(
        two,
        lambda data: data["files"].update(
            {"catalog.duckdb": {"bytes": path.stat().st_size, "sha256": manifest.digest(path)}}
        ),
    )
    with pytest.raises(ReleaseError, match="disabled by configuration"):
        lookup.Release(two.releases / two.new, verify=True)


def test_files_that_cannot_be_read_are_named(two: Two) -> None:
    path = two.releases / two.new / "manifest.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(ReleaseError, match=r"manifest\.json: "):
        lookup.open(two.releases)
    shutil.rmtree(two.releases / two.new)
    (two.releases / two.new).write_text("")
    with pytest.raises(ReleaseError, match="there is no such release"):
        lookup.open(two.releases)
