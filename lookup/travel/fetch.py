"""Bring the release that a store's CURRENT names to this host's disk, whole and verified, and let it serve here.

The folder of a host is one as `publish` makes it: readers follow its CURRENT by `lookup.open`, and its HISTORY says
where they go back to. Until the new release is whole, verified and on the disk, nothing of this changes.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lookup.errors import DaybreakError, ReleaseError, StoreError
from lookup.file_modes import delete_sealed, seal, unseal
from lookup.flock import NO_LOCKS, holders, locked
from lookup.release import check, manifest, pointer
from lookup.release.locks import open_locked, removing
from lookup.release.reader import Release
from lookup.release.shards.files import check_sizes
from lookup.release.shards.routing import ALL, Served, needed, shards_in
from lookup.travel.assembly import FETCHING, Assembly
from lookup.travel.index import read_current, read_index
from lookup.travel.prune import ids_in, prune
from lookup.travel.removal import finish_removals
from lookup.travel.store import Store

LOG = logging.getLogger("lookup")
LOCK = ".fetch"
"""The file that the process locks which fetches into a folder."""
TRIES = 2


class Fetched(NamedTuple):
    """What a fetch did."""

    id: str
    new: bool
    """Whether another release serves here since."""
    bytes_moved: int
    """From the store, as they travelled."""
    bytes_here: int
    """Of blocks that this host had already."""
    left: tuple[str, ...]
    """Which releases stay on this disk though they are old, and why."""
    shards: int = 1
    """How many shards the release has."""


def nobody_asks() -> None:
    """Nobody shows how far it is."""


def fetch(
    store: Store, releases: Path, keep: int = 2, beat: Callable[[], None] = nobody_asks, served: Served = ALL
) -> Fetched:
    """Let the release serve in a folder that CURRENT of a store names.

    keep: how many releases stay on this disk of those that rollbacks go through, 1 or more; those that a process reads
    stay besides. beat: called now and then while blocks come. served: the shards of users that come; where they are not
    all, the catalog does not come, either.

    Raises StoreError where the store cannot be reached, or lacks something or has it damaged; ReleaseError where the
    disk is full or cannot be written, where the release is of a schema version that this Daybreak does not read, or
    where another process fetches into the folder. What served serves on then.
    """
    before = store.bytes_read
    current = read_current(store)
    if current is None:
        raise StoreError(
            f"{store.url}: there is no CURRENT; `daybreak publish` of the shop that uploads there writes it"
        )
    wanted = current[0]
    releases.mkdir(parents=True, exist_ok=True)
    with _alone(releases):
        serves = _serves(releases)
        here = 0
        if serves != wanted or not _is_there(releases, wanted, served):
            here = _bring(store, releases, wanted, beat, served)
            # The lock keeps it while others prune.
            release = open_locked(releases, wanted, served=served)
            back = wanted in _stack(releases) and wanted != serves
            pointer.announce(releases, release.id, "rollback" if back else "publish")
        left = _tidy(releases, keep, wanted)
        shards = shards_in(manifest.read(releases / wanted).files)
    return Fetched(wanted, serves != wanted, store.bytes_read - before, here, left, shards)


@contextmanager
def _alone(releases: Path) -> Iterator[None]:
    """Let one process fetch into a folder at a time. The lock ends with its process, also after kill -9."""
    handle = os.open(releases / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            if not locked(handle, fcntl.LOCK_EX):
                pids = ", ".join(map(str, holders(handle)))
                raise ReleaseError(
                    f"{releases}: another process{f' ({pids})' if pids else ''} fetches into this folder; one is enough"
                )
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            raise ReleaseError(
                f"{releases}: this file system has no locks, so that two processes could fetch into it at once; name a "
                "folder on a disk of this host"
            ) from None
        yield
    finally:
        os.close(handle)


def _serves(releases: Path) -> str | None:
    """The release that serves; None where there is none, or nobody can tell."""
    try:
        return pointer.read_or_none(releases)
    except ReleaseError:
        return None


def _stack(releases: Path) -> list[str]:
    try:
        return pointer.stack(releases)
    except ReleaseError:
        return []


def _is_there(releases: Path, release_id: str, served: Served) -> bool:
    """Whether a release that serves has its files, as far as their sizes tell; its readers check their bytes."""
    try:
        facts = manifest.read(releases / release_id)
        check_sizes(releases / release_id, needed(facts.files, served))
    except (ReleaseError, OSError):
        return False
    return True


def _bring(store: Store, releases: Path, release_id: str, beat: Callable[[], None], served: Served) -> int:
    """Make the folder of a release right, if it is not. Returns the bytes that came from this host itself."""
    final = releases / release_id
    if final.exists():
        try:
            Release(final, verify=True, served=served)
            return 0
        except DaybreakError as error:
            LOG.warning("release %s is fetched again: %s", release_id, error)
            _set_aside(releases, release_id)
    index = read_index(store, release_id)
    if index is None:
        raise StoreError(
            f"{store.url}: CURRENT names {release_id}, and the store does not have this release; "
            f"`daybreak publish {release_id}` uploads it"
        )
    files = {name: index.files[name] for name in needed(index.files, served)}
    others = sorted(ids_in(releases) - {release_id}, reverse=True)
    first = [one for one in (index.base, _serves(releases)) if one in others]
    local = [releases / one for one in dict.fromkeys([*first, *others])]
    assembly = Assembly(store, releases, replace(index, files=files), local)
    for attempt in range(TRIES):
        assembly.run(beat)
        try:
            _settle(assembly.folder, release_id, served)
            break
        except ReleaseError as error:
            # Somebody changed a file under us, or the manifest is of other bytes than the index.
            if attempt + 1 == TRIES:
                raise ReleaseError(f"release {release_id} is not whole after it was fetched: {error}") from None
    os.rename(assembly.folder, final)
    pointer.sync_folder(releases)
    with suppress(OSError):
        files_here = needed(manifest.read(final).files, served)
        check.remember(check.seal(final, files_here), {})  # no reader needs to read all of it again
    return assembly.bytes_taken


def _settle(folder: Path, release_id: str, served: Served) -> None:
    """Read every byte of a release that was put together, and make it durable and read-only. Raises ReleaseError."""
    release = Release(folder, verify=True, served=served)
    if release.id != release_id:
        raise ReleaseError(f"{folder}: it is release {release.id}")
    del release
    for path in (folder, *(one for one in folder.rglob("*") if one.is_dir())):
        pointer.sync_folder(path)
    seal(folder)


def _set_aside(releases: Path, release_id: str) -> None:
    """Make a damaged release one that is being fetched, where nobody reads it: its good blocks stay."""
    away = releases / f"{FETCHING}{release_id}"
    with removing(releases / release_id) as readers:
        if readers is not None:
            raise ReleaseError(
                f"{releases / release_id}: damaged, and {readers}: it can be fetched again once they have ended or "
                "follow another release"
            )
        delete_sealed(away)
        unseal(releases / release_id)
        os.rename(releases / release_id, away)


def _tidy(releases: Path, keep: int, serves: str) -> tuple[str, ...]:
    """Remove old releases beyond so many, and what ended fetches left. Returns what cannot be removed, and why."""
    for ended in releases.glob(f"{FETCHING}*"):
        if ended.name != f"{FETCHING}{serves}":
            delete_sealed(ended)
    left = []
    try:
        finish_removals(releases)
        for outcome in prune(releases, keep):
            if outcome.why is None:
                LOG.info("release %s is removed from this disk", outcome.id)
            else:
                left.append(f"release {outcome.id} stays on this disk: {outcome.why}")
    except DaybreakError as error:
        left.append(f"old releases stay on this disk: {error}")
    return tuple(left)
