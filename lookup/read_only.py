"""Releases are read-only once they are whole, for their owner too; and they can be deleted all the same."""

import os
import shutil
from pathlib import Path

SEALED_FILE, SEALED_FOLDER, OPEN_FOLDER, OPEN_FILE = 0o444, 0o555, 0o755, 0o644


def seal(release: Path) -> None:
    """Make a release read-only, for its owner too."""
    for path in [*release.rglob("*"), release]:
        path.chmod(SEALED_FOLDER if path.is_dir() else SEALED_FILE)


def unseal(release: Path) -> None:
    """Let the owner of a release change all of it."""
    for path in [release, *release.rglob("*")]:
        path.chmod(OPEN_FOLDER if path.is_dir() else OPEN_FILE)


def delete_sealed(release: Path) -> None:
    """Delete a release, sealed or not, as far as that is possible; of a link, the link alone."""
    if release.is_symlink():
        release.unlink()
        return
    for folder, _, _ in os.walk(release):
        try:
            os.chmod(folder, OPEN_FOLDER)
        except OSError:
            continue  # of another user; what is in it stays
    shutil.rmtree(release, ignore_errors=True)
