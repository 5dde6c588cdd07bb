"""The command `daybreak patch`: patches from a file or standard input into the log, for as long as they come."""

import argparse
import csv
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from jobs.errors import ConfigError
from jobs.infra.logging import log_line
from lookup.errors import DaybreakError, LogError, PatchError
from lookup.patches.patch import Patch, decode, from_record
from lookup.patches.patch_log import FILE, PatchLog, open_log

ABOUT = """\
Patch what is served: prices, stock, new items, events, forgotten users.

FILE has a patch a line as JSON, or is CSV with a header; without FILE, or with -, standard input is read, and what
comes is in the log some 50 ms later. A field that is empty in CSV is not said; null says unknown.

  {"item_id": "A1", "price": 9.5, "in_stock": true, "at": "2026-11-22T10:00:00Z", "until": "2026-11-23"}
  {"user_id": "900", "item_id": "A1", "type": "purchase", "value": 2}
  {"forget": "900"}

  item_id,price,in_stock
  A1,9.50,true

`at`, the time since when it is so, is ISO 8601 or seconds since 1970, and now where it is not given: of two, the later
wins, whichever came first. A line that is wrong is told and passed over; the exit code is 1 then.
"""
BATCH = 1000
"""Patches that are appended together at most …"""
PAUSE_SECONDS = 0.05
"""… and how long the first of them waits for the others."""
TOLD = 100
"""How many wrong lines are told one by one."""
EVERY_SECONDS = 5.0
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Line(NamedTuple):
    """A record of the input."""

    number: int
    """Of its last line, from 1."""
    text: str
    """As it stands in the file; of CSV, the cells as JSON."""
    patch: Patch | PatchError


def add(command: Callable[[str, object, str], argparse.ArgumentParser], place: Callable[..., str | Path]) -> None:
    """Add the command. command: makes one that has --config. place: the log that the configuration means."""

    def run(arguments: argparse.Namespace) -> int:
        if arguments.log is not None and arguments.releases is not None:
            raise ConfigError("--log and --releases both say where the log is: give one")
        if arguments.releases is not None:
            where: str | Path = arguments.releases / FILE
        else:
            where = arguments.log or place(arguments)
        return patch(arguments, open_log(where))

    sub = command("patch", run, "patch what is served")
    sub.description, sub.formatter_class = ABOUT, argparse.RawDescriptionHelpFormatter
    sub.add_argument("file", metavar="FILE", nargs="?", default="-")
    sub.add_argument("--releases", type=Path, metavar="DIR", help="the folder of releases, instead of --config")
    sub.add_argument("--log", metavar="URL", help="the log: a file, or redis://host:port/db; instead of --config")
    sub.add_argument("--source", metavar="NAME", default="patch", help="who says so, where a line does not tell")
    sub.add_argument("--rejected", type=Path, metavar="FILE", help="where wrong lines are written, as they are")


def patch(arguments: argparse.Namespace, log: PatchLog) -> int:
    """Append every patch of the input; returns the exit code. Raises LogError when the log fails."""
    name = "standard input" if arguments.file == "-" else arguments.file
    kept = wrong = last = 0
    said = time.monotonic()
    with ExitStack() as stack:
        lines = _lines(_open(arguments.file, stack), arguments.source)
        rejected = stack.enter_context(_writer(arguments.rejected)) if arguments.rejected else None
        try:
            for batch in _batches(lines):
                good = [line.patch for line in batch if isinstance(line.patch, Patch)]
                try:
                    position = log.append(good)
                except LogError as error:
                    raise LogError(f"{error} ({name}: what stands up to line {last} was kept)") from error
                kept, last = kept + len(good), batch[-1].number
                for line in batch:
                    if isinstance(line.patch, PatchError):
                        wrong += 1
                        _tell(name, line, wrong, rejected)
                if time.monotonic() - said >= EVERY_SECONDS:
                    said = time.monotonic()
                    log_line("patch", "kept", patches=kept, rejected=wrong, line=last, position=position)
            code = int(wrong > 0)
        except KeyboardInterrupt:
            code = 130
    print(
        f"{kept} patches kept, {wrong} lines rejected, up to line {last}; {log.where} is at position {log.position()}"
    )
    return code


def _tell(name: str, line: Line, wrong: int, rejected: TextIO | None) -> None:
    if wrong <= TOLD:
        print(f"daybreak: {name}:{line.number}: {line.patch}", file=sys.stderr)
    if wrong == TOLD:
        print("daybreak: more of them are only counted; --rejected FILE keeps them", file=sys.stderr)
    if rejected is not None:
        rejected.write(line.text + "\n")
        rejected.flush()


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise ConfigError(
            f"{name}: {error.strerror}; a file of patches was expected, or - for standard input"
        ) from None


def _writer(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(f"--rejected {path}: {error.strerror}") from None


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines as they come: as soon as there are `BATCH` of them, or the first has waited for `PAUSE_SECONDS`."""
    waiting: queue.Queue[Line | OSError | DaybreakError | None] = queue.Queue(4 * BATCH)

    def read() -> None:
        try:
            for line in lines:
                waiting.put(line)
            waiting.put(None)
        except (OSError, DaybreakError) as error:
            waiting.put(error)

    threading.Thread(target=read, daemon=True).start()  # which a paused input holds, so that nothing else waits
    while True:
        found: Line | OSError | DaybreakError | None = waiting.get()
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
            raise ConfigError(f"the input cannot be read any further: {found}")
        if isinstance(found, DaybreakError):
            raise found
        if found is None:
            return


def _lines(file: BinaryIO, source: str) -> Iterator[Line]:
    """The records of a file of JSON lines (it begins with a brace) or CSV; what is wrong is a record all the same."""
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
    separator = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
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
    """The value of a cell, by its column: what is not known by name is a number or a truth where it reads as one."""
    if text == "null":
        return None
    if name in ("in_stock", "hidden"):
        return TRUTH.get(text.lower(), text)
    if name == "category":
        return [part.strip() for part in text.split(">")]
    if name in ("item_id", "user_id", "forget", "source", "type", "title", "description", "text", "brand", "image"):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
