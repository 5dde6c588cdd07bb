"""The files that `[search]` names: lines of synonyms, and redirects."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

from jobs.errors import ConfigError

LARGEST = 64 << 20
"""Bytes of such a file at most."""
COLUMNS = ("query", "target")
LONGEST = 1000
"""Characters of a query, and of a target."""


_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|/|(?:javascript|vbscript|data):", re.IGNORECASE)
_WEB = re.compile(r"(?:https?:/)?/[^\s\x00-\x1f\x7f-\x9f]*", re.IGNORECASE)
"""A page of the shop or of the web. A browser that is led to `javascript:` runs it."""


class RedirectRow(NamedTuple):
    """A line of the shop's redirects."""

    line: int
    query: str
    target: str
    """A URL, or the name of a category."""


def read_lines(path: Path, key: str) -> list[str]:
    """The lines of a text file in UTF-8, without a mark at its beginning; key: of the configuration, for messages.

    Raises ConfigError for a file that is missing, not readable, too large, or of another encoding.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{key}: {path} is larger than {LARGEST >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {path}: not readable: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{key}: {path}, line {line}: is not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        raise ConfigError(f"{key}: {path}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: holds a character NUL")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # splitlines would part at U+2028, too


def read_redirects(path: Path, key: str) -> list[RedirectRow]:
    """The redirects of a CSV file with a header that names `query` and `target`; other columns are passed over.

    Raises ConfigError, with the line, for a row without either, for one that is too long, and where a query leads to
    two targets.
    """
    lines = read_lines(path, key)
    separator = max(",;\t", key=lines[0].count)
    header = [name.strip().casefold() for name in _values(lines[0], separator, f"{key}: {path}, line 1")]
    if not set(COLUMNS) <= set(header):
        raise ConfigError(f"{key}: {path}: its first line must name the columns query,target, not {header!r:.200}")
    places = [header.index(name) for name in COLUMNS]
    found: dict[str, RedirectRow] = {}
    for number, line in enumerate(lines[1:], 2):
        where = f"{key}: {path}, line {number}"
        row = _values(line, separator, where)
        if not any(value.strip() for value in row):
            continue
        query, target = (row[place].strip() if place < len(row) else "" for place in places)
        if not query or not target:
            raise ConfigError(f"{where}: has no {'target' if query else 'query'}")
        if max(len(query), len(target)) > LONGEST:
            raise ConfigError(f"{where}: query and target have at most {LONGEST:,} characters")
        if _SCHEME.match(target) and not _WEB.fullmatch(target):
            raise ConfigError(
                f"{where}: target: a URL with http:// or https:// and without blanks, a path that begins with /, or a "
                f"category expected, not {target!r:.100}"
            )
        before = found.setdefault(query.casefold(), RedirectRow(number, query, target))
        if before.target != target:
            raise ConfigError(f"{where}: {query!r:.100} leads elsewhere in line {before.line}")
    return list(found.values())


def _values(line: str, separator: str, where: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise ConfigError(f"{where}: is no line of a CSV file ({error})") from None
