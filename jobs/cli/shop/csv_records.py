"""The records of a CSV file of patches, as they come: a quote that nobody closes costs its own line and no other."""

import csv
import json
from collections import deque
from collections.abc import Iterator

from lookup.errors import PatchError

MOST_LINES = 100
"""The most lines of a record with line breaks in quotes."""


def records(
    lines: Iterator[tuple[int, str]], separator: str, width: int
) -> Iterator[tuple[int, str, list[str] | PatchError]]:
    """The number of each record's last line, its text (its cells as JSON), and its cells, or why it is none.

    lines: with their numbers. width: how many cells a record has. A quoted cell may hold line breaks. A quote that is
    not closed within `MOST_LINES`, or where the record then has another number of cells, makes its first line a wrong
    one; those after it are read for themselves.
    """
    waiting: deque[tuple[int, str]] = deque()
    while True:
        taken = _take(waiting, lines)
        if not taken:
            return
        found = _cells("".join(text for _, text in taken), separator, width)
        number, text = taken[-1]
        if isinstance(found, PatchError) and len(taken) > 1:
            waiting.extendleft(reversed(taken[1:]))
            number, text = taken[0]
            found = _cells(text, separator, width)  # a quote within a cell may stand for an inch
            if isinstance(found, PatchError):
                found = PatchError("a quote opens and is not closed: this line is not read, those after it are")
        if found:
            shown = text.rstrip("\r\n") if isinstance(found, PatchError) else json.dumps(found, ensure_ascii=False)
            yield number, shown, found


def _take(waiting: deque[tuple[int, str]], lines: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines of the next record; none at the end."""
    taken: list[tuple[int, str]] = []
    quotes = 0
    while not taken or (quotes % 2 and len(taken) < MOST_LINES):
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            break
        taken.append(line)
        quotes += line[1].count('"')
    return taken


def _cells(text: str, separator: str, width: int) -> list[str] | PatchError:
    """The cells of a record; none of an empty line."""
    try:
        (cells,) = csv.reader([text], delimiter=separator, strict=True)
    except csv.Error as error:
        return PatchError(f"not readable as CSV: {error}")
    if cells and len(cells) != width:
        return PatchError(f"{len(cells)} cells found, {width} expected by the header")
    return cells
