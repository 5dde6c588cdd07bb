"""CURRENT, the one line that says which release serves, and HISTORY, the announcements that led to it."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lookup.errors import ReleaseError

CURRENT = "CURRENT"
HISTORY = "HISTORY"
RELEASE_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
"""UTC time of the build, and four random digits that keep two builds of one second apart."""


class Announcement(NamedTuple):
    """A line of HISTORY."""

    time: str
    """UTC, ISO 8601."""
    id: str
    what: str
    """"publish" or "rollback"."""


def read(releases: Path) -> str:
    """The id that CURRENT names.

    Raises ReleaseError when CURRENT is missing, empty or not an id.
    """
    path = releases / CURRENT
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ReleaseError(
            f"{path}: there is no such file; publishing a release writes it (`daybreak run`, or `daybreak publish ID`)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: not readable: {error}") from None
    if not RELEASE_ID.fullmatch(text):
        found = f"{text[:80]!r} found" if text else "the file is empty"
        raise ReleaseError(f"{path}: {found}; the id of a release expected, such as 20261122T031500Z-3f9a")
    return text


def read_or_none(releases: Path) -> str | None:
    """The id that CURRENT names; None before the first announcement.

    Raises ReleaseError when CURRENT exists but is not readable.
    """
    return read(releases) if (releases / CURRENT).exists() else None


def announce(releases: Path, release_id: str, what: str = "publish") -> None:
    """Point CURRENT at a release, atomically, and note it in HISTORY. The caller has verified the release.

    what: "publish" or "rollback". A crash leaves the old CURRENT or the new one, whole. Raises ReleaseError when
    `release_id` is no id.
    """
    if not RELEASE_ID.fullmatch(release_id):
        raise ReleaseError(f"{release_id!r} is not the id of a release, such as 20261122T031500Z-3f9a")
    new = releases / f".{CURRENT}.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(release_id + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, releases / CURRENT)
    sync_folder(releases)
    _append(releases / HISTORY, f"{datetime.now(UTC).isoformat(timespec='seconds')} {release_id} {what}")


def history(releases: Path) -> list[Announcement]:
    """Every announcement, oldest first, without lines that a crash left half written."""
    path = releases / HISTORY
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return [
        Announcement(*line)
        for line in lines
        if len(line) == 3 and RELEASE_ID.fullmatch(line[1]) and line[2] in ("publish", "rollback")
    ]


def announced(releases: Path) -> set[str]:
    """The ids of all releases that serve or served. Nobody changes them. Raises as `read_or_none` does."""
    current = read_or_none(releases)
    return {line.id for line in history(releases)} | ({current} if current else set())


def stack(releases: Path) -> list[str]:
    """The releases that rollbacks go through, the one that serves last.

    Raises ReleaseError when CURRENT is not readable.
    """
    ids: list[str] = []
    for line in history(releases):
        _arrive(ids, line.id, line.what == "rollback")
    # CURRENT is written first: after a crash between the two, it knows more than HISTORY. A CURRENT below the top of
    # the stack then means a rollback, any other one more publication.
    current = read(releases)
    _arrive(ids, current, current in ids)
    return ids


def before_current(releases: Path) -> str:
    """The release that served before the current one: where a rollback goes.

    Raises ReleaseError when there is none.
    """
    ids = stack(releases)
    if len(ids) < 2:
        raise ReleaseError(f"{releases / HISTORY}: no release was announced before {ids[-1]}; nothing to roll back to")
    return ids[-2]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _arrive(ids: list[str], release_id: str, back: bool) -> None:
    if back and release_id in ids:
        while ids[-1] != release_id:
            ids.pop()
    elif not ids or ids[-1] != release_id:
        ids.append(release_id)


def _append(path: Path, line: str) -> None:
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # a crash left half a line
                file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
