"""The folder of a release: a build writes it under a temporary name, syncs it, and renames it, whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.infra.runs import Run
from lookup.release import manifest as manifests
from lookup.release import pointer
from lookup.release.manifest import FileFact

BUILDING = ".building-"


@contextmanager
def building(releases: Path, release_id: str) -> Iterator[Path]:
    """A folder to write a release into. It becomes the release when the context ends without an error."""
    folder = releases / f"{BUILDING}{release_id}"
    folder.mkdir(parents=True)
    try:
        yield folder
        folder.rename(releases / release_id)
        pointer.sync_folder(releases)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(run: Run, releases: Path) -> None:
    """Remove what killed builds left, and the release that this run built before, unless it was announced."""
    for folder in releases.glob(f"{BUILDING}*"):
        shutil.rmtree(folder)
    if not run.path("release.json").exists():
        return
    before = run.read_json("release.json")["id"]
    if before not in pointer.announced(releases):
        shutil.rmtree(releases / before, ignore_errors=True)
    run.path("release.json").unlink()


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
