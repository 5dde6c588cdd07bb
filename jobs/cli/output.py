"""What a command prints: tables for people, plain lines for a pipe, JSON lines for a program.

Everything printed here comes from a shop, so it is data: no markup in it is followed, and control characters in it are
escaped.
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, changes of direction, and halves of characters."""


@dataclass(frozen=True)
class TextTable:
    """A table of text."""

    columns: Sequence[str]
    """The heads of the columns."""
    rows: Sequence[Sequence[str]]
    right: Sequence[str] = ()
    """Columns of numbers, which are aligned at the right and never wrapped."""

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
        """Print the table on the terminal; long text is folded where the terminal is too narrow."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.measure import Measurement
        from rich.table import Table
        from rich.text import Text

        head, *rows = ([Text(cell) for cell in row] for row in self.cells())
        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for name, cell in zip(self.columns, head, strict=True):
            number = name in self.right
            table.add_column(cell, justify="right" if number else "left", no_wrap=number, overflow="fold")
        for row in rows:
            table.add_row(*row)
        console = Console()
        least = Measurement.get(console, console.options, table).minimum
        Console(width=max(console.width, least), highlight=False).print(table)


def escaped(text: object) -> str:
    """Text with its control characters escaped, so that it stays on one line and does nothing to a terminal."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def escaped_lines(text: str) -> str:
    """Text of several lines, each escaped."""
    return "\n".join(map(escaped, text.split("\n")))


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


def show_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON object a line, each as soon as it is there; what is not a finite number is null."""
    for row in rows:
        print(json.dumps(_plain(row), sort_keys=True), flush=True)


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
