"""`FORMAT.md` says what the code says, and its example runs."""

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from lookup.release.manifest import KEYS, PARTS, Manifest
from lookup.release.schema import ARRAYS, LETTERS, Array
from lookup.sealed import SEAL
from tests import release_format
from tests.lookup.conftest import Two
from tests.release_format import COMMAND, FILE, docs_of, json_type, older, page, rows_of


def test_it_is_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), f"{FILE} is stale: `{COMMAND}` writes it anew"


def test_a_change_of_the_schema_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Array("item_colour", "int32", ("I",), "its colour", since=4, stand_in=-1)
    monkeypatch.setattr(release_format, "ARRAYS", (*ARRAYS, new))
    assert "| `item_colour` | int32 | I | 4 | -1 | its colour |" in page()


def test_every_letter_of_a_shape_has_a_meaning() -> None:
    used = {size[0] for array in ARRAYS for size in array.shape}
    assert used == {one.letter for one in LETTERS} | {"*"}
    assert len({one.letter for one in LETTERS}) == len(LETTERS)


def test_docs_and_types_are_those_of_the_fields() -> None:
    assert docs_of(Example) == {"first": ("dict[str, int]", "The first, on two lines."), "second": ("int | None", "")}
    assert [json_type(kind) for kind in ("dict[str, int]", "int | None", "tuple[float, ...]", "Example")] == [
        "object",
        "whole number or null",
        "list",
        "object",
    ]
    assert older(ARRAYS[0]) == "needed"


@dataclass
class Example:
    first: dict[str, int]
    """The first,
    on two lines."""
    second: int | None


def test_the_keys_are_those_of_a_manifest(built: Two) -> None:
    data = json.loads((built.releases / built.new / "manifest.json").read_text())
    optional = {KEYS[one.name] for one in fields(Manifest) if one.metadata.get("optional")}
    assert [key for key in (*keys_in(Manifest), SEAL) if key in data or key not in optional] == list(data)
    for name, kind in PARTS.items():
        assert keys_in(kind) == list(data[KEYS[name]])


def keys_in(kind: type) -> list[str]:
    return [row[0].strip("`") for row in rows_of(kind)]


def test_the_example_reads_a_release(built: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
    monkeypatch.chdir(built.releases.parent)
    found: dict = {}
    exec(compile(code, str(Path("FORMAT.md")), "exec"), found)
    assert found["manifest"]["id"] == built.new
    assert len(found["nearest"]) == len(found["items"]) == 5
