"""The calls that write patches, and what must hold of those beside what `lookup.patches.patch` checks."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lookup.errors import LogError, PatchError
from lookup.keys import each
from lookup.patches import patch as patches
from lookup.patches.patch import Patch
from lookup.serving.live import Live
from lookup.serving.state import DESCRIBING


class Writer:
    """The half of a shop that writes. What a call has kept is on disk when it returns, and seen by the next call."""

    def __init__(self, live: Live):
        self._live = live

    def patch_item(
        self,
        item: str,
        *,
        at: datetime | int | None = None,
        until: datetime | int | None = None,
        source: str = "shop",
        **values: Any,
    ) -> None:
        """Say what an item is now: `price`, `in_stock`, `hidden`, any text of it or feature; None says unknown.

        at: when it came to be so; the later time wins, not the later call. until: it ends then. It is on disk before
        this returns, and seen by every reader. Raises PatchError for what cannot be, LogError where it is not kept.
        """
        self._append([patches.item(item, values, at=at, until=until, source=source)])

    def patch_items(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Many at once, all or none: each a mapping with `item_id`, the fields, and `at`, `until`, `source` if given
        (ISO 8601, or seconds since 1970). Returns how many. Raises as `patch_item` does.
        """
        return self._append([_kind(_read(one, source), patches.ITEM) for one in each("records", records)])

    def add_item(self, item: str, *, at: datetime | int | None = None, source: str = "shop", **values: Any) -> None:
        """A new item, found at once: its vector is made from `title`, `text`, `description`, `category` (a list),
        `brand` and `price`, of which one of the first five must be there. Raises as `patch_item` does.
        """
        self._append([_new_item(patches.item(item, values, at=at, source=source))])

    def add_items(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Many at once, all or none; each as in `patch_items`. Returns how many."""
        return self._append([_new_item(_read(one, source)) for one in each("records", records)])

    def record(
        self,
        user: str,
        item: str,
        type: str = "purchase",
        *,
        value: float | None = None,
        at: datetime | int | None = None,
        source: str = "shop",
    ) -> None:
        """An event, which the next call for this user knows. type: one of the release's event types.

        Raises PatchError for what cannot be, LogError where it is not kept.
        """
        self._append([self._typed(patches.event(user, item, type, value=value, at=at, source=source))])

    def record_many(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Many at once, all or none: each a mapping with `user_id`, `item_id`, `type`, and `value`, `at`, `source` if
        given. Returns how many.
        """
        made = (_kind(_read(one, source), patches.EVENT) for one in each("records", records))
        return self._append([self._typed(one) for one in made])

    def forget(self, user: str, *, at: datetime | int | None = None, source: str = "shop") -> None:
        """Forget a user: events up to that time are gone, here, in every release, and in every night to come."""
        self._append([patches.forget(user, at=at, source=source)])

    def forget_many(self, users: Iterable[str], *, at: datetime | int | None = None, source: str = "shop") -> int:
        """Many at once, all or none. Returns how many."""
        return self._append([patches.forget(user, at=at, source=source) for user in each("user ids", users)])

    def _append(self, made: list[Patch]) -> int:
        release, overlay = self._live.state()[0].release, self._live.overlay
        watermark = release.manifest.patches_until
        if overlay.position < watermark and overlay.log.position() < watermark:
            raise LogError(
                f"{overlay.log.where}: the log ends before position {watermark}, up to which release {release.id} has "
                "absorbed another one: no reader would see the patch; open the shop with the log that the night reads"
            )
        overlay.log.append(made)
        self._live.wrote()
        return len(made)

    def _typed(self, patch: Patch) -> Patch:
        """The patch of an event, if its type counts."""
        weights = self._live.state()[0].release.manifest.weights
        if patch.values["type"] not in weights:
            raise PatchError(
                f"event of user {patch.key!r:.100}: type {patch.values['type']!r:.100} is none of "
                f"{', '.join(sorted(weights))}, which the configuration's [weights] name"
            )
        return patch


def _read(record: Mapping[str, Any], source: str) -> Patch:
    if not isinstance(record, Mapping):
        raise PatchError(f"a record is a mapping of names to values, not {record!r:.100}")
    return patches.from_record(record, source)


def _kind(patch: Patch, wanted: str) -> Patch:
    if patch.kind != wanted:
        raise PatchError(f"a patch of kind {wanted!r} was expected, not {patch.kind!r} (of {patch.key!r:.100})")
    return patch


def _new_item(patch: Patch) -> Patch:
    """The patch of an item, if it says enough for a new one."""
    _kind(patch, patches.ITEM)
    if not any(patch.values.get(field) for field in DESCRIBING):
        raise PatchError(f"item {patch.key!r:.100}: a new item needs one of {', '.join(DESCRIBING)}")
    return patch
