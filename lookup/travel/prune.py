"""What stays in a folder of releases: old ones go that nobody serves, reads or would roll back to."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.release import manifest, pointer
from lookup.travel.removal import finish_removals, remove, size_of


@dataclass(frozen=True)
class Outcome:
    """What prune did with a release."""

    id: str
    bytes: int
    why: str | None = None
    """Why it stays; None where it was removed, or in a dry run would be."""


def prune(releases: Path, keep: int = 3, spare: Collection[str] = (), dry_run: bool = False) -> Iterator[Outcome]:
    """Remove old releases, the oldest first; yields an outcome for each that is removed, or that stays unexpectedly.

    keep: how many releases stay of those that rollbacks go through, CURRENT among them; 1 or more. spare: ids that stay
    besides. A release that was never announced stays as long as it is newer than CURRENT: it may yet be published. A
    release that a process reads stays. What stays and goes depends on CURRENT, HISTORY and locks alone, so releases of
    all schema versions are treated alike; one that stays but that this Daybreak cannot read is reported. Each is
    renamed before it is deleted, so that an interrupted prune leaves nothing half readable; the next one deletes the
    rest. dry_run: say what would be done.

    Raises ReleaseError where CURRENT is missing or not readable, DaybreakError where a folder cannot be renamed or
    deleted.
    """
    if not dry_run:
        finish_removals(releases)
    old = old_ids(releases, keep, spare)
    for release_id in old:
        yield _remove(releases, release_id, keep, dry_run=dry_run)
    for release_id in sorted(ids_in(releases) - set(old)):
        try:
            manifest.read(releases / release_id)
        except ReleaseError as error:
            yield Outcome(release_id, size_of(releases / release_id), f"it is to stay, but is not readable: {error}")


def old_ids(releases: Path, keep: int = 3, spare: Collection[str] = ()) -> list[str]:
    """The ids of the releases that `prune` removes unless a process reads them, the oldest first.

    Raises ReleaseError when CURRENT is missing or not readable.
    """
    kept = kept_ids(releases, keep) | set(spare)
    return sorted(release_id for release_id in ids_in(releases) if release_id not in kept)


def kept_ids(releases: Path, keep: int) -> set[str]:
    """The ids of the releases that stay though nobody reads them. Raises as `pointer.stack` does."""
    stack = pointer.stack(releases, keep)
    announced = pointer.announced(releases)
    waiting = {name for name in ids_in(releases) if name not in announced and name > stack[-1]}
    return {*stack[-keep:], *waiting}


def ids_in(releases: Path) -> set[str]:
    """The ids of the releases in a folder, whole or not."""
    return {path.name for path in releases.iterdir() if pointer.RELEASE_ID.fullmatch(path.name)}


def _remove(releases: Path, release_id: str, keep: int, *, dry_run: bool) -> Outcome:
    size = size_of(releases / release_id)

    def wanted() -> str | None:
        # Somebody may have rolled back to it just now.
        return "it was announced meanwhile" if release_id in kept_ids(releases, keep) else None

    return Outcome(release_id, size, remove(releases, release_id, wanted, dry_run=dry_run))
