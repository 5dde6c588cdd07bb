"""CURRENT, the one line that says which release serves, and the stack of releases that rollbacks go through."""

import os
import re
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.file_modes import readers_mode
from lookup.release.history import HISTORY, Announcement, announcing, append, read_history

CURRENT = "CURRENT"
RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")
"""UTC time of the build, and four random digits that keep two builds of one second apart."""
MOST_BYTES = 256
"""No more of CURRENT is read: it is one short line."""
LEFT_SECONDS = 60.0
"""A new CURRENT that nobody renamed for so long is of a killed process."""


def checked_id(release_id: object) -> str:
    """The id of a release. It names a folder of the folder of releases, so no path may pass for one.

    Raises ReleaseError for anything else.
    """
    if not isinstance(release_id, str) or not RELEASE_ID.fullmatch(release_id):
        raise ReleaseError(f"{release_id!r:.100} is not the id of a release, such as 20261122T031500Z-3f9a")
    return release_id


def read(releases: Path) -> str:
    """The id that CURRENT names.

    Raises ReleaseError when CURRENT is missing, empty or not an id.
    """
    current = read_or_none(releases)
    if current is None:
        raise ReleaseError(
            f"{releases / CURRENT}: there is no such file; publishing a release writes it (`daybreak run`, or "
            "`daybreak publish ID`)"
        )
    return current


def read_or_none(releases: Path) -> str | None:
    """The id that CURRENT names; None before the first announcement.

    Raises ReleaseError when CURRENT exists but is not readable.
    """
    path = releases / CURRENT
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: not readable: {error}; `daybreak publish ID` writes it anew") from None
    if not RELEASE_ID.fullmatch(text):
        found = f"{text[:80]!r} found" if text else "the file is empty"
        raise ReleaseError(
            f"{path}: {found}; the id of a release expected, such as 20261122T031500Z-3f9a; `daybreak publish ID` "
            "writes it anew"
        )
    return text


def announce(releases: Path, release_id: str, what: str = "publish", instead_of: str | None = None) -> None:
    """Point CURRENT at a release, atomically, and note it in HISTORY. The caller has verified the release.

    what: "publish" or "rollback". instead_of: the id that CURRENT must name until now; None for any. One process
    announces at a time, and a crash leaves the old CURRENT or the new one, whole.

    Raises ReleaseError when `release_id` is no id, when CURRENT names another release than `instead_of`, when others
    announce for too long, and when CURRENT or HISTORY cannot be written.
    """
    checked_id(release_id)
    with announcing(releases) as history:
        if instead_of is not None and (current := read_or_none(releases)) != instead_of:
            raise ReleaseError(
                f"{releases / CURRENT}: it names {current} now, and named {instead_of} when this {what} began: "
                "somebody published meanwhile; look at `daybreak releases`, and try again where you still want it"
            )
        _replace(releases, release_id)
        try:
            sync_folder(releases)
            append(history, Announcement(datetime.now(UTC).isoformat(timespec="seconds"), release_id, what))
        except OSError as error:
            raise ReleaseError(
                f"{releases / HISTORY}: CURRENT names {release_id} now, but HISTORY cannot be written: "
                f"{error.strerror}; when it can, run `daybreak publish {release_id}` again"
            ) from None


def announced(releases: Path) -> set[str]:
    """The ids of all releases that serve or served, as far as HISTORY is readable. Nobody changes them.

    Raises as `read_or_none` does.
    """
    current = read_or_none(releases)
    return {line.id for line in read_history(releases).lines} | ({current} if current else set())


def stack(releases: Path, wanted: int = 1) -> list[str]:
    """The releases that rollbacks go through, the one that serves last.

    wanted: how many the caller needs, if there are so many. Raises ReleaseError when CURRENT is not readable, or when
    HISTORY is damaged so that fewer than wanted are certain.
    """
    ids: list[str] = []
    history = read_history(releases)
    for line in history.certain:
        _arrive(ids, line.id, line.what == "rollback")
    # CURRENT is written first: after a crash between the two, it knows more than HISTORY. A CURRENT below the top of
    # the stack then means a rollback, any other one more publication.
    current = read(releases)
    _arrive(ids, current, current in ids)
    if history.damage is not None and len(ids) < wanted:
        raise ReleaseError(
            f"{history.damage}: so it is not certain which releases served before {ids[0]}. Choose one yourself: "
            "`daybreak releases` lists them, and `daybreak publish ID` announces one"
        )
    return ids


def before_current(releases: Path) -> str:
    """The release that served before the current one: where a rollback goes.

    Raises ReleaseError when there is none, and as `stack` does.
    """
    ids = stack(releases, 2)
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


def _replace(releases: Path, release_id: str) -> None:
    """Replace CURRENT, and remove what killed processes left of theirs."""
    # A name of its own: where a file system has no locks, two processes may be here at once.
    new = releases / f".{CURRENT}.{secrets.token_hex(8)}"
    try:
        with new.open("x", encoding="ascii") as file:
            file.write(release_id + "\n")
            file.flush()
            os.fchmod(file.fileno(), readers_mode(releases))
            os.fsync(file.fileno())
        os.replace(new, releases / CURRENT)
    except OSError as error:
        raise ReleaseError(f"{releases / CURRENT}: cannot be written: {error.strerror}; it stays as it is") from None
    finally:
        for left in releases.glob(f".{CURRENT}.*"):
            with suppress(OSError):
                if left == new or time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    left.unlink()


def _arrive(ids: list[str], release_id: str, back: bool) -> None:
    if back and release_id not in ids:  # it served before all that is certain
        ids.clear()
    if back and release_id in ids:
        while ids[-1] != release_id:
            ids.pop()
    elif not ids or ids[-1] != release_id:
        ids.append(release_id)
