"""Which files are events, which are items, and which of their columns is which: by names, and by what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from jobs.config.first.contents import as_number, known
from jobs.config.first.grouping import FileTable
from jobs.config.first.names import EVENT_NAMES, ITEM_NAMES, candidates
from jobs.config.first.times import as_time

MOST_TYPES = 50
"""A column with more different values holds no types."""
NUMBERS = ("value", "price", "discount")
SALE = ("value", "price", "order")
"""A table that has one of these columns is one of sales, if it has no ratings."""
SHARED = 0.3
"""The share of the ids of one column that stand in another, for both to be of the same things."""


@dataclass
class Role:
    """A table as the configuration uses it: key → column."""

    table: FileTable
    columns: dict[str, str]
    notes: dict[str, str] = field(default_factory=dict)
    """Key → what a person should check."""

    def missing(self, *keys: str) -> list[str]:
        """Those of the keys for which no column was found."""
        return [key for key in keys if key not in self.columns]


@dataclass(frozen=True)
class Roles:
    """What the tables of a shop are."""

    items: Role | None
    events: list[Role]
    """Those that have all they need, and those that lack something."""
    others: list[FileTable]

    @property
    def one_table(self) -> bool:
        """Whether items and events stand in the same files."""
        return self.items is not None and any(self.items.table is role.table for role in self.events)


def find_roles(tables: list[FileTable]) -> Roles:
    """Decide what the tables are."""
    events = [role for table in tables if (role := _as_events(table))]
    catalogues = [table for table in tables if all(table is not role.table for role in events)]
    wanted = _ids_of_events(events)
    items = _best_items(catalogues, wanted)
    if not events:
        events = _by_contents([table for table in catalogues if items is None or table is not items.table], items)
    if items is None:
        complete = [role for role in events if not role.missing("time")] or events
        items = max((_items_of(role) for role in complete), key=lambda role: len(role.columns), default=None)
    if items is not None:
        for role in events:
            _link(role, items)
    used = [role.table for role in events] + ([items.table] if items else [])
    return Roles(items, events, [table for table in tables if all(table is not one for one in used)])


def _choose(table: FileTable, names: Mapping[str, tuple[str, ...]], taken: Mapping[str, str]) -> dict[str, str]:
    """Key → column, for the keys for which a column was found; no column is used twice."""
    found = dict(taken)
    for key, patterns in names.items():
        if key in found:
            continue
        free = [name for name in candidates(table.columns, patterns) if name not in found.values()]
        fitting = [name for name in free if _fits(key, name, table.sample[name])]
        if fitting:
            found[key] = fitting[0]
    return found


def _fits(key: str, name: str, column: pl.Series) -> bool:
    """Whether the values of a column may be what a key means."""
    if isinstance(column.dtype, pl.List):
        return key in ("category", "description", "title", "image")
    if key in NUMBERS:
        return as_number(name, column) is not None
    if key in ("time", "updated"):
        return as_time(name, column) is not None
    values = known(column)
    if key in ("type", "status"):
        return values.n_unique() <= MOST_TYPES
    if key == "title" and not values.is_empty():
        return bool(values.str.contains(r"\p{L}").any())
    return key != "group" or 1 < values.n_unique() < len(values)  # some items share it, and not all


def _as_events(table: FileTable) -> Role | None:
    """A table as events: it has a user and an item by name."""
    found = _choose(table, EVENT_NAMES, {})
    if "item_id" not in found:
        return None
    if "user_id" not in found and "order" in found and "time" in found:
        found["user_id"] = found["order"]  # nobody is known, so that each order is one user's
    if "user_id" not in found:
        return None
    if "order" not in found and any("lineitem" in name.lower() for name in table.columns) and "Name" in table.columns:
        found["order"] = "Name"
    if "time" not in found and (time := _only_time(table, found)):
        found["time"] = time
    return Role(table, found)


def _only_time(table: FileTable, found: Mapping[str, str]) -> str | None:
    """The first column of times, whatever its name; numbers do not count, for they may be anything."""
    for name in table.columns:
        column = table.sample[name]
        if name in found.values() or isinstance(column.dtype, pl.List) or as_number(name, column):
            continue
        if as_time(name, column):
            return name
    return None


def _ids_of_events(events: list[Role]) -> set[str]:
    """The ids of items in the events, by every column that may have them."""
    found: set[str] = set()
    for role in events:
        for name in candidates(role.table.columns, EVENT_NAMES["item_id"]):
            found |= _ids(role.table.sample[name])
    return found


def _ids(column: pl.Series) -> set[str]:
    if isinstance(column.dtype, pl.List):
        return set()
    return set(known(column).str.replace(r"^(\d+)\.0$", "$1"))


def _best_items(tables: list[FileTable], wanted: set[str]) -> Role | None:
    """The table of items: the one that has most of the ids in the events, then most known columns."""
    found = []
    for table in tables:
        ids = candidates(table.columns, ITEM_NAMES["item_id"])
        ids = [name for name in ids if not isinstance(table.sample[name].dtype, pl.List)]
        if not ids:
            continue
        shared = {name: len(_ids(table.sample[name]) & wanted) for name in ids}
        best = max(ids, key=lambda name: shared[name])  # the likeliest by name among equals
        role = Role(table, _choose(table, ITEM_NAMES, {"item_id": best}))
        if len(role.columns) > 1 or shared[best]:
            lines = candidates(table.columns, EVENT_NAMES["order"])  # of orders rather than a catalogue
            found.append((shared[best], not lines, len(role.columns), role))
    return max(found, key=lambda one: one[:3])[3] if found else None


def halves(tables: list[FileTable]) -> list[str]:
    """Advice on orders in two tables, one with the users and one with the items: a night reads them as one."""
    told = []
    for lines in tables:
        for heads in tables:
            shared = [name for name in candidates(lines.columns, EVENT_NAMES["order"]) if name in heads.columns]
            has_users = candidates(heads.columns, EVENT_NAMES["user_id"])
            if lines is heads or not shared or not has_users or candidates(lines.columns, EVENT_NAMES["user_id"]):
                continue
            if candidates(lines.columns, EVENT_NAMES["item_id"]):
                told.append(
                    f"{lines.name} has the items of orders and {heads.name} has {has_users[0]}: join them by "
                    f"{shared[0]} into one file of events first"
                )
    return told


def _items_of(role: Role) -> Role:
    """The items of a table of events: one export with items and orders in one table."""
    of_event = {name for key, name in role.columns.items() if key not in ("item_id",)}
    names = {key: patterns for key, patterns in ITEM_NAMES.items() if key not in ("price", "in_stock", "updated")}
    taken = {"item_id": role.columns["item_id"]}
    found = _choose(role.table, names, taken | {f"event {n}": name for n, name in enumerate(sorted(of_event))})
    return Role(role.table, {key: name for key, name in found.items() if not key.startswith("event ")})


def _link(events: Role, items: Role) -> None:
    """Take for the events' items the column whose values are the ids of the items."""
    if events.table is items.table:
        return
    ids = _ids(items.table.sample[items.columns["item_id"]])
    names = candidates(events.table.columns, EVENT_NAMES["item_id"])
    shared = {name: len(_ids(events.table.sample[name]) & ids) for name in {*names, events.columns["item_id"]}}
    best = max(shared, key=lambda name: shared[name])
    if shared[best] > shared[events.columns["item_id"]] and best not in events.columns.values():
        events.columns["item_id"] = best
    asked = len(_ids(events.table.sample[events.columns["item_id"]]))
    if asked and not shared[events.columns["item_id"]] and len(ids) < items.table.sample.height + 1:
        events.notes["item_id"] = "none of its first values is among the items' ids: is it the right column?"


def _by_contents(tables: list[FileTable], items: Role | None) -> list[Role]:
    """Tables of events whose names tell nothing: a column has the items' ids, one has times, one has users."""
    if items is None:
        return []
    ids = _ids(items.table.sample[items.columns["item_id"]])
    found = []
    for table in tables:
        shares = {name: len(mine & ids) / len(mine) for name in table.columns if (mine := _ids(table.sample[name]))}
        item = max(shares, key=lambda name: shares[name], default=None)
        if item is None or shares[item] < SHARED:
            continue
        columns = _choose(table, {key: EVENT_NAMES[key] for key in EVENT_NAMES if key != "item_id"}, {"item_id": item})
        if "time" not in columns and (time := _only_time(table, columns)):
            columns["time"] = time
        free = [name for name in table.columns if name not in columns.values() and _like_users(table.sample[name])]
        if "user_id" not in columns and free:
            columns["user_id"] = free[0]
        if "user_id" in columns:
            notes = {"user_id": "guessed by its values", "item_id": "guessed by its values"}
            found.append(Role(table, columns, notes))
    return found


def _like_users(column: pl.Series) -> bool:
    """Whether values come again and again, and are neither fractions nor long texts."""
    if isinstance(column.dtype, pl.List):
        return False
    values = known(column)
    if values.is_empty() or values.str.contains(r"^\d+[.,]\d*[1-9]\d*$").any():
        return False
    return 1 < values.n_unique() <= 0.9 * len(values) and float(values.str.len_chars().mean() or 0) <= 40  # type: ignore[arg-type]


def is_sale(role: Role) -> bool:
    """Whether the rows of a table look like sales: they have an order, a price or a quantity that is no rating."""
    value = role.columns.get("value")
    rated = value is not None and value in candidates([value], EVENT_NAMES["value"][1:2])
    return not rated and any(key in role.columns for key in SALE)
