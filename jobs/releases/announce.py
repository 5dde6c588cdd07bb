"""Announce a release, roll back, and list the releases. Every byte of a release is verified before CURRENT names it."""

from dataclasses import dataclass
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.release import manifest, pointer
from lookup.release.locks import open_locked
from lookup.release.reader import open_from


@dataclass(frozen=True)
class ReleaseRow:
    """A release in a folder of releases."""

    id: str
    current: bool
    problem: str | None
    """Why no reader can serve it, as far as sizes and headers tell; None where one can."""
    date: str = ""
    items: int = 0
    users: int = 0

    def __str__(self) -> str:
        mark = "*" if self.current else " "
        if self.problem:
            return f"{mark} {self.id}  DAMAGED: {self.problem}"
        return f"{mark} {self.id}  night of {self.date}, {self.items:,} items, {self.users:,} users"


def announce(releases: Path, release_id: str) -> None:
    """Verify every byte of a release, and point CURRENT at it.

    Raises ReleaseError where there is no such release, or where it is damaged. CURRENT then stays as it is.
    """
    release = open_locked(releases, release_id, verify=True)  # locked until CURRENT names it, so that prune leaves it
    pointer.announce(releases, release.id)


def rollback(releases: Path) -> str:
    """Verify every byte of the release announced before the incumbent, and point CURRENT back at it; returns its id.

    Raises ReleaseError where there is none, or where it is damaged. CURRENT then stays as it is.
    """
    release = open_locked(releases, pointer.before_current(releases), verify=True)
    pointer.announce(releases, release.id, "rollback")
    return release.id


def releases(folder: Path) -> list[ReleaseRow]:
    """The releases in a folder, newest first, each with its problem if it has one. Empty where the folder is missing.

    Raises ReleaseError where CURRENT exists but is not readable.
    """
    current = pointer.read_or_none(folder)
    there = {path.name for path in folder.glob("*") if pointer.RELEASE_ID.fullmatch(path.name)}
    ids = sorted(there | ({current} if current else set()), reverse=True)
    return [_row(folder, release_id, release_id == current) for release_id in ids]


def _row(folder: Path, release_id: str, current: bool) -> ReleaseRow:
    try:
        facts: manifest.Manifest = open_from(folder, release_id).manifest
    except ReleaseError as error:
        return ReleaseRow(release_id, current, str(error))
    return ReleaseRow(release_id, current, None, facts.date, facts.counts["items"], facts.counts["users"])
