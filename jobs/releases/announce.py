"""The releases there are, and which of them CURRENT names. Whatever is announced was verified, byte by byte, just
before."""

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
    """Why it cannot be served, as far as sizes and headers tell; None where it can."""
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

    Raises ReleaseError when there is no such release, or when it is damaged; CURRENT then stays as it is.
    """
    release = open_locked(releases, release_id, verify=True)  # held until it is announced: `daybreak prune` leaves it
    pointer.announce(releases, release.id)


def rollback(releases: Path) -> str:
    """Point CURRENT at the release that was announced before the one in place, every byte verified; returns its id.

    Raises ReleaseError when there is none, or when it is damaged; CURRENT then stays as it is.
    """
    release = open_locked(releases, pointer.before_current(releases), verify=True)
    pointer.announce(releases, release.id, "rollback")
    return release.id


def releases(folder: Path) -> list[ReleaseRow]:
    """The releases in a folder, newest first; damaged ones say what is wrong. Empty where the folder is missing.

    Raises ReleaseError when CURRENT is there, but not readable.
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
