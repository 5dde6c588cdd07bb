"""The state that a call answers from: a release joined with the patches since. A state never changes."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookup.item_fields import DESCRIBING, MOST_VARIANTS, NUMERAL, STORED
from lookup.keys import clean_id
from lookup.patches.item_fronts import View
from lookup.patches.patch import AHEAD, Statement, canonical, holding
from lookup.patches.patch_log import FOREVER
from lookup.patches.patched_paths import PatchedPaths
from lookup.release.reader import Release
from lookup.release.schema import NONE, NUMBER, TEXT
from lookup.serving.limits.variants import Groups

if TYPE_CHECKING:
    from lookup.search.searcher import Searcher

KEYS = {"category": "categories", "brand": "brands", "value": "values", "group": "groups"}
_NUMERAL = re.compile(NUMERAL)
NOTHING = View({}, 0, FOREVER)

SEARCHED = frozenset({"title", "brand", "category", "description"})
"""Fields whose words a search looks for, beside declared features of text."""
MOST_MADE, SPARE_MADE = 100_000, 40
"""How many codes and rows a state may have made: some 160 bytes each, and so many more for each patched item."""

PatchedFields = dict[str, Statement]
"""The statements that hold for an item, by field."""


class State:
    """The items as they are at one time: first those of the release, then those added by day.

    It satisfies `lookup.serving.limits.conditions.Filterable`. Rows 0 … release_items-1 are the release's.

    view: the statements of the patch log. at: microseconds since 1970. ahead: a statement from up to so many
    microseconds later holds at once. watermark: None is the release's own.
    """

    def __init__(self, release: Release, view: View, at: int, ahead: int = AHEAD, watermark: int | None = None):
        self.release, self.ahead = release, ahead
        self.watermark = release.manifest.patches_until if watermark is None else watermark
        """The position up to which the release has absorbed the log that is there."""
        self.release_items = len(release.item_price)
        """How many items are the release's."""
        self.price: NDArray[np.float64] = release.item_price
        self.in_stock: NDArray[np.uint8] = release.item_in_stock
        self.category: NDArray[np.int32] | PatchedPaths = release.item_category
        self.brand: NDArray[np.int32] = release.item_brand
        self.group: NDArray[np.int32] = release.item_group
        self.joined: dict[int, tuple[int, ...]] = {}
        """Group code → the items that patches put into it (`lookup.serving.limits.variants`)."""
        self.grouped = len(release.groups) > 0
        """Whether any item has a group."""
        self.feature: NDArray[np.float64] = release.item_feature
        self.features = release.features
        self.blocked = bytearray((release.item_in_stock == 0).tobytes())
        """1 for an item that is hidden or sold out, a byte each."""
        self.repriced = np.zeros(self.release_items, dtype=bool)
        """Which items of the release have another price than at night, both known, where a ranker weighs it, (I,)."""
        self.has_repriced = False
        """Whether any item does."""
        self.added: list[str] = []
        """The ids of the items added by day, in the order of their rows."""
        self.added_vectors = np.zeros((0, release.item_vector.shape[1]), dtype=np.float32)
        """v of the added items, (A, D)."""
        self.added_inputs = self.added_vectors
        """x of the added items: what they add to the vector of a user, (A, D)."""
        self.patched: dict[str, PatchedFields] = {}
        """Item id → the statements that hold, for every patched item."""
        self._rows: dict[str, int] = {}
        self._codes: dict[str, dict[str, int]] = {kind: {} for kind in KEYS}
        self.retold: dict[int, str] = {}
        """The release's items that patches describe anew: the id by the row."""
        self._searcher: Searcher | None = None
        self._apply(view, at)

    @property
    def worn(self) -> bool:
        """Whether most of its codes and rows are of statements that hold no more, so that a new state takes less."""
        made = len(self.added) + sum(map(len, self._codes.values()))
        return made > MOST_MADE + SPARE_MADE * len(self.patched)

    def renewed(self, view: View, at: int) -> "State":
        """The state at a later time. view: the statements on items that changed since this state."""
        new = object.__new__(State)
        new.__dict__.update(self.__dict__)
        if view.items:
            new.blocked, new.added = bytearray(self.blocked), list(self.added)
            new.patched, new._rows, new.retold = dict(self.patched), dict(self._rows), dict(self.retold)
            new.joined = dict(self.joined)
            new._codes = {kind: dict(codes) for kind, codes in self._codes.items()}
        new._apply(view, at)
        return new

    def find(self, item: str) -> int:
        """The row of an item; -1 where it is unknown. Raises TypeError for what cannot be an id."""
        row = self.release.find_item(item)
        return row if row >= 0 or not self._rows else self._rows.get(clean_id(item), -1)

    def id(self, row: int) -> str:
        """The id of the item in a row."""
        return self.release.items.id(row) if row < self.release_items else self.added[row - self.release_items]

    @property
    def added_rows(self) -> NDArray[np.int32]:
        """The rows of the items added by day, int32 (A,)."""
        return np.arange(self.release_items, self.release_items + len(self.added), dtype=np.int32)

    def item_vectors(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """v of some items, float32 (n, D). rows: (n,)."""
        return _joined(rows, self.release_items, self.release.item_vector, self.added_vectors)

    def item_inputs(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """x of some items, float32 (n, D). rows: (n,)."""
        return _joined(rows, self.release_items, self.release.item_input, self.added_inputs)

    def record(self, item: str) -> dict[str, Any] | None:
        """What is known of an item, by field; None for an unknown item.

        The values are those of the release's record, and where a patch states another one, that of the patch; of an
        item that a patch added, a field that it does not state is None, and `in_stock` true. Declared features stand
        under `features`.
        """
        row, said = self.find(item), self.patched.get(clean_id(item), {})
        if row < 0 or (row >= self.release_items and not _describing(said)):
            return None
        unstated = dict.fromkeys((field.name for field in STORED), None)
        added: dict[str, Any] = {"item_id": clean_id(item), **unstated, "in_stock": True, "events": 0, "features": {}}
        known: dict[str, Any] = self.release.record(row) if row < self.release_items else added
        features = dict(known["features"])
        for field, one in said.items():
            if field in self.features:
                features[field] = one.value
            else:
                known[field] = list(one.value) if isinstance(one.value, list) else one.value
        return known | {"features": {name: value for name, value in features.items() if value is not None}}

    def code(self, kind: str, text: str) -> int:
        """The code of a name; -1 for a name that no item has. kind: "category", "brand", "group", or "value" (of a
        feature).
        """
        found: int = getattr(self.release, KEYS[kind]).find(text)
        return found if found >= 0 else self._codes[kind].get(text, NONE)

    @property
    def searcher(self) -> "Searcher | None":
        """Searches these items; None where the release has no search index."""
        index = self.release.search
        if index is None:
            return None
        found = self._searcher
        if found is None or found.facts is not self:
            from lookup.search.searcher import Searcher
            from lookup.serving.search.texts_now import texts_now

            added, retold = texts_now(self, found)
            sold_out = np.flatnonzero(self.release.item_in_stock == 0)
            returned = sold_out[np.frombuffer(self.blocked, dtype=np.uint8)[sold_out] == 0].astype(np.int32)
            found = self._searcher = Searcher(index, self, added, found, returned, retold=retold)
        return found

    def name(self, kind: str, code: int) -> str:
        """The name of a code that an item has. kind: as in `code`."""
        return self.names(kind, [code])[0]

    def names(self, kind: str, codes: Iterable[int]) -> list[str]:
        """The names of codes that items have. kind: as in `code`."""
        names = getattr(self.release, KEYS[kind])
        released, added = len(names), list(self._codes[kind])
        return [names.id(code) if code < released else added[code - released] for code in codes]

    def _apply(self, view: View, at: int) -> None:
        """Write what a view states into this new state."""
        self.mark, self.until = view.mark, view.until
        self._copied: set[str] = set()
        self._paths: dict[int, list[int] | None] = {}
        changed = {}
        for item, fields in view.items.items():
            stated = ((field, holding(front, at, self.ahead)) for field, front in fields.items())
            changed[item] = {
                field: one for field, one in stated if one is not None and not one.absorbed(self.watermark)
            }
        rows = {item: self.find(item) for item in changed}
        self._add([item for item, row in rows.items() if row < 0 and _describing(changed[item])])
        for item, row in rows.items():
            place = row if row >= 0 else self._rows.get(item, -1)
            if place >= 0:
                self._apply_item(place, item, changed[item])
            if changed[item]:
                self.patched[item] = changed[item]
            else:
                self.patched.pop(item, None)
        if self._paths:
            self.category = PatchedPaths.of(self.category).replaced(self._paths)
        self.has_repriced = bool(self.repriced.any())
        self.groups = Groups(self.release, self.group, self.joined, list(self._codes["group"]))
        """Of `group`."""
        if self.added:
            self._encode(item for item in changed if item in self._rows)

    def _apply_item(self, row: int, item: str, said: PatchedFields) -> None:
        """Write what the statements on an item say, in place of what earlier ones said."""
        base, known = self.release, row < self.release_items
        values = {field: one.value for field, one in said.items()}
        touched = values.keys() | self.patched.get(item, {}).keys()
        if "price" in touched:
            price = values["price"] if "price" in values else base.item_price[row] if known else None
            self._write("price", row, np.nan if price is None else price)
            if known and base.ranker is not None:
                self._write("repriced", row, abs(self.price[row] - base.item_price[row]) > 0)  # False where one is NaN
        if "in_stock" in touched:
            stocked = values["in_stock"] if "in_stock" in values else not known or bool(base.item_in_stock[row])
            self._write("in_stock", row, stocked is not False)  # unknown counts as in stock
        if "brand" in touched:
            code = base.item_brand[row] if known else NONE
            self._write("brand", row, self._code_of("brand", values["brand"]) if "brand" in values else code)
        if "group" in touched:
            code = int(base.item_group[row]) if known else NONE
            self._join(row, self._code_of("group", values["group"]) if "group" in values else code)
        if "category" in touched:
            stated = [self._code_of("category", name) for name in values.get("category") or []]
            self._paths[row] = stated if "category" in values or not known else None
        for column, (name, kind) in enumerate(self.features.items()):
            if name in touched:
                number = base.item_feature[row, column] if known else np.nan
                self._write("feature", (row, column), self._number(kind, values[name]) if name in values else number)
        if known and any(name in SEARCHED or self.features.get(name) == TEXT for name in values):
            self.retold[row] = item
        else:
            self.retold.pop(row, None)
        # An added item disappears again when its last describing statement ends.
        gone = not known and not _describing(said)
        self.blocked[row] = bool(values.get("hidden")) or not self.in_stock[row] or gone

    def _join(self, row: int, code: int) -> None:
        """Put an item into a group."""
        self._write("group", row, code)
        if code == NONE:
            return
        self.grouped = True
        others = self.joined.get(code, ())
        of_release = row < self.release_items and self.release.item_group[row] == code
        if not of_release and row not in others and len(others) < MOST_VARIANTS:
            self.joined[code] = (*others, row)

    def _write(self, name: str, place: Any, value: Any) -> None:
        """Write into an array, which is copied before the first write."""
        if name not in self._copied:
            self._replace(name, np.array(getattr(self, name)))
        getattr(self, name)[place] = value

    def _replace(self, name: str, array: NDArray[Any]) -> None:
        self._copied.add(name)
        setattr(self, name, array)

    def _number(self, kind: str, value: Any) -> float:
        """A feature as its array stores it: by the night's own rules."""
        if value is None:
            return np.nan
        if kind != NUMBER:
            return float(self._code_of("value", value if isinstance(value, str) else canonical(value)))
        if isinstance(value, str) and not _NUMERAL.fullmatch(value.strip()):
            return np.nan
        number = float(value)
        return number if np.isfinite(number) else np.nan

    def _code_of(self, kind: str, text: str | None) -> int:
        """The code of a name; a new code for a new name."""
        if text is None:
            return NONE
        found = self.code(kind, text)
        if found < 0:
            codes = self._codes[kind]
            found = codes[text] = len(getattr(self.release, KEYS[kind])) + len(codes)
        return found

    def _add(self, items: list[str]) -> None:
        """Add rows for new items."""
        if not items:
            return
        start, n = self.release_items + len(self.added), len(items)
        self.added += items
        self._rows.update(zip(items, range(start, start + n), strict=True))
        self.blocked.extend(bytes(n))
        self.category = PatchedPaths.of(self.category)
        for name, fill in (
            ("price", np.nan),
            ("in_stock", 1),
            ("brand", NONE),
            ("group", NONE),
            ("feature", np.nan),
        ):
            array = getattr(self, name)
            self._replace(name, np.concatenate([array, np.full((n, *array.shape[1:]), fill, dtype=array.dtype)]))

    def _encode(self, items: Iterable[str]) -> None:
        """Make the vectors of added items from the statements on them."""
        new = len(self.added) - len(self.added_vectors)
        inputs, vectors = (np.pad(array, ((0, new), (0, 0))) for array in (self.added_inputs, self.added_vectors))
        for item in items:
            values = {field: one.value for field, one in self.patched.get(item, {}).items()}
            place = self._rows[item] - self.release_items
            inputs[place], vectors[place] = self.release.cold_start_vectors(values)
        self.added_inputs, self.added_vectors = inputs, vectors


def _describing(said: PatchedFields) -> bool:
    return any(field in said and said[field].value for field in DESCRIBING)


def _joined(
    rows: NDArray[np.int32], release_items: int, released: NDArray[np.float32], added: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Rows of an array of the release, and after it of one of the added items."""
    if not len(added) or not len(rows) or int(rows.max()) < release_items:
        return released[rows]
    found = np.empty((len(rows), released.shape[1]), dtype=np.float32)
    by_day = rows >= release_items
    found[~by_day], found[by_day] = released[rows[~by_day]], added[rows[by_day] - release_items]
    return found
