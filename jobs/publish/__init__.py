"""Publish: point CURRENT at a release. Whatever is announced was verified, byte by byte, just before."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config import Config
from jobs.errors import MissingStepError
from lookup import manifest, pointer
from lookup.errors import ReleaseError
from lookup.holds import open_held
from lookup.release import open_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Row:
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


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Announce the release of the run. Spark is not needed.

    Raises MissingStepError when that very release did not pass `validate`, ReleaseError when it is damaged.
    """
    release_id = config.run.read_json("release.json")["id"]
    validation = config.run.read_json("validation.json")
    if validation["id"] != release_id or not validation["ok"]:
        raise MissingStepError(
            f"{config.run.path('validation.json')}: release {release_id} has not passed validation: "
            f"run `daybreak job validate --date {config.date}` first"
        )
    announce(config.releases, release_id)
    return {"release": release_id}


def announce(releases: Path, release_id: str) -> None:
    """Verify every byte of a release, and point CURRENT at it.

    Raises ReleaseError when there is no such release, or when it is damaged; CURRENT then stays as it is.
    """
    release = open_held(releases, release_id, verify=True)  # held until it is announced: `daybreak prune` leaves it
    pointer.announce(releases, release.id)


def rollback(releases: Path) -> str:
    """Point CURRENT at the release that was announced before the one in place, every byte verified; returns its id.

    Raises ReleaseError when there is none, or when it is damaged; CURRENT then stays as it is.
    """
    release = open_held(releases, pointer.before_current(releases), verify=True)
    pointer.announce(releases, release.id, "rollback")
    return release.id


def releases(folder: Path) -> list[Row]:
    """The releases in a folder, newest first; damaged ones say what is wrong. Empty where the folder is missing.

    Raises ReleaseError when CURRENT is there, but not readable.
    """
    current = pointer.read_or_none(folder)
    there = {path.name for path in folder.glob("*") if pointer.RELEASE_ID.fullmatch(path.name)}
    ids = sorted(there | ({current} if current else set()), reverse=True)
    return [_row(folder, release_id, release_id == current) for release_id in ids]


def _row(folder: Path, release_id: str, current: bool) -> Row:
    try:
        facts: manifest.Manifest = open_from(folder, release_id).manifest
    except ReleaseError as error:
        return Row(release_id, current, str(error))
    return Row(release_id, current, None, facts.date, facts.counts["items"], facts.counts["users"])
