"""The lines of a table of the configuration: its columns by key, what was guessed, and what is left."""

from collections.abc import Iterable
from typing import Any

import tomlkit
from tomlkit.items import Item, Table

from jobs.config.first import contents
from jobs.config.first.contents import Reading
from jobs.config.first.grouping import FileTable
from jobs.config.first.names import ITEM_NAMES
from jobs.config.first.orders import Findings, type_of_rows
from jobs.config.first.roles import Role, is_sale
from jobs.config.first.times import as_time
from jobs.config.service_articles import Suspect, exclusion, quoted

EVENT_KEYS = ("user_id", "item_id", "type", "time", "value", "price", "discount", "query", "order")


def item_lines(role: Role, where: str | None, time: Reading | None, suspects: Iterable[Suspect]) -> Table:
    """The table `[items]`.

    where: the condition of its rows. time: since when a row holds, where its table is one of sales. suspects: items
    that are perhaps no products.
    """
    table = _of_files(role.table)
    read = {key: _item_reading(role, key) for key in ITEM_NAMES}
    if time is not None:
        read["updated"] = time
    for key in ITEM_NAMES:
        reading = read[key]
        if reading is not None:
            table.add(key, explained(reading.expression, reading.note))
        elif key == "price" and time is not None:
            table.add(tomlkit.comment("price =    that of the item's last sale"))
        elif key == "title" or (key in ITEM_NAMES and key != "updated"):
            table.add(tomlkit.comment(f"{key} ="))
        if key == "category" and reading is not None and (sign := _separator(role)):
            table.add("category_separator", sign)
    if where is not None:
        table.add("where", where)
    # Of a table of sales, too, the columns are told where its events stand.
    return closed(table, *_suspects(role, suspects), *(_unused(role) if time is None else []))


def event_lines(role: Role, found: Findings, where: str | None, suspects: Iterable[Suspect]) -> Table:
    """A table `[[events]]`."""
    table, columns = _of_files(role.table), role.columns
    for key in EVENT_KEYS:
        value, note = _event_reading(key, role, found)
        if value is not None:
            table.add(key, explained(value, note))
        else:
            table.add(tomlkit.comment(f"{key} ="))
        if key == "time" and found.time is not None and found.time.format is not None:
            table.add("time_format", explained(found.time.format, found.time.note))
    if found.guests:
        of_orders = "order" in columns and columns["order"] != columns["user_id"]
        note = f"{found.guests:.0%} of the rows have no user" + (": each order is one" if of_orders else "")
        table.add("guests", explained("basket" if of_orders else "drop", note))
    if found.returns:
        note = f'{found.returns:,} rows have a quantity below zero: they undo a purchase; or "drop", or "keep"'
        table.add("returns", explained("undo" if is_sale(role) else "keep", note if is_sale(role) else None))
    if where is not None:
        table.add("where", where)
    return closed(table, *_suspects(role, suspects), *_unused(role))


def condition_of_events(role: Role, found: Findings, services: Iterable[str], *, sales_only: bool) -> str | None:
    """The condition `where` of a table of events; None where all rows count.

    services: ids that are no products, and that the items lack. sales_only: rows without a price are no sales.
    """
    parts = []
    if found.taking_back:
        parts.append(exclusion(quoted(role.columns["type"]), found.taking_back))
    if found.cancelled:
        parts.append(exclusion(f"coalesce({quoted(role.columns['status'])}, '')", found.cancelled))
    if sales_only and found.free:
        parts.append(f"double({_inner(found.numbers['price'], role.columns['price'])}) > 0")
    ids = sorted(services)
    if ids:
        parts.append(exclusion(quoted(role.columns["item_id"]), ids))
    return " AND ".join(parts) or None


def condition_of_items(item_id: str, services: Iterable[str], sales: tuple[Role, Findings] | None) -> str | None:
    """The condition `where` of the items; None where all rows count.

    services: ids that are no products. sales: the events of the same table; a return or a gift does not say what an
    item is called.
    """
    parts = []
    if sales is not None:
        role, found = sales
        for key, rows in (("value", found.returns), ("price", found.free)):
            if rows:
                parts.append(f"double({_inner(found.numbers[key], role.columns[key])}) > 0")
    ids = sorted(services)
    if ids:
        parts.append(exclusion(quoted(item_id), ids))
    return " AND ".join(parts) or None


def _inner(reading: Reading, column: str) -> str:
    return quoted(column) if reading.expression == column else reading.expression


def _of_files(files: FileTable) -> Table:
    pattern = files.pattern
    table = tomlkit.table().add("files", pattern if isinstance(pattern, str) else list(pattern))
    if files.encoding:
        table.add("encoding", explained(files.encoding, "a guess: it is not UTF-8"))
    return table


def _item_reading(role: Role, key: str) -> Reading | None:
    name = role.columns.get(key)
    if name is None:
        return None
    column = role.table.sample[name]
    if key == "price":
        return contents.as_number(name, column)
    if key == "in_stock":
        return contents.as_switch(name, column)
    if key == "category":
        return contents.as_path(name, column)[0]
    if key == "updated":
        found = as_time(name, column)
        return Reading(found.timestamp, found.note) if found else None
    return _group(role, name) if key == "group" else Reading(name)


def _group(role: Role, name: str) -> Reading:
    """The column of groups; where it has the parents of items, and a parent has none, with the parents."""
    table, item_id = role.table.sample, role.columns["item_id"]
    ids, groups = (contents.known(table[column]) for column in (item_id, name))
    note = "variants of one thing: lists show one of them"
    if len(groups) < table.height and set(groups) & set(ids):
        return Reading(f"coalesce({quoted(name)}, {quoted(item_id)})", note)
    return Reading(name, note)


def _separator(role: Role) -> str | None:
    name = role.columns["category"]
    return contents.as_path(name, role.table.sample[name])[1]


def _event_reading(key: str, role: Role, found: Findings) -> tuple[str | None, str | None]:
    """The value of a key, and a note on it; no value where the table has none."""
    name = role.columns.get(key)
    value, note = name, role.notes.get(key)
    if key == "type" and name is None:
        kind, note = type_of_rows(role)
        value = f"'{kind}'"
    elif key == "time":
        value, note = "time", "no such column was found: name it"
        if found.time is not None:
            value, note = found.time.expression, None if found.time.format else found.time.note
    elif key == "user_id" and name is not None and found.nobody:
        ids = ", ".join("'" + one.replace("'", "\\'") + "'" for one in found.nobody)
        value, note = f"if(trim({quoted(name)}) IN ({ids}), NULL, {quoted(name)})", f"{ids} is nobody"
    elif key == "user_id" and name == role.columns.get("order"):
        note = "no column of users was found: each order is one user's"
    elif key in found.numbers:
        value, note = found.numbers[key].expression, found.numbers[key].note
    return value, note


def _suspects(role: Role, suspects: Iterable[Suspect]) -> list[str]:
    """Comments that name items that look like no product, with the condition that leaves out those that are kept."""
    told = list(suspects)
    clear, doubtful = ([one for one in told if one.clear is sure] for sure in (True, False))
    line = exclusion(quoted(role.columns["item_id"]), [one.item_id for one in doubtful])
    return [
        *(["left out, for they look like no products:"] if clear else []),
        *(f"  {one}" for one in clear),
        *(["not left out, but perhaps no products:"] if doubtful else []),
        *(f"  {one}" for one in doubtful),
        *([f"  if they are none: where = {tomlkit.item(line).as_string()}"] if doubtful else []),
    ]


def _unused(role: Role) -> list[str]:
    rest = [name for name in role.table.columns if name not in role.columns.values()]
    return [f"not used: {listed(rest)}"] if rest else []


def closed(table: Table, *comments: str) -> Table:
    """A table with comments at its end, and an empty line."""
    for comment in comments:
        table.add(tomlkit.comment(one_line(comment)))
    return table.add(tomlkit.nl())


def explained(value: Any, comment: str | None) -> Item:
    """A value with a comment behind it."""
    item = tomlkit.item(value)
    return item.comment(one_line(comment)) if comment else item


def one_line(text: str) -> str:
    """A text that ends no comment of TOML."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def listed(columns: list[str]) -> str:
    """Names in one line, whatever they hold."""
    return ", ".join(column if column.isprintable() else repr(column) for column in columns)
