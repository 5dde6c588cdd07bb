"""Find the files of a shop, look into them, and write its first configuration."""

import os
import re
import shlex
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from jobs.config.first.contents import Reading, as_text
from jobs.config.first.grouping import tables_of
from jobs.config.first.lines import condition_of_events, condition_of_items, event_lines, item_lines, listed
from jobs.config.first.looking import DataFile, look
from jobs.config.first.orders import Findings, study, type_of_rows
from jobs.config.first.roles import MOST_TYPES, Role, Roles, find_roles, halves
from jobs.config.first.template import document, example_events, example_items, weights_of
from jobs.config.service_articles import Suspect
from jobs.errors import ConfigError
from jobs.infra.files import format_of, is_closed
from jobs.infra.text_files.opening import closed

NAME = "daybreak.toml"
WORKED = {"work", "releases"}
"""Folders that Daybreak writes."""
MOST_FILES = 20_000
EXCEL = (".xlsx", ".xls", ".xlsm", ".ods")
LIKELY_TYPES = ("purchase", "cart", "view")
"""Of a table that has a column of types and no rows yet."""
DATA = r"[\d.,:/ -]+"
"""What no column is called."""
ALLOWED = 0.01
"""`quality.max_bad_share` where nothing is set."""
ONE_DAY = timedelta(days=1)
"""Somewhere it is tomorrow already."""
STALE = 90
"""Days after the last event from which on the night's date must be given (`users.active_days`)."""


def write_first_config(folder: Path) -> str:
    """Write `daybreak.toml` into a folder of data files; returns what to tell the person.

    What is written always loads: where no file of items or events is found, it has an example in their place.
    Raises ConfigError where there is no such folder, where it is not writable, or where there is a configuration.
    """
    target = folder / NAME
    if target.exists():
        raise ConfigError(f"{target} is there already; move it away to have a new one written")
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; name the one that holds your files of items and events")
    if not os.access(folder, os.W_OK):
        help_ = "make links to its files in a folder where you may write, and name it"
        raise ConfigError(f"{folder}: not writable: {help_}")
    files, told = _look_around(folder)
    roles = find_roles(tables_of(folder, files))
    text, more, last = _configuration(folder, roles)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target}: not writable: {error.strerror}") from None
    run = f"  daybreak run --config {shlex.quote(str(target))}"
    if last is not None and last + timedelta(days=STALE) < date.today():
        run += f" --date {last + timedelta(days=1)}"
    found = [*([f"items: {roles.items.table.name}"] if roles.items else []), *(_said(role) for role in roles.events)]
    missing = [kind for kind, there in (("items", roles.items), ("events", roles.events)) if not there]
    if missing:
        seen = "; ".join(f"{table.name}: {listed(table.columns)}" for table in roles.others) or "no file of data"
        need = {"items": "an item id, a title", "events": "a user id, an item id, a time"}
        found += [f"found no file of {kind} ({need[kind]}): the file has an example in its place" for kind in missing]
        found.append(f"seen: {seen}")
    elif roles.others:
        found.append(f"not used: {', '.join(table.name for table in roles.others)}")
    used = [role.table for role in roles.events] + ([roles.items.table] if roles.items else [])
    found += [
        f'{table.name}: encoding = "{table.encoding}" is a guess: are letters with accents right in it?'
        for table in used
        if table.encoding
    ]
    found += halves(used + roles.others)
    return "\n".join([f"wrote {target}: read it, correct what was guessed wrong, then", run, *found, *more, *told])


def _look_around(folder: Path) -> tuple[list[DataFile], list[str]]:
    """The files of data in a folder and the folders in it, and what to say of others."""
    found, told = list[DataFile](), list[str]()
    for path in sorted(_below(folder)):
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "_")) for part in parts) or parts[0] in WORKED:
            continue
        if is_closed(path):
            told.append(str(closed(path)))
        if not path.is_file():
            continue
        if path.suffix.lower() in EXCEL:
            told.append(f"{path.name}: a file of Excel is not read; save each of its sheets as CSV UTF-8")
        if format_of(path) is None:
            continue
        if not str(path).isprintable():
            told.append(f"{path!r}: passed over, for its name has characters that no configuration can have; rename it")
            continue
        if len(found) == MOST_FILES:
            told.append(f"looked at the first {MOST_FILES:,} files only")
            break
        try:
            file = look(path, folder)
            columns = file.sample.columns
        except ConfigError as error:
            told.append(str(error))
            continue
        if file.kind == "csv" and len(columns) > 1 and all(re.fullmatch(DATA, name) for name in columns):
            told.append(
                f"{path.name}: passed over, for its first line is data; put a line with the columns' names above"
            )
            continue
        found.append(file)
    return found, told


def _below(folder: Path) -> set[Path]:
    """What is in a folder, and in folders that it has links to; links within those are not followed, so it ends."""
    itself, found = folder.resolve(), set(folder.rglob("*"))
    for path in folder.iterdir():
        if path.is_symlink() and path.is_dir() and not itself.is_relative_to(path.resolve()):
            found.update(path.rglob("*"))
    return found


def _configuration(folder: Path, roles: Roles) -> tuple[str, list[str], date | None]:
    """The configuration, what to say of it, and the day of the last event."""
    items = roles.items
    catalogue = _catalogue(items) if items else None
    ids = set(catalogue["item_id"]) if catalogue is not None and not roles.one_table else None
    studied = [(role, study(role, catalogue)) for role in roles.events]
    told, types = list[str](), list[str]()
    services: dict[str, Suspect] = {}
    for role, found in studied:
        if len(found.types) > MOST_TYPES:
            found.types.clear()
            role.columns.pop("type")
        services |= {one.item_id: one for one in found.suspects}
        told += _notes(role, found, ids)
    complete = [(role, found) for role, found in studied if found.time is not None] or studied[:1]
    for role, found in complete:
        types += found.types or (LIKELY_TYPES if "type" in role.columns else [type_of_rows(role)[0]])
    in_items = [one for one in services.values() if ids is None or one.item_id in ids]
    tables, incomplete = [], []
    for role, found in studied:
        alone = [] if ids is None else [one for one in found.suspects if one.item_id not in ids]
        own = items is not None and role.table is items.table
        clear = [one.item_id for one in alone if one.clear]
        where = condition_of_events(role, found, clear, sales_only=own)
        lines = event_lines(role, found, where, alone)
        if (role, found) in complete:
            tables.append(lines)
        else:
            incomplete.append(("a time", lines))
    lines = example_items()
    if items is not None:
        of_same = next(((role, found) for role, found in complete if role.table is items.table), None)
        clear = [one.item_id for one in in_items if one.clear]
        since = of_same[1].time if of_same else None
        time = Reading(since.timestamp, "of several rows of one item, the newest tells") if since else None
        where = condition_of_items(items.columns["item_id"], clear, of_same)
        lines = item_lines(items, where, time, in_items)
    shop = folder.resolve().name or "shop"
    text = document(shop, lines, tables or [example_events()], incomplete, weights_of(types))
    newest = [found.time.newest for _, found in studied if found.time is not None and found.time.newest is not None]
    return text, told, max(newest, default=None)


def _catalogue(items: Role) -> pl.DataFrame:
    """The items: item_id, and title where it is known, one row each."""
    wanted = [items.columns[key] for key in ("item_id", "title") if key in items.columns]
    titles: dict[str, str | None] = {}
    for part in items.table.parts(wanted):
        for row in part.select(as_text(part[name]) for name in wanted).unique(maintain_order=True).iter_rows():
            if row[0] is not None:
                titles[row[0]] = titles.get(row[0]) or (row[1] if len(row) > 1 else None)
    return pl.DataFrame({"item_id": [*titles], "title": [*titles.values()]}, {"item_id": pl.String, "title": pl.String})


def _notes(role: Role, found: Findings, ids: set[str] | None) -> Iterable[str]:
    """What to say of a table of events."""
    name = role.table.name
    if not found.rows:
        yield f"{name}: has no rows yet: the types and times of its events are guessed by its columns' names"
    if found.time is not None and found.time.newest is not None and found.time.newest > date.today() + ONE_DAY:
        yield f"{name}: its newest time, {found.time.newest}, is in the future: such rows go to quarantine"
    if not found.whole:
        yield f"{name}: looked at the first {found.rows:,} rows only; a type that comes later is not in [weights]"
    if found.time is not None and found.time.note:
        yield f"{name}: {role.columns['time']}: {found.time.note}"
    if found.guests:
        yield f"{name}: {found.guests:.0%} of the rows have no user"
    if found.returns:
        yield f"{name}: {found.returns:,} rows have a quantity below zero"
    for key, values in (("status", found.cancelled), ("type", found.taking_back)):
        if values:
            yield f"{name}: left out: rows whose {role.columns[key]} is {' or '.join(map(repr, values))}"
    if found.unknown > ALLOWED:
        yield (
            f"{name}: {found.unknown:.0%} of the rows are of items that the file of items lacks; the night stops at "
            f"more than {ALLOWED:.0%} (quality.max_bad_share)"
        )
    for one in found.suspects:
        left = "left out" if one.clear else "perhaps no product, and not left out"
        yield f"{name}: {left}: {one}"


def _said(role: Role) -> str:
    files = f" ({len(role.table.files)} files)" if len(role.table.files) > 1 else ""
    lacking = ", ".join(role.missing("time"))
    return f"events: {role.table.name}{files}" + (f", which lacks a {lacking}" if lacking else "")
