"""Prune: remove old releases that nobody serves, reads, or would roll back to, and old events of the patch log."""

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from jobs.errors import ConfigError
from lookup.errors import DaybreakError
from lookup.patches.patch import micros
from lookup.patches.patch_log import PatchLog
from lookup.release import manifest, pointer
from lookup.release.locks import removing

PRUNING = ".pruning-"
"""Prefix of a release that is being deleted."""


@dataclass(frozen=True)
class Outcome:
    """What prune did with a release."""

    id: str
    bytes: int
    why: str | None = None
    """Why it stays; None where it is removed, or in a dry run would be."""


def prune(releases: Path, keep: int = 3, spare: Collection[str] = (), dry_run: bool = False) -> Iterator[Outcome]:
    """Remove old releases, the oldest first; yields an outcome for each release that the rules do not keep.

    keep: so many of the releases that rollbacks go through stay, CURRENT is one of them. spare: ids that stay as well.
    A release that was never announced stays while it is newer than CURRENT: it may yet be published. One that a reader
    has locked stays, and its outcome tells so. Prune renames a release before it deletes it, so that an interrupted
    prune leaves nothing half readable; the next prune deletes the rest. dry_run: change nothing.

    Raises ConfigError where `keep` is less than 1, ReleaseError where CURRENT is missing or not readable, DaybreakError
    where a folder cannot be renamed or deleted.
    """
    if keep < 1:
        raise ConfigError(f"--keep must be 1 or more, CURRENT is one of them; it is {keep}")
    if not dry_run:
        for leftover in releases.glob(f"{PRUNING}*"):
            _delete(leftover)
    for release_id in old_ids(releases, keep, spare):
        yield _remove(releases, release_id, keep, dry_run=dry_run)


def old_ids(releases: Path, keep: int = 3, spare: Collection[str] = ()) -> list[str]:
    """The ids of the releases that `prune` removes unless a reader holds them, the oldest first.

    Raises ReleaseError when CURRENT is missing or not readable.
    """
    kept = kept_ids(releases, keep) | set(spare)
    found = (path.name for path in releases.iterdir() if pointer.RELEASE_ID.fullmatch(path.name))
    return sorted(release_id for release_id in found if release_id not in kept)


def prune_log(releases: Path, log: PatchLog, before: date) -> int:
    """Remove from the patch log events from before a day, and statements that ended before it; returns how many.

    Only what every existing release has absorbed is removed.
    Raises ReleaseError where the manifest of a release is not readable, LogError where the log is not.
    """
    there = [path for path in releases.iterdir() if pointer.RELEASE_ID.fullmatch(path.name)]
    absorbed = min((manifest.read(path).patches_until for path in there), default=0)
    return log.prune(absorbed, micros(datetime.combine(before, time(), UTC)))


def kept_ids(releases: Path, keep: int) -> set[str]:
    """The ids of the releases that stay, locked or not. Raises ReleaseError where CURRENT is not readable."""
    stack = pointer.stack(releases)
    announced = pointer.announced(releases)
    there = (path.name for path in releases.iterdir() if pointer.RELEASE_ID.fullmatch(path.name))
    return {*stack[-keep:], *(name for name in there if name not in announced and name > stack[-1])}


def _remove(releases: Path, release_id: str, keep: int, *, dry_run: bool) -> Outcome:
    folder, away = releases / release_id, releases / f"{PRUNING}{release_id}"
    size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    with removing(folder) as held:
        if held is not None:
            return Outcome(release_id, size, held)
        # Somebody may have rolled back to it just now. From here on nobody can: this lock keeps readers out.
        if release_id in kept_ids(releases, keep):
            return Outcome(release_id, size, "it was announced meanwhile")
        if dry_run:
            return Outcome(release_id, size)
        try:
            folder.rename(away)
        except FileNotFoundError:
            return Outcome(release_id, size, "another prune removes it")
        except OSError as error:
            raise DaybreakError(f"{folder}: cannot be renamed, so it is not removed: {error.strerror}") from None
        pointer.sync_folder(releases)
    _delete(away)
    return Outcome(release_id, size)


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        raise DaybreakError(f"{folder}: some of it cannot be deleted; it is no longer readable as a release")
