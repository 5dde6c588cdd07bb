"""Another schema version than today's, for tests: as if a later Daybreak read and wrote releases."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lookup.release import schema
from lookup.release.schema import ARRAYS, LETTERS, SCHEMA_VERSION, Array, Letter
from lookup.sealed import sealed

NEXT = SCHEMA_VERSION + 1
SIZE = Letter("Z", "shades of an item", since=NEXT, stand_in=2)
SHADES = Array("item_shade", "int32", ("I", "Z"), "its shades", since=NEXT, stand_in=-1)
"""An array and a letter that the next version brings, with stand-ins."""
NEEDED = Array("item_shade", "int32", ("I",), "its shade", since=NEXT)
"""An array that the next version brings and cannot do without."""


def at_next_version(
    monkeypatch: pytest.MonkeyPatch, array: Array = SHADES, letters: tuple[Letter, ...] = (SIZE,)
) -> None:
    """Have this process read and write the next schema version, which brings an array."""
    monkeypatch.setattr(schema, "SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(schema, "LETTERS", (*LETTERS, *letters))
    monkeypatch.setattr(schema, "ARRAYS", (*ARRAYS, array))
    monkeypatch.setattr(schema, "_BY_NAME", {one.name: one for one in (*ARRAYS, array)})


def as_if_new(monkeypatch: pytest.MonkeyPatch, stand_ins: dict[str, float]) -> None:
    """Have this process read the next schema version, as if it brought these arrays and letters of today's."""
    monkeypatch.setattr(schema, "SCHEMA_VERSION", NEXT)
    for name, stated in (("ARRAYS", ARRAYS), ("LETTERS", LETTERS)):
        changed = []
        for one in stated:
            key = one.name if isinstance(one, Array) else one.letter
            changed.append(replace(one, since=NEXT, stand_in=stand_ins[key]) if key in stand_ins else one)
        monkeypatch.setattr(schema, name, tuple(changed))


def set_version(release: Path, version: object) -> None:
    """Let the manifest of a release say another schema version."""
    path = release / "manifest.json"
    path.write_text(sealed(json.loads(path.read_text()) | {"schema_version": version}))
