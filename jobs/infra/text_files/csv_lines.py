"""The records of a CSV file: its header and separator, and every record on a line of its own.

Spark reads a file line by line here. So an opening quote that is never closed costs its own line and no other, however
the file goes on. A record that has line breaks in quotes is brought onto one line first, and quotes that are escaped by
backslashes, as MySQL writes them, are doubled.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress

SEPARATORS = ",;\t|"
"""What may separate the columns of a CSV file."""
LONGEST = 1000
"""A record is taken to have fewer line breaks than this,"""
LONGEST_TEXT = 100_000
"""and fewer characters, where it has any line break."""
LINE_BREAK = "\ufdd0"
"""Stands for a line break within a record; no text has this character, for Unicode keeps it free."""
TRIES = 50
"""A record is looked for at so many lines that may end it."""
SWALLOWED = {1: 50, 2: 10}
"""Columns → lines within a quoted text that must each look like a record for the quote to be a stray one."""


def first_records(lines: Iterable[str], count: int) -> str:
    """The first lines of a CSV file, and those after them to the end of a record that has line breaks in quotes."""
    found: list[str] = []
    quoted = False
    for line in lines:
        found.append(line)
        quoted ^= line.count('"') % 2 == 1
        if len(found) >= count and (not quoted or len(found) >= count + LONGEST):
            break
    return "".join(found)


def csv_header(lines: Iterable[str], separators: str = SEPARATORS) -> tuple[list[str], str]:
    """The names of a CSV file's columns, and what separates them: of `separators`, the one that finds most columns.

    `csv.Sniffer` is not used: it fails for one column, and takes a comma in "a;b;c,d".
    """
    text = first_records(lines, 1)
    strict, found = ({one: _first_row(text, one, strict) for one in separators} for strict in (True, False))
    separator = max(separators, key=lambda one: (len(strict[one]), len(found[one])))
    return found[separator], separator


def _first_row(text: str, separator: str, strict: bool) -> list[str]:
    """The cells of the first row; none where the text is no such CSV. strict: a quote ends a cell, and nothing else."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict), [])
    except csv.Error:
        return []


def one_line_records(lines: Iterable[str], separator: str, width: int) -> Iterator[tuple[str, bool]]:
    """The records of a CSV file, each as one line, and whether that differs from what stands in the file.

    lines: with their line breaks, the header among them. width: the number of columns. Quotes are doubled within
    quotes, and LINE_BREAK stands for a line break. A line that opens a quote without a good end is a record by itself.
    """
    records = _Records(lines, separator, width)
    while (line := records.line()) is not None:
        if '"' not in line or (line.count('"') % 2 == 0 and '\\"' not in line):
            yield line, False
            continue
        found = records.record(line)
        yield (line, False) if found is None or found == line else (found, True)


class _Records:
    """The lines of a CSV file, and what they are as records of so many cells."""

    def __init__(self, lines: Iterable[str], separator: str, width: int):
        self._source = iter(lines)
        self._again: deque[str] = deque()
        self._separator, self._width = separator, width
        self._has_escapes = False
        between = re.escape(separator)
        cell = rf'(?:"(?:[^"\\]|\\[\s\S])*"|[^"\r\n{between}]*)'
        self._escaped = re.compile(f"{cell}(?:{between}{cell}){{{width - 1}}}[\r\n]*")

    def line(self) -> str | None:
        """The next line; None at the end."""
        return self._again.popleft() if self._again else next(self._source, None)

    def record(self, line: str) -> str | None:
        """The record that begins with a line that has quotes, on one line; None where it is none.

        `"a\\"` may be a whole text that ends with a backslash, or the beginning of one with a quote: a file in which
        backslashes were before quotes so far is taken to go on so.
        """
        if self._has_escapes and '\\"' in line:
            return self.backslashed(line) or self._with_next_lines(line) or self.standard(line)
        found = self.standard(line) or self._with_next_lines(line)
        if found is None:
            found = self.backslashed(line)
            self._has_escapes = found is not None
        return found

    def standard(self, text: str) -> str | None:
        """A text that is one record, with doubled quotes within quotes, on one line; None where it is not."""
        if self._cells(text) is None:
            return None
        end = "\n" if text.endswith(("\n", "\r")) else ""
        within = text.rstrip("\r\n")
        return text if "\n" not in within and "\r" not in within else _without_breaks(within) + end

    def backslashed(self, text: str) -> str | None:
        """A text that is one record, with backslashes before quotes, as CSV on one line; None where it is not."""
        if '\\"' not in text or not self._escaped.fullmatch(text):
            return None
        lines = io.StringIO(text, newline="")
        cells = next(csv.reader(lines, delimiter=self._separator, doublequote=False, escapechar="\\"))
        made = io.StringIO(newline="")
        writer = csv.writer(made, delimiter=self._separator, lineterminator="\n")
        writer.writerow(_without_breaks(cell) for cell in cells)
        return made.getvalue()

    def _opens(self, line: str) -> bool:
        """Whether a line may end within a quoted cell."""
        if line.count('"') % 2 or (line.count('"') - line.count('\\"')) % 2:
            return self._ends_within(line) or '\\"' in line
        return False

    def _with_next_lines(self, line: str) -> str | None:
        """The record that a line opens, on one line; None where it does not end well, and no line is used up then."""
        if not self._opens(line) or self.backslashed(line):
            return None
        held = [line]
        size, tries = len(line), 0
        found = None
        while found is None and len(held) < LONGEST and size < LONGEST_TEXT and tries < TRIES:
            more = self.line()
            if more is None:
                break
            held.append(more)
            size += len(more)
            quotes, escaped = more.count('"'), more.count('\\"')
            if quotes % 2 or (quotes - escaped) % 2:
                tries += 1
                text = "".join(held)
                found = self.standard(text) or self.backslashed(text)
                if found is None and '\\"' not in text:
                    break  # a stray quote ends it
        if found is None or self._swallows(held):
            self._again.extendleft(reversed(held[1:]))
            return None
        return found

    def _cells(self, text: str) -> list[str] | None:
        """The cells of a text that is one record of the right number of cells; None where it is not."""
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._separator, strict=True))
        except csv.Error:
            return None
        return rows[0] if len(rows) == 1 and len(rows[0]) == self._width else None

    def _ends_within(self, line: str) -> bool:
        asked = False

        def feed() -> Iterator[str]:
            nonlocal asked
            yield line
            asked = True

        with suppress(csv.Error):
            next(csv.reader(feed(), delimiter=self._separator, strict=True))
        return asked

    def _swallows(self, held: list[str]) -> bool:
        """Whether the lines within a quoted text are records: a stray quote opened it, and another one closed it."""
        within = [line for line in held[1:-1] if line.strip()]
        if len(within) < SWALLOWED.get(self._width, 1):
            return False
        return all(self._cells(line) is not None for line in within)


def _without_breaks(text: str) -> str:
    return text.replace("\r\n", LINE_BREAK).replace("\n", LINE_BREAK).replace("\r", LINE_BREAK)
