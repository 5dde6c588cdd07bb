"""The note in a folder of the driver's disk that says where the same folder is on storage."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jobs.infra.storage.disk import whole_file

NOTE = "_storage.json"
"""Its file. Spark and Arrow pass over files whose names begin with `_`."""

Note = dict[str, Any]
"""`at`: where the folder is, below the URL of the work folder. `files`: the bytes and sha256 of each, by its path in
the folder. On storage `texts`, too: its other files, which are small."""


def read_note(folder: Path) -> Note | None:
    """Where a folder of the driver is on storage; None where nobody brought it there."""
    try:
        found: Note = json.loads((folder / NOTE).read_text())
    except FileNotFoundError:
        return None
    return found


def write_note(folder: Path, place: str, names: Iterable[str]) -> Note:
    """Say where a folder is. names: of its files, which are on storage."""
    note = {"at": place, "files": facts_of(folder, names)}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / NOTE, dumped(note))
    return note


def dumped(note: Note) -> str:
    """A note as it is written, always in the same way: a night compares files by their bytes."""
    return json.dumps(note, sort_keys=True)


def facts_of(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The bytes and sha256 of files in a folder, by name."""
    names = list(names)
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: _fact(folder / name), names), strict=True))


def names_in(folder: Path) -> list[str]:
    """The files below a folder that belong to it, sorted."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.rpartition("/")[2].startswith(".") and name != NOTE)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all, where it has another text."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(text.encode())


def _fact(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
