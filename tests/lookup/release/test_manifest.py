import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lookup import ReleaseError
from lookup.release import manifest
from lookup.release.schema import SCHEMA_VERSION
from lookup.sealed import sealed
from tests.lookup.conftest import Two
from tests.run_tables import FEATURES


def test_read_back_as_written(built: Two, tmp_path: Path) -> None:
    found = manifest.read(built.releases / built.new)
    assert found.id == built.new
    assert found.parent == built.old
    lists = {"K": 10, "O": 10, "S": 5, "B": 4, "P": 12, "N": 3}
    assert found.dims == lists | {"I": 60, "U": 40, "C": 5, "D": 6, "G": 2, "M": 1, "F": 4, "V": 2, "E": 320} | {
        "R": 0,
        "L": 7,
        "H": 2,
        "Q": 2,
        "T": 3,
        "J": 0,
        "W": 0,
        "X": 0,
    }
    assert found.features == FEATURES
    assert list(found.features) == sorted(FEATURES)
    assert found.patches_until == 0
    assert found.encoder.half_lives == (7.0, float("inf"))
    found.write(tmp_path)
    assert manifest.read(tmp_path) == found


def edited(folder: Path, edit: Callable[[dict[str, Any]], object]) -> str:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(sealed(data))
    with pytest.raises(ReleaseError) as raised:
        manifest.read(folder)
    assert str(path) in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda d: d.update(schema_version=0),
            f"schema version 0 found; this Daybreak reads versions 3 to {SCHEMA_VERSION}: build",
        ),
        (lambda d: d.pop("schema_version"), "schema version None found"),
        (lambda d: (d.pop("space_id"), d.pop("dims")), "space_id, dims missing"),
        (lambda d: d["encoder"].pop("repeat"), "encoder is not readable: KeyError('repeat')"),
        (lambda d: d["encoder"].pop("kept"), "encoder is not readable: KeyError('kept')"),
        (lambda d: d.update(encoder=None), "encoder is not readable"),
        (lambda d: d["annoy"].pop("norm"), "annoy is not as expected: .*norm"),
        (lambda d: d["annoy"].update(norm="1"), "annoy is not as expected: norm is '1'"),
        (lambda d: d["annoy"].update(trees=1.5), "annoy is not as expected: trees is 1.5"),
        (lambda d: d["search"].update(search_k=1.5), "search is not as expected: search_k is 1.5"),
        (lambda d: d.pop("search"), "search missing"),
        (
            lambda d: d["describe"].update(price_bounds=[1, "2"]),
            "describe is not as expected: price_bounds is .1, '2'",
        ),
        (lambda d: d["encoder"].update(mix=[[1]]), "the manifest's encoder is not readable: ValueError"),
        (lambda d: d["encoder"].update(repeat_mix=[]), "the manifest's encoder is not readable: ValueError"),
        (lambda d: d["encoder"].pop("parts"), "encoder is not readable: KeyError('parts')"),
        (lambda d: d["encoder"]["parts"].pop(), "encoder is not readable: ValueError('parts of 1 heads for 2')"),
        (lambda d: d["encoder"]["parts"][1].update(name="behaviour"), "one of them twice"),
        (lambda d: d["encoder"]["parts"][1].update(newcomer="guess"), "'guess', cosine=0.5) is no part"),
        (lambda d: d["encoder"]["parts"][1].update(weight=1e9), "its numbers are out of range"),
        (
            lambda d: d.update(schema_version=4) or d["describe"].update(weight="high"),
            "describe is not as expected: weight is 'high'",
        ),
        (lambda d: d.update(features={"a": "date"}), "features are .*'number' or 'text' expected"),
        (lambda d: d.update(patches_until=-1), "patches_until is -1; a position"),
        (lambda d: d.update(files=["a"]), "files are .*names inside the release expected"),
        (lambda d: d["files"].update(x={"bytes": 1}), "files are .*each with its bytes and its sha256"),
        (lambda d: d.update(space_id="xyz"), "space_id is 'xyz'; 16 hexadecimal digits expected"),
        (lambda d: d["dims"].update(K="10"), "dims are .*; a size, 0 or more, expected for each of I, U"),
        (lambda d: d["dims"].pop("P"), "dims are .*; a size"),
        (lambda d: d.update(override="Ada"), "override is 'Ada'; an object or null expected"),
    ],
)
def test_what_is_not_as_expected_is_refused(two: Two, edit: Callable[[dict[str, Any]], object], said: str) -> None:
    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), edited(two.releases / two.new, edit))


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\xff", "[" * 100_000, "9" * 5000])
def test_what_is_not_json_is_refused(two: Two, text: str) -> None:
    path = two.releases / two.new / "manifest.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ReleaseError, match=str(path)):
        manifest.read(path.parent)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"manifest\.json: it is missing; a release without"):
        manifest.read(tmp_path)
