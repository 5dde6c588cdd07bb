"""How far a release has absorbed the log that is there: a position counts only in the log that it is of.

The release names the log that its night read, and the mark that the night left in it. In that log the release's
watermark holds. In any other log all patches count as new, for the night cannot have known them. In a copy of that log
from before the night, those count as known that an earlier night had absorbed by then.
"""

from datetime import datetime
from typing import NamedTuple

from lookup.patches.patch_log import Identity, Place
from lookup.release.manifest import Manifest

SECOND = 1_000_000


class Watermark(NamedTuple):
    """The position up to which a release has absorbed a log."""

    position: int
    why: str | None
    """Why it is not the release's own watermark; None where it is."""


def watermark_in(release: Manifest, where: str, log: Identity, place: Place) -> Watermark:
    """How far a release has absorbed the log at `where`, which has this identity and has come to this place."""
    until = release.patches_until
    why, known = _difference(release, log, place) if until else (None, 0)
    if why is None:
        return Watermark(until, None)
    counts = f"its patches after position {known} count" if known else "all its patches count"
    return Watermark(
        known, f"{where}: {why}, but release {release.id} has absorbed a log up to position {until}: {counts}"
    )


def _difference(release: Manifest, log: Identity, place: Place) -> tuple[str | None, int]:
    """Why a log is not the one that a release has absorbed, or None; and how far the release knows it all the same."""
    named, built = release.patches_log, _built(release)
    why, known = None, 0
    if not place.position:
        why = "the log is gone or empty"
    elif named is None:  # the release is of an earlier Daybreak
        if log.created > built + SECOND:
            why = "the log began after the release was built"
        elif place.position < release.patches_until:
            why = f"the log ends at position {place.position}"
    elif named.get("id") != log.id:
        why = "it is another log than the night's"
    elif named.get("mark") not in log.absorbed:
        why = "it is a copy of the log from before that night"
        earlier = (one.position for one in log.absorbed.values() if one.at < built)
        known = max((one for one in earlier if one <= release.patches_until), default=0)
    return why, known


def _built(release: Manifest) -> int:
    """When a release was built, microseconds since 1970; 0 where its manifest does not say."""
    try:
        return int(datetime.fromisoformat(release.created).timestamp() * SECOND)
    except (ValueError, OverflowError):
        return 0
