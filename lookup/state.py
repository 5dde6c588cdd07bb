"""A release joined with what happened since: what a call answers from. Immutable, but for names that are new."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.overlay import Overlay
from lookup.patches import holding
from lookup.release import Release
from lookup.schema import NONE, NUMBER

FOREVER = 2**62
KEYS = {"category": "categories", "brand": "brands", "value": "values"}
DESCRIBING = ("title", "text", "description", "category", "brand")
"""Fields that make an unknown id a new item: one that can be found."""


class State:
    """The items of a release as they are at a time, and after them those that were added by day.

    It satisfies `lookup.where.Features`. Rows 0 … own-1 are the release's, then come the added items.
    """

    def __init__(self, release: Release, overlay: Overlay | None, at: int):
        self.release = release
        self.own = len(release.item_price)
        self.price: NDArray[np.float64] = release.item_price
        self.in_stock: NDArray[np.uint8] = release.item_in_stock
        self.category: NDArray[np.int32] = release.item_category
        self.brand: NDArray[np.int32] = release.item_brand
        self.feature: NDArray[np.float64] = release.item_feature
        self.features = release.features
        self.blocked = bytearray((release.item_in_stock == 0).tobytes())
        """1 for an item that is hidden or sold out, a byte each."""
        self.added: list[str] = []
        """Ids of the added items, in the order of their rows."""
        self.vectors = np.zeros((0, release.item_vector.shape[1]), dtype=np.float32)
        """Of the added items, (A, D)."""
        self.inputs = self.vectors
        """What they add to the vector of a user, (A, D)."""
        self.patched: dict[str, dict[str, Any]] = {}
        """Item id → field → value, of all that is patched."""
        self.at, self.until, self.mark = at, FOREVER, 0
        self._rows: dict[str, int] = {}
        self._codes: dict[tuple[str, str], int] = {}
        if overlay is not None:
            with overlay.lock:
                overlay.expire(at)
                self.mark, self.until = overlay.mark, overlay.next_end or FOREVER
                self._apply(overlay, list(overlay.fields), at)

    def renewed(self, overlay: Overlay, at: int) -> "State":
        """The state at a later time: itself where nothing changed."""
        with overlay.lock:
            overlay.expire(at)
            changed = overlay.changed(self.mark)
            if changed is None:
                return State(self.release, overlay, at)
            until = overlay.next_end or FOREVER
            if not changed and until == self.until:
                return self
            new = object.__new__(State)
            new.__dict__.update(self.__dict__)
            new.mark, new.until, new.at = overlay.mark, until, at
            if changed:
                new.blocked, new.patched = bytearray(self.blocked), dict(self.patched)
                new.added, new._rows, new._codes = list(self.added), dict(self._rows), dict(self._codes)
                new._apply(overlay, list(dict.fromkeys(changed)), at)
            return new

    def find(self, item: str) -> int:
        """The row of an item; -1 where it is unknown. Raises TypeError when the id is not text."""
        row = self.release.items.find(item)
        return row if row >= 0 else self._rows.get(item, -1)

    def id(self, row: int) -> str:
        """The id of the item in a row."""
        return self.release.items.id(row) if row < self.own else self.added[row - self.own]

    def vector(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """v of some rows, (n, D)."""
        return _both(rows, self.own, self.release.item_vector, self.vectors)

    def input(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """x of some rows, (n, D)."""
        return _both(rows, self.own, self.release.item_input, self.inputs)

    def record(self, row: int) -> dict[str, Any]:
        """What is known of an item, by field: the release's record, and over it what is patched."""
        item = self.id(row)
        known = self.release.record(row) if row < self.own else {"item_id": item}
        return {**known, **self.patched.get(item, {})}

    def code(self, kind: str, text: str) -> int:
        """The code of a name; -1 for one that no item has. kind: "category", "brand", or "value" (of a feature)."""
        found: int = getattr(self.release, KEYS[kind]).find(text)
        return found if found >= 0 else self._codes.get((kind, text), NONE)

    def _apply(self, overlay: Overlay, items: list[str], at: int) -> None:
        """Put in what the overlay says of some items."""
        watermark = self.release.manifest.patches_until
        self._own_arrays()
        for item in items:
            values = {}
            for field, front in overlay.fields.get(item, {}).items():
                one = holding(front, at)
                if one is not None and not one.absorbed(watermark):
                    values[field] = one.value
            row = self.find(item)
            if row < 0 and any(values.get(field) for field in DESCRIBING):
                row = self._add(item)
            if row >= 0:
                self._set(row, item, values)
            if values:
                self.patched[item] = values
            else:
                self.patched.pop(item, None)
        if self.added:
            self._describe(set(items))

    def _own_arrays(self) -> None:
        for name in ("price", "in_stock", "category", "brand", "feature"):
            setattr(self, name, np.array(getattr(self, name)))

    def _set(self, row: int, item: str, values: dict[str, Any]) -> None:
        base = self.release
        own = row < self.own
        price = values.get("price", base.item_price[row] if own else None)
        self.price[row] = np.nan if price is None else price
        stocked = values.get("in_stock", bool(base.item_in_stock[row]) if own else True)
        self.in_stock[row] = 1 if stocked is None else stocked
        # An added item that no longer says anything of itself (its patch has ended) is gone again.
        gone = not own and not any(values.get(field) for field in DESCRIBING)
        self.blocked[row] = bool(values.get("hidden")) or not self.in_stock[row] or gone
        if "brand" in values or not own or item in self.patched:
            known = base.item_brand[row] if own else NONE
            self.brand[row] = self._named("brand", values["brand"]) if "brand" in values else known
        if "category" in values or not own or item in self.patched:
            self._set_category(row, values.get("category"), own)
        for column, (name, kind) in enumerate(self.features.items()):
            if name in values:
                self.feature[row, column] = self._number(kind, values[name])
            else:
                self.feature[row, column] = base.item_feature[row, column] if own else np.nan

    def _set_category(self, row: int, path: list[str] | None, own: bool) -> None:
        if path is None and own:
            width = self.release.item_category.shape[1]
            self.category[row] = NONE
            self.category[row, :width] = self.release.item_category[row]
            return
        path = path or []
        if len(path) > self.category.shape[1]:
            wider = np.full((len(self.category), len(path)), NONE, dtype=np.int32)
            wider[:, : self.category.shape[1]] = self.category
            self.category = wider
        self.category[row] = NONE
        self.category[row, : len(path)] = [self._named("category", name) for name in path]

    def _number(self, kind: str, value: Any) -> float:
        if value is None:
            return np.nan
        if kind == NUMBER:
            return np.nan if isinstance(value, str) else float(value)
        return float(self._named("value", str(value)))

    def _named(self, kind: str, text: str | None) -> int:
        """The code of a name, a new one where there is none."""
        if text is None:
            return NONE
        found = self.code(kind, text)
        if found < 0:
            known = len(getattr(self.release, KEYS[kind]))
            found = known + sum(1 for other, _ in self._codes if other == kind)
            self._codes[kind, text] = found
        return found

    def _add(self, item: str) -> int:
        """A row for a new item."""
        row = self.own + len(self.added)
        self.added.append(item)
        self._rows[item] = row
        self.price = np.append(self.price, np.nan)
        self.in_stock = np.append(self.in_stock, np.uint8(1))
        self.brand = np.append(self.brand, np.int32(NONE))
        self.category = np.concatenate([self.category, np.full((1, self.category.shape[1]), NONE, dtype=np.int32)])
        self.feature = np.concatenate([self.feature, np.full((1, self.feature.shape[1]), np.nan)])
        self.blocked.append(0)
        return row

    def _describe(self, changed: set[str]) -> None:
        """Vectors of the added items, from what is said of them."""
        size = self.release.item_vector.shape[1]
        vectors, inputs = (np.zeros((len(self.added), size), dtype=np.float32) for _ in range(2))
        vectors[: len(self.vectors)], inputs[: len(self.inputs)] = self.vectors, self.inputs
        for place, item in enumerate(self.added):
            if item in changed:
                inputs[place], vectors[place] = self.release.describe(self.patched.get(item, {}))
        self.vectors, self.inputs = vectors, inputs


def _both(
    rows: NDArray[np.int32], own: int, first: NDArray[np.float32], then: NDArray[np.float32]
) -> NDArray[np.float32]:
    if not len(then) or not len(rows) or int(rows.max()) < own:
        return first[rows]
    found = np.empty((len(rows), first.shape[1]), dtype=np.float32)
    added = rows >= own
    found[~added], found[added] = first[rows[~added]], then[rows[added] - own]
    return found
