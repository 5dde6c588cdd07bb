"""Patches of a shop's writer: what must hold beside what `lookup.patches` checks."""

from collections.abc import Mapping

from lookup.errors import LogError, PatchError
from lookup.log import Log
from lookup.patches import ITEM, Patch
from lookup.state import DESCRIBING


def kind(patch: Patch, wanted: str) -> Patch:
    """The patch, if it is of that kind. Raises PatchError."""
    if patch.kind != wanted:
        raise PatchError(f"a patch of kind {wanted!r} was expected, not {patch.kind!r} (of {patch.key!r:.100})")
    return patch


def new_item(patch: Patch) -> Patch:
    """The patch of an item, if it says enough for a new one. Raises PatchError."""
    kind(patch, ITEM)
    if not any(patch.values.get(field) for field in DESCRIBING):
        raise PatchError(f"item {patch.key!r:.100}: a new item needs one of {', '.join(DESCRIBING)}")
    return patch


def typed(patch: Patch, weights: Mapping[str, float]) -> Patch:
    """The patch of an event, if its type counts. Raises PatchError."""
    if patch.values["type"] not in weights:
        raise PatchError(
            f"event of user {patch.key!r:.100}: type {patch.values['type']!r:.100} is none of "
            f"{', '.join(sorted(weights))}, which the configuration's [weights] name"
        )
    return patch


def append(log: Log | None, made: list[Patch]) -> None:
    """Keep patches. Raises LogError where there is no log."""
    if log is None:
        raise LogError("this shop was opened without a log of patches")
    log.append(made)
