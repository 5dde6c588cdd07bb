"""What is known of a shop where patches come in: declared features, and the ids of items."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.item_fields import DESCRIBING
from lookup.patches import validation
from lookup.patches.patch import EVENT, ITEM, Patch
from lookup.patches.patch_log import PatchLog
from lookup.release import pointer
from lookup.release.reader import Release

MOST_STRANGE = 100_000
"""How many ids that the release does not have are remembered."""


@dataclass
class Known:
    """Names and ids. release: the one that serves; None where there is none."""

    release: Release | None = None
    features: set[str] | None = None
    """Declared features; None where nothing says which there are."""
    separator: str = ">"
    """Of the names of a category path in a cell."""
    strange: set[str] = field(default_factory=set)
    """Patched ids of items that neither the release nor a patch of this run describes, `MOST_STRANGE` at most."""
    described: set[str] = field(default_factory=set)

    def check(self, patch: Patch) -> Patch:
        """The patch unchanged. Raises PatchError where it names a field that nobody reads."""
        if patch.kind == ITEM:
            validation.declared(f"item {patch.key!r:.100}", patch.values, self.features)
        return patch

    def note(self, patches: Iterable[Patch]) -> None:
        """Remember which ids of items nobody knows yet."""
        if self.release is None:
            return
        for patch in patches:
            item = patch.key if patch.kind == ITEM else patch.values["item"] if patch.kind == EVENT else None
            if item is None or self.release.items.find(item) >= 0:
                continue
            if any(patch.values.get(name) for name in DESCRIBING):
                self.described.add(item)
            elif len(self.strange) < MOST_STRANGE:
                self.strange.add(item)

    def to_come(self, log: PatchLog) -> int:
        """How many patched ids nobody knows: no item of the release, and none that a patch describes."""
        unknown = self.strange - self.described
        if not unknown:
            return 0
        stated = log.changes(0).statements
        return len(unknown - {one.item for one in stated if one.field in DESCRIBING and one.value})


def known(releases: Path | None, features: Iterable[str], separator: str = ">") -> Known:
    """What the release in a folder and a configuration say. features: those that are declared beside the release's."""
    try:
        current = None if releases is None else pointer.read_or_none(releases)
        release = None if current is None or releases is None else Release(releases / current)
    except ReleaseError:  # patches are kept whether a release can be read or not
        release = None
    declared = set(features) | set(release.features if release else ())
    return Known(release, declared if declared or release else None, separator)
