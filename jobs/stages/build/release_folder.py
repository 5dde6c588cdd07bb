"""The folder of a release: a build writes it under a temporary name, syncs it, and renames it, whole or not at all."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jobs.infra.logging import log_line
from jobs.infra.runs import Run
from lookup.file_modes import delete_sealed, seal
from lookup.flock import NO_LOCKS, locked, still_there
from lookup.release import manifest as manifests
from lookup.release import pointer
from lookup.release.history import read_history
from lookup.release.manifest import FileFact
from lookup.travel.removal import remove

BUILDING = ".building-"


@contextmanager
def building(releases: Path, release_id: str) -> Iterator[Path]:
    """A folder to write a release into. It becomes the release, read-only, when the context ends without an error.

    A lock on the folder tells other builds that it is not a leftover; it ends with this process, also after kill -9.
    """
    folder = releases / f"{BUILDING}{release_id}"
    releases.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.callback(delete_sealed, folder)
        handle = _new_locked(folder)
        stack.callback(os.close, handle)
        yield folder
        seal(folder)
        folder.rename(releases / release_id)
        pointer.sync_folder(releases)


def remove_leftovers(run: Run, releases: Path) -> None:
    """Remove what killed builds left, and the release that this run built before, unless it was announced or a process
    reads it.
    """
    for folder in releases.glob(f"{BUILDING}*"):
        _remove_leftover(folder)
    if not run.path("release.json").exists():
        return
    before = pointer.checked_id(run.read_json("release.json", checked=False)["id"])

    def wanted() -> str | None:
        return "it was announced" if before in pointer.announced(releases) else read_history(releases).damage

    if wanted() is None and (why := remove(releases, before, wanted)) is not None:
        log_line("build", "not removed", release=before, why=why)
    run.path("release.json").unlink()


def _new_locked(folder: Path) -> int:
    """Make a folder; returns an open and locked handle of it."""
    while True:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Another build may have taken it for a leftover in between.
            if locked(handle, fcntl.LOCK_EX) and still_there(handle, folder):
                return handle
        except OSError as error:
            if error.errno in NO_LOCKS:
                return handle
            raise
        os.close(handle)
        time.sleep(0.01)


def _remove_leftover(folder: Path) -> None:
    """Remove the folder of a build that ended. That of a build at work has a lock."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if locked(handle, fcntl.LOCK_EX):
            delete_sealed(folder)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        log_line("build", "not removed", folder=folder, why="this file system has no locks")
    finally:
        os.close(handle)


def file_facts(folder: Path) -> dict[str, FileFact]:
    """Bytes and sha256 of every file in a folder, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): FileFact(path.stat().st_size, manifests.digest(path)) for path in files}


def sync(folder: Path) -> None:
    """Make every file in a folder durable, and their names."""
    for path in folder.rglob("*"):
        if path.is_dir():
            pointer.sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    pointer.sync_folder(folder)
