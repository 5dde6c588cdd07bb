"""Files of this machine: written whole or not at all, linked, measured, removed."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def link(source: str | Path, target: str | Path) -> None:
    """Another name of a file; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to. It is on the disk, and replaces `path`, when the block ends without an error; else the old
    one stays."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def size(folder: Path) -> int:
    """Bytes of all files in a folder, as far as they are there."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a run that goes on removes files
            found += path.lstat().st_size if not path.is_dir() else 0
    return found


def remove(path: Path) -> None:
    """Remove a file or a folder, whether it exists or not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
