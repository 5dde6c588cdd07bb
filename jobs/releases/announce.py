"""Announce a release, roll back, and list the releases.

Every byte of a release is verified before CURRENT names it, and only a release that `validate` passed, or whose verdict
a person overrode, is announced.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jobs.config.config import Override
from jobs.errors import ValidationError
from jobs.releases.remote import travelling
from jobs.releases.validation import check_announced, override_verdict, why_not_announced
from lookup.errors import ReleaseError, VersionError
from lookup.release import manifest, pointer
from lookup.release.locks import open_locked
from lookup.release.reader import open_from


@dataclass(frozen=True)
class ReleaseRow:
    """A release in a folder of releases."""

    id: str
    current: bool
    problem: str | None
    """Why it cannot serve, as far as sizes and headers tell; None where it can."""
    date: str = ""
    items: int = 0
    users: int = 0
    other_version: bool = False
    """The problem is its schema version: it may be whole, for a newer or an older Daybreak."""
    held: str | None = None
    """Why it must not be announced though it is whole; None where it may be."""
    override: str | None = None
    """Who had it announced against the verdict of `validate`, and why; None where nobody had to."""

    @property
    def state(self) -> str:
        """What is to be known of it beside its numbers, in words; empty where it is as it should be."""
        if self.problem:
            return f"{'NOT READABLE' if self.other_version else 'DAMAGED'}: {self.problem}"
        if self.held:
            return f"HELD: {self.held}"
        return f"overridden by {self.override}" if self.override else ""

    def __str__(self) -> str:
        mark = "*" if self.current else " "
        if self.problem:
            return f"{mark} {self.id}  {self.state}"
        state = f", {self.state}" if self.state else ""
        return f"{mark} {self.id}  night of {self.date}, {self.items:,} items, {self.users:,} users{state}"


def announce(
    releases: Path,
    release_id: str,
    override: Override | None = None,
    config: Path | None = None,
    instead_of: str | None = None,
    *,
    store: str | None = None,
) -> None:
    """Verify every byte of a release, and point CURRENT at it: where there is a store, first that of the store.

    override: who wants it served though `validate` holds it; the release keeps that. config: the configuration that a
    message names; None: the default one. instead_of: the release that must serve until then; None for any. store: the
    URL of the object store to which the release is uploaded, too.

    Raises StoreError where the store fails, or somebody else writes or publishes there meanwhile; ReleaseError when
    there is no such release, when it is damaged or of a schema version that this Daybreak does not read, or when
    another release serves than `instead_of`; ValidationError when it is held. CURRENT then stays as it is.
    """
    release = open_locked(releases, release_id, verify=True)  # until it is announced, `daybreak prune` leaves it
    if override is not None:
        override_verdict(releases, release_id, override)
    check_announced(releases, manifest.read(release.path), config)
    with travelling(store, releases, release.id):
        pointer.announce(releases, release.id, instead_of=instead_of)


def refuse_older(releases: Path, night: date) -> str | None:
    """The id of the release that serves, which a night may replace; None before the first one.

    A release that serves and is not readable is no reason to keep it. Raises ValidationError where it is of a later
    date than the night.
    """
    current = pointer.read_or_none(releases)
    try:
        serves = manifest.read(releases / current).date if current else ""
    except ReleaseError:
        return current
    if serves > night.isoformat():
        raise ValidationError(
            f"release {current} serves, of the night of {serves}: the older night of {night} is not published over it; "
            f"`daybreak job publish --date {night} --older` does so all the same (in Airflow: the parameter `older`)"
        )
    return current


def rollback(releases: Path, config: Path | None = None, store: str | None = None) -> str:
    """Verify every byte of the release that was announced before CURRENT, and point CURRENT at it; returns its id.

    It does not open the release that CURRENT names, whose schema version may be any. config, store: see `announce`.
    Raises StoreError as `announce` does,
    ReleaseError when no release was announced before it, or when that one is damaged or of a schema version that this
    Daybreak does not read, or when somebody publishes meanwhile; ValidationError when that one is held. CURRENT then
    stays as it is.
    """
    current, before = pointer.read(releases), pointer.before_current(releases)
    if not (releases / before).exists():
        raise ReleaseError(
            f"{releases / before}: this release served before, and is gone: `daybreak prune`, or somebody, removed it; "
            "`daybreak releases` lists those that are left, and `daybreak publish ID` serves one"
        )
    release = open_locked(releases, before, verify=True)
    check_announced(releases, release.manifest, config)
    with travelling(store, releases, release.id, back=True):
        pointer.announce(releases, release.id, "rollback", instead_of=current)
    return release.id


def releases(folder: Path) -> list[ReleaseRow]:
    """The releases in a folder, newest first; damaged ones and those of other schema versions say what is wrong.

    Empty where the folder is missing. Raises ReleaseError when CURRENT exists but is not readable.
    """
    current = pointer.read_or_none(folder)
    there = {path.name for path in folder.glob("*") if pointer.RELEASE_ID.fullmatch(path.name)}
    ids = sorted(there | ({current} if current else set()), reverse=True)
    return [_row(folder, release_id, release_id == current) for release_id in ids]


def _row(folder: Path, release_id: str, current: bool) -> ReleaseRow:
    try:
        facts: manifest.Manifest = open_from(folder, release_id).manifest
    except ReleaseError as error:
        return ReleaseRow(release_id, current, str(error), other_version=isinstance(error, VersionError))
    by = facts.override
    return ReleaseRow(
        release_id,
        current,
        None,
        facts.date,
        facts.counts["items"],
        facts.counts["users"],
        held=why_not_announced(folder, facts),
        override=f"{by.get('by')}: {by.get('reason') or 'no reason was given'}" if by else None,
    )
