"""A release joined with what happened since: what a call answers from. It never changes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.patches.overlay import View
from lookup.patches.patch import AHEAD, Statement, canonical, holding
from lookup.patches.patch_log import FOREVER
from lookup.release.reader import Release
from lookup.release.schema import NONE, NUMBER

KEYS = {"category": "categories", "brand": "brands", "value": "values"}
DESCRIBING = ("title", "text", "description", "category", "brand")
"""Fields that make an unknown id a new item: one that can be found."""
NOTHING = View({}, 0, FOREVER)

Said = dict[str, Statement]
"""What is patched of an item, by field."""


class State:
    """The items of a release as they are at a time, and after them those that were added by day.

    It satisfies `lookup.serving.filters.Filterable`. Rows 0 … own-1 are the release's, then come the added items.

    view: what is patched. at: microseconds since 1970. ahead: so much later statements hold at once.
    """

    def __init__(self, release: Release, view: View, at: int, ahead: int = AHEAD):
        self.release, self.ahead = release, ahead
        self.own = len(release.item_price)
        self.price: NDArray[np.float64] = release.item_price
        self.in_stock: NDArray[np.uint8] = release.item_in_stock
        self.category: NDArray[np.int32] = release.item_category
        self.brand: NDArray[np.int32] = release.item_brand
        self.feature: NDArray[np.float64] = release.item_feature
        self.features = release.features
        self.blocked = bytearray((release.item_in_stock == 0).tobytes())
        """1 for an item that is hidden or sold out, a byte each."""
        self.repriced = np.zeros(self.own, dtype=bool)
        """Items of the release with another price than at night, both known, where a ranker weighs it, (I,)."""
        self.has_repriced = False
        """Whether there are any."""
        self.added: list[str] = []
        """Ids of the added items, in the order of their rows."""
        self.vectors = np.zeros((0, release.item_vector.shape[1]), dtype=np.float32)
        """Of the added items, (A, D)."""
        self.inputs = self.vectors
        """What they add to the vector of a user, (A, D)."""
        self.patched: dict[str, Said] = {}
        """Item id → what is patched, of all that is."""
        self._rows: dict[str, int] = {}
        self._codes: dict[str, dict[str, int]] = {kind: {} for kind in KEYS}
        self._take(view, at)

    def renewed(self, view: View, at: int) -> "State":
        """The state at a later time. view: what changed since this one."""
        new = object.__new__(State)
        new.__dict__.update(self.__dict__)
        if view.items:
            new.blocked, new.added = bytearray(self.blocked), list(self.added)
            new.patched, new._rows = dict(self.patched), dict(self._rows)
            new._codes = {kind: dict(codes) for kind, codes in self._codes.items()}
        new._take(view, at)
        return new

    def find(self, item: str) -> int:
        """The row of an item; -1 where it is unknown. Raises TypeError when the id is not text."""
        row = self.release.find_item(item)
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

    def record(self, item: str) -> dict[str, Any] | None:
        """What is known of an item, by field: the release's record, and over it what is patched; declared features
        under `features`. None for an item that nobody knows.
        """
        row, said = self.find(item), self.patched.get(item, {})
        if row < 0 or (row >= self.own and not _describing(said)):
            return None
        known: dict[str, Any] = self.release.record(row) if row < self.own else {"item_id": item, "features": {}}
        features = dict(known["features"])
        for field, one in said.items():
            if field in self.features:
                features[field] = one.value
            else:
                known[field] = list(one.value) if isinstance(one.value, list) else one.value
        return known | {"features": {name: value for name, value in features.items() if value is not None}}

    def code(self, kind: str, text: str) -> int:
        """The code of a name; -1 for one that no item has. kind: "category", "brand", or "value" (of a feature)."""
        found: int = getattr(self.release, KEYS[kind]).find(text)
        return found if found >= 0 else self._codes[kind].get(text, NONE)

    def _take(self, view: View, at: int) -> None:
        """Put in what a view says."""
        self.mark, self.until = view.mark, view.until
        self._copied: set[str] = set()
        watermark, changed = self.release.manifest.patches_until, {}
        for item, fields in view.items.items():
            holds = ((field, holding(front, at, self.ahead)) for field, front in fields.items())
            changed[item] = {field: one for field, one in holds if one is not None and not one.absorbed(watermark)}
        rows = {item: self.find(item) for item in changed}
        self._add([item for item, row in rows.items() if row < 0 and _describing(changed[item])])
        for item, row in rows.items():
            place = row if row >= 0 else self._rows.get(item, -1)
            if place >= 0:
                self._set(place, item, changed[item])
            if changed[item]:
                self.patched[item] = changed[item]
            else:
                self.patched.pop(item, None)
        self.has_repriced = bool(self.repriced.any())
        if self.added:
            self._describe(item for item in changed if item in self._rows)

    def _set(self, row: int, item: str, said: Said) -> None:
        """Put in what is said of an item, in place of what was before."""
        base, own = self.release, row < self.own
        values = {field: one.value for field, one in said.items()}
        touched = values.keys() | self.patched.get(item, {}).keys()
        if "price" in touched:
            price = values["price"] if "price" in values else base.item_price[row] if own else None
            self._put("price", row, np.nan if price is None else price)
            if own and base.ranker is not None:
                self._put("repriced", row, abs(self.price[row] - base.item_price[row]) > 0)  # never of an unknown one
        if "in_stock" in touched:
            stocked = values["in_stock"] if "in_stock" in values else not own or bool(base.item_in_stock[row])
            self._put("in_stock", row, stocked is not False)  # unknown counts as in stock
        if "brand" in touched:
            code = base.item_brand[row] if own else NONE
            self._put("brand", row, self._named("brand", values["brand"]) if "brand" in values else code)
        if "category" in touched:
            path = [self._named("category", name) for name in values.get("category") or []]
            known = own and "category" not in values
            self._put("category", row, self._path(base.item_category[row].tolist() if known else path))
        for column, (name, kind) in enumerate(self.features.items()):
            if name in touched:
                number = base.item_feature[row, column] if own else np.nan
                self._put("feature", (row, column), self._number(kind, values[name]) if name in values else number)
        # An added item of which nothing is said any more is gone again.
        gone = not own and not _describing(said)
        self.blocked[row] = bool(values.get("hidden")) or not self.in_stock[row] or gone

    def _put(self, name: str, place: Any, value: Any) -> None:
        """Write into an array, which is copied before the first write."""
        if name not in self._copied:
            self._own(name, np.array(getattr(self, name)))
        getattr(self, name)[place] = value

    def _own(self, name: str, array: NDArray[Any]) -> None:
        self._copied.add(name)
        setattr(self, name, array)

    def _path(self, codes: list[int]) -> NDArray[np.int32]:
        """Codes as a row of `category`, which is made wider where it must be."""
        wide = self.category.shape[1]
        if len(codes) > wide:
            self._own("category", np.pad(self.category, ((0, 0), (0, len(codes) - wide)), constant_values=NONE))
            wide = len(codes)
        return np.array(codes + [NONE] * (wide - len(codes)), dtype=np.int32)

    def _number(self, kind: str, value: Any) -> float:
        """A feature as its array has it: as the night reads it."""
        if value is None:
            return np.nan
        if kind != NUMBER:
            return float(self._named("value", value if isinstance(value, str) else canonical(value)))
        try:
            number = float(value)
        except ValueError:
            return np.nan
        return number if np.isfinite(number) else np.nan

    def _named(self, kind: str, text: str | None) -> int:
        """The code of a name, a new one where there is none."""
        if text is None:
            return NONE
        found = self.code(kind, text)
        if found < 0:
            codes = self._codes[kind]
            found = codes[text] = len(getattr(self.release, KEYS[kind])) + len(codes)
        return found

    def _add(self, items: list[str]) -> None:
        """Rows for new items."""
        if not items:
            return
        start, n = self.own + len(self.added), len(items)
        self.added += items
        self._rows.update(zip(items, range(start, start + n), strict=True))
        self.blocked.extend(bytes(n))
        for name, fill in (
            ("price", np.nan),
            ("in_stock", 1),
            ("brand", NONE),
            ("category", NONE),
            ("feature", np.nan),
        ):
            array = getattr(self, name)
            self._own(name, np.concatenate([array, np.full((n, *array.shape[1:]), fill, dtype=array.dtype)]))

    def _describe(self, items: Iterable[str]) -> None:
        """Vectors of added items, from what is said of them."""
        new = len(self.added) - len(self.vectors)
        inputs, vectors = (np.pad(array, ((0, new), (0, 0))) for array in (self.inputs, self.vectors))
        for item in items:
            values = {field: one.value for field, one in self.patched.get(item, {}).items()}
            place = self._rows[item] - self.own
            inputs[place], vectors[place] = self.release.describe(values)
        self.inputs, self.vectors = inputs, vectors


def _describing(said: Said) -> bool:
    return any(field in said and said[field].value for field in DESCRIBING)


def _both(
    rows: NDArray[np.int32], own: int, first: NDArray[np.float32], then: NDArray[np.float32]
) -> NDArray[np.float32]:
    if not len(then) or not len(rows) or int(rows.max()) < own:
        return first[rows]
    found = np.empty((len(rows), first.shape[1]), dtype=np.float32)
    added = rows >= own
    found[~added], found[added] = first[rows[~added]], then[rows[added] - own]
    return found
