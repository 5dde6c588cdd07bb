"""The input of `daybreak patch`: lines of JSON or of CSV to patches, in batches as they come."""

import csv
import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from jobs.errors import ConfigError
from jobs.infra.files import csv_header
from lookup.errors import PatchError
from lookup.item_fields import ITEM_FIELDS
from lookup.patches.patch import Patch, decode, from_record

BATCH = 1000
"""The most lines of a batch."""
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


def read_lines(file: BinaryIO, source: str) -> Iterator[Line]:
    """The records of a file of JSON lines (it begins with a brace) or of CSV. A wrong line is one with its error."""
    numbered = ((n, raw.decode("utf-8-sig" if n == 1 else "utf-8", "surrogateescape")) for n, raw in enumerate(file, 1))
    number, first = next(((n, text) for n, text in numbered if text.strip()), (0, ""))
    if first.lstrip().startswith("{"):
        yield _json_line(number, first, source)
        yield from (_json_line(n, text, source) for n, text in numbered if text.strip())
    elif first:
        yield from _csv_lines(first, number, (text for _, text in numbered), source)


def _json_line(number: int, text: str, source: str) -> Line:
    try:
        return Line(number, text.rstrip("\r\n"), decode(text, source))
    except PatchError as error:
        return Line(number, text.rstrip("\r\n"), error)


def _csv_lines(header: str, before: int, rest: Iterator[str], source: str) -> Iterator[Line]:
    columns, separator = csv_header([header])
    names = [name.strip() for name in columns]
    if not {"item_id", "forget"} & set(names) or len(set(names)) < len(names):
        raise ConfigError(f"JSON lines, or the header of a CSV file with item_id, was expected, not {header!r:.200}")
    rows = csv.reader(rest, delimiter=separator)
    while True:
        cells: list[str] = []
        patch: Patch | PatchError
        try:
            cells = next(rows)
            if not cells:
                continue
            patch = from_record(_record(names, cells), source)
        except StopIteration:
            return
        except csv.Error as error:
            patch = PatchError(f"not readable as CSV: {error}")
        except PatchError as error:
            patch = error
        yield Line(before + rows.line_num, json.dumps(cells, ensure_ascii=False), patch)


def _record(names: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(names):
        raise PatchError(f"{len(cells)} cells found, {len(names)} expected by the header")
    return {name: _cell(name, cell.strip()) for name, cell in zip(names, cells, strict=True) if cell.strip()}


def _cell(name: str, text: str) -> Any:
    """The value of a cell. In a column of an unknown name it is a number or a truth where it reads as one."""
    if text == "null":
        return None
    kind = "text" if name in TEXTS else KINDS.get(name)
    if kind == "switch":
        return TRUTH.get(text.lower(), text)
    if kind == "path":
        return [part.strip() for part in text.split(">")]
    if kind == "text":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
