"""Prune: remove old releases that nobody serves, reads or would roll back to, and old events of the log."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

from jobs.errors import ConfigError
from lookup.errors import ReleaseError
from lookup.patches.following.lineage import watermark_in
from lookup.patches.patch import micros
from lookup.patches.patch_log import PatchLog
from lookup.release import manifest
from lookup.travel import prune as folder
from lookup.travel.prune import Outcome, ids_in


def prune(releases: Path, keep: int = 3, spare: Collection[str] = (), dry_run: bool = False) -> Iterator[Outcome]:
    """See `lookup.travel.prune`. Raises ConfigError where `keep` is less than 1, too."""
    if keep < 1:
        raise ConfigError(f"--keep must be 1 or more, CURRENT is one of them; it is {keep}")
    yield from folder.prune(releases, keep, spare, dry_run)


def prune_log(releases: Path, log: PatchLog, before: date) -> int:
    """Remove from the patch log what every release in the folder has absorbed: events from before a day, and statements
    that ended before it. Returns how many.

    Raises ReleaseError, and removes nothing, when the manifest of a release is not readable; LogError when the log is
    not.
    """
    try:
        known = [manifest.read(releases / one) for one in sorted(ids_in(releases))]
    except ReleaseError as error:
        raise ReleaseError(
            f"{error}. The patch log keeps all its events until this release is readable or removed, because nobody "
            "knows which of them it has absorbed"
        ) from None
    identity, place = log.identity(), log.place()
    absorbed = (
        watermark_in(one, log.where, identity, place).position if one.patches_log else one.patches_until
        for one in known
    )
    return log.prune(min(absorbed, default=0), micros(datetime.combine(before, time(), UTC)))
