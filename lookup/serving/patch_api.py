"""The calls of a shop that write patches, with the checks that need the release that serves."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lookup.errors import PatchError
from lookup.item_fields import DESCRIBING
from lookup.keys import each
from lookup.patches import patch, validation
from lookup.patches.patch import EVENT, ITEM, Patch
from lookup.serving.live import Calls


class PatchApi(Calls):
    """The half of a shop that writes patches.

    When a call returns, its patches are on disk, and the next call of this process sees them; other readers see them
    within a fraction of a second. `lookup.patches.patch` says what patches may hold. All calls share these parameters:

    - at: when the change came to be: a datetime with a time zone, or microseconds since 1970; None is now. The later
      `at` wins, not the later call.
    - source: who states it, such as "erp".

    They raise PatchError (a ValueError) for a patch that makes no sense, and LogError when the log cannot keep it; then
    it keeps none of the call's patches. Calls that take many records or ids write all of them or none, return how many
    there were, and raise TypeError for what cannot be read one by one.
    """

    def patch_item(
        self,
        item: str,
        *,
        at: datetime | int | None = None,
        until: datetime | int | None = None,
        source: str = "shop",
        **values: Any,
    ) -> None:
        """State what an item is now.

        item: its id. until: when the statement ends by itself; None: never. values: `price`, `in_stock`, `hidden`, any
        other field of the item, or a feature that the release declares; None says that the value is unknown.
        """
        self._append([patch.item(item, values, at=at, until=until, source=source)])

    def patch_items(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """State what many items are now.

        records: each a mapping with `item_id`, the fields, and where given `at`, `until` (ISO 8601, or seconds since
        1970) and `source`.
        """
        return self._append([_of_kind(_read(one, source), ITEM) for one in each("records", records)])

    def add_item(self, item: str, *, at: datetime | int | None = None, source: str = "shop", **values: Any) -> None:
        """Add a new item, which calls find at once.

        values: as in `patch_item`. The item's vector is made from `title`, `text`, `description`, `category` (a list of
        names, the widest first), `brand` and `price`; one of the first five is needed.
        """
        self._append([_new_item(patch.item(item, values, at=at, source=source))])

    def add_items(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Add many new items. records: as in `patch_items`, with the fields of `add_item`."""
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
        """Record an event of a user with an item. The next call for this user takes it into account.

        type: one of the event types of the release. value: of the event, such as an amount.
        """
        self._append([self._of_known_type(patch.event(user, item, type, value=value, at=at, source=source))])

    def record_many(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Record many events.

        records: each a mapping with `user_id`, `item_id`, `type`, and where given `value`, `at` and `source`.
        """
        made = (_of_kind(_read(one, source), EVENT) for one in each("records", records))
        return self._append([self._of_known_type(one) for one in made])

    def forget(self, user: str, *, at: datetime | int | None = None, source: str = "shop") -> None:
        """Forget a user: no reader and no night to come uses an event or a search up to `at`.

        That erases the events in the log, and nothing else: releases, tables of nights and records of exposures and
        searches keep what they have until they are removed. The manual of `lookup` lists it under Forgetting.
        """
        self._append([patch.forget(user, at=at, source=source)])

    def forget_many(self, users: Iterable[str], *, at: datetime | int | None = None, source: str = "shop") -> int:
        """Forget many users."""
        return self._append([patch.forget(user, at=at, source=source) for user in each("user ids", users)])

    def _append(self, patches: list[Patch]) -> int:
        features = self._live.features()
        for one in patches:
            if one.kind == ITEM:
                validation.declared(f"item {one.key!r:.100}", one.values, features)
        self._live.log.append(patches)
        return len(patches)

    def _of_known_type(self, made: Patch) -> Patch:
        """The patch of an event, if its type has a weight in the release."""
        weights = self._live.state()[0].release.manifest.weights
        if made.values["type"] not in weights:
            raise PatchError(
                f"event of user {made.key!r:.100}: type {made.values['type']!r:.100} is none of "
                f"{', '.join(sorted(weights))}, which the configuration's [weights] name"
            )
        return made


def _read(record: Mapping[str, Any], source: str) -> Patch:
    if not isinstance(record, Mapping):
        raise PatchError(f"a record is a mapping of names to values, not {record!r:.100}")
    return patch.from_record(record, source)


def _of_kind(made: Patch, wanted: str) -> Patch:
    if made.kind != wanted:
        raise PatchError(f"a patch of kind {wanted!r} was expected, not {made.kind!r} (of {made.key!r:.100})")
    return made


def _new_item(made: Patch) -> Patch:
    """The patch of an item, if it has a field that makes a new item."""
    _of_kind(made, ITEM)
    if not any(made.values.get(field) for field in DESCRIBING):
        raise PatchError(f"item {made.key!r:.100}: a new item needs one of {', '.join(DESCRIBING)}")
    return made
