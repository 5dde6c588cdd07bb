"""Remove the folder of a release that nobody reads, so that no reader ever meets half of one."""

import os
from collections.abc import Callable
from pathlib import Path

from lookup.errors import DaybreakError
from lookup.file_modes import delete_sealed
from lookup.release import pointer
from lookup.release.locks import removing

PRUNING = ".pruning-"
"""Prefix of a release that is being deleted."""


def remove(releases: Path, release_id: str, wanted: Callable[[], str | None], *, dry_run: bool = False) -> str | None:
    """Remove a release unless a process reads it or it is wanted. It is renamed first, and then deleted.

    wanted: why it must stay after all; None where it need not. It is asked when no reader can come any more. dry_run:
    only say whether it would go. Returns why the release stays; None where it is removed, or in a dry run would be.

    Raises DaybreakError where a folder cannot be renamed or deleted.
    """
    folder, away = releases / release_id, releases / f"{PRUNING}{release_id}"
    with removing(folder) as readers:
        why = readers if readers is not None else wanted()
        if why is not None or dry_run:
            return why
        try:
            folder.rename(away)
        except FileNotFoundError:
            return "another process removes it"
        except OSError as error:
            raise DaybreakError(f"{folder}: cannot be renamed, so it is not removed: {error.strerror}") from None
        pointer.sync_folder(releases)
    delete(away)
    return None


def finish_removals(releases: Path) -> None:
    """Delete what interrupted removals left. Raises as `remove` does."""
    for leftover in releases.glob(f"{PRUNING}*"):
        delete(leftover)


def delete(folder: Path) -> None:
    """Delete a folder with all that it holds, sealed or not. Raises DaybreakError where some of it stays."""
    delete_sealed(folder)
    if os.path.lexists(folder):
        raise DaybreakError(f"{folder}: some of it cannot be deleted; it is no longer readable as a release")


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder, as far as they are there."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except FileNotFoundError:  # another process removes it
                continue
    return total
