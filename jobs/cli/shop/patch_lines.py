"""The input of `daybreak patch`: lines of JSON or of CSV to patches, in batches as they come."""

import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from jobs.cli.shop.csv_records import records
from jobs.cli.shop.known import Known
from jobs.errors import ConfigError
from jobs.infra.files import csv_header
from lookup.errors import PatchError
from lookup.item_fields import ITEM_FIELDS
from lookup.keys import TRIMMED
from lookup.patches import validation
from lookup.patches.patch import Patch, decode, from_record
from lookup.patches.validation import RESERVED

BATCH = 200
"""The most lines of a batch: so few that another writer waits some milliseconds for its turn."""
PAUSE_SECONDS = 0.05
"""How long the first line of a batch waits for the others."""
KINDS = {field.name: field.kind for field in ITEM_FIELDS}
TEXTS = ("item_id", "user_id", "forget", "source", "type")
"""Columns of text beside those of the item's fields."""
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Line(NamedTuple):
    """A record of the input."""

    number: int
    """Of its last line, from 1."""
    text: str
    """As it stands in the file; of CSV, the cells as JSON."""
    patch: Patch | PatchError


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines in batches: each is given when it has `BATCH` lines, or when its first waited for `PAUSE_SECONDS`."""
    waiting: queue.Queue[Line | Exception | None] = queue.Queue(4 * BATCH)

    def read() -> None:
        try:
            for line in lines:
                waiting.put(line)
            waiting.put(None)
        except Exception as error:  # whatever it is, the one who waits must hear of it, or would wait for ever
            waiting.put(error)

    threading.Thread(target=read, daemon=True).start()  # a paused input stops this thread alone
    while True:
        found: Line | Exception | None = waiting.get()
        ends = time.monotonic() + PAUSE_SECONDS
        batch: list[Line] = []
        while isinstance(found, Line):
            batch.append(found)
            if len(batch) == BATCH:
                break
            try:
                found = waiting.get(timeout=max(ends - time.monotonic(), 0))
            except queue.Empty:
                break
        if batch:
            yield batch
        if isinstance(found, OSError):
            raise ConfigError(f"the input cannot be read further: {found}")
        if isinstance(found, Exception):
            raise found
        if found is None:
            return


def read_lines(file: BinaryIO, source: str, shop: Known) -> Iterator[Line]:
    """The records of a file of JSON lines (it begins with a brace) or of CSV. A wrong line is one with its error.

    shop: what is known of it. Raises ConfigError for a header of CSV that names no patches.
    """
    numbered = ((n, raw.decode("utf-8-sig" if n == 1 else "utf-8", "surrogateescape")) for n, raw in enumerate(file, 1))
    number, first = next(((n, text) for n, text in numbered if text.strip()), (0, ""))
    if first.lstrip().startswith("{"):
        yield _json_line(number, first, source, shop)
        yield from (_json_line(n, text, source, shop) for n, text in numbered if text.strip())
    elif first:
        yield from _csv_lines(first, numbered, source, shop)


def _json_line(number: int, text: str, source: str, shop: Known) -> Line:
    try:
        return Line(number, text.rstrip("\r\n"), shop.check(decode(text, source)))
    except PatchError as error:
        return Line(number, text.rstrip("\r\n"), error)


def _csv_lines(header: str, rest: Iterator[tuple[int, str]], source: str, shop: Known) -> Iterator[Line]:
    columns, separator = csv_header([header])
    names = [name.strip(TRIMMED) for name in columns]
    if not {"item_id", "forget"} & {name.lower() for name in names} or len(set(names)) < len(names):
        raise ConfigError(f"JSON lines, or the header of a CSV file with item_id, was expected, not {header!r:.200}")
    try:
        validation.declared("the header", names, shop.features, (*RESERVED, "type", "value"))
    except PatchError as error:
        raise ConfigError(str(error)) from None
    for number, text, row in records(rest, separator, len(names)):
        try:
            if isinstance(row, PatchError):
                raise row
            made = from_record({n: _cell(n, c, shop) for n, c in zip(names, row, strict=True) if c.strip()}, source)
            yield Line(number, text, shop.check(made))
        except PatchError as error:
            yield Line(number, text, error)


def _cell(name: str, text: str, shop: Known) -> Any:
    """The value of a cell. In a column of an unknown name it is a number or a truth where it reads as one."""
    text = text.strip()
    if text == "null":
        return None
    kind = "text" if name in TEXTS else KINDS.get(name)
    if kind == "switch":
        return TRUTH.get(text.lower(), text)
    if kind == "path":
        return [part.strip() for part in text.split(shop.separator)]
    if kind == "text":
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float) else text
