"""What a command prints: tables for people, plain lines for a pipe, JSON lines for a program.

Everything printed here comes from a shop, so it is data: no markup in it is followed, and control characters in it are
escaped.
"""

import csv
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, changes of direction, and halves of characters."""

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The signs with which a spreadsheet takes a cell for a formula, and their wide forms."""

LEAST_WIDTH = 24
"""No column of text is folded to fewer characters a line."""


@dataclass(frozen=True)
class TextTable:
    """A table of text."""

    columns: Sequence[str]
    """The heads of the columns."""
    rows: Sequence[Sequence[str]]
    right: Sequence[str] = ()
    """Columns of numbers, which are aligned at the right and never folded."""

    def cells(self) -> list[list[str]]:
        """The head and the rows, fit to be printed."""
        return [[escaped(cell) for cell in row] for row in (self.columns, *self.rows)]

    def lines(self) -> list[str]:
        """The table as lines of plain text, the head first; nothing is wrapped or cut."""
        cells = self.cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        justify = [str.rjust if name in self.right else str.ljust for name in self.columns]
        return [
            "  ".join(put(cell, width) for put, cell, width in zip(justify, row, widths, strict=True)).rstrip()
            for row in cells
        ]

    def draw(self) -> None:
        """Print the table on the terminal. Where that is too narrow, text is folded; nothing is cut."""
        from rich.box import SIMPLE_HEAD
        from rich.cells import cell_len
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        head, *rows = self.cells()
        width = Console().width
        widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
        frame = 3 * len(widths) + 1
        for n in sorted(range(len(widths)), key=lambda n: widths[n], reverse=True):
            over = sum(widths) + frame - width
            if over > 0 and self.columns[n] not in self.right:
                widths[n] -= min(over, max(widths[n] - LEAST_WIDTH, 0))
        table = Table(box=SIMPLE_HEAD, header_style="bold")
        for name, title, cells in zip(self.columns, head, widths, strict=True):
            justify: Literal["left", "right"] = "right" if name in self.right else "left"
            table.add_column(Text(title), justify=justify, overflow="fold", width=cells)
        for row in rows:
            table.add_row(*map(Text, row))
        Console(width=max(width, sum(widths) + frame), highlight=False).print(table)


def escaped(text: object) -> str:
    """Text with its control characters escaped, so that it stays on one line and does nothing to a terminal."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def said(message: object) -> str:
    """A message for standard error: each line of it is escaped, and says who speaks."""
    return "\n".join(f"daybreak: {escaped(line)}" for line in str(message).split("\n"))


def open_streams() -> None:
    """Make the standard streams fit for any text: a closed one leads nowhere, and a character that the encoding of a
    terminal or a pipe lacks is escaped.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def on_terminal() -> bool:
    """Whether a person reads what the command prints."""
    return sys.stdout.isatty()


def show(table: TextTable, plain: Iterable[str] | None = None) -> None:
    """Print a table: drawn on a terminal; anywhere else the lines `plain`, or those of the table."""
    if on_terminal():
        table.draw()
    else:
        for line in table.lines() if plain is None else map(escaped, plain):
            print(line)


def show_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print CSV: None is an empty cell; text is escaped, and no cell of text is a formula to a spreadsheet."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_harmless(name) for name in columns)
    for row in rows:
        writer.writerow(_csv_cell(value) for value in row)
    sys.stdout.flush()


def _csv_cell(value: Any) -> Any:
    """The value as CSV has it: numbers as they are, None empty, all else as harmless text."""
    if value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return _harmless(value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False).strip('"'))


def _harmless(text: str) -> str:
    """Text that a spreadsheet shows and does not compute: a quote goes before a sign with which formulas begin."""
    shown = escaped(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


def show_json(rows: Iterable[Mapping[str, Any]], *, sort_keys: bool = True) -> None:
    """Print one JSON object a line. A number that is not finite is null; a time is ISO 8601; bytes are hexadecimal."""
    for row in rows:
        print(json.dumps(_plain(row), sort_keys=sort_keys))
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """The value as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | str) else str(value)
