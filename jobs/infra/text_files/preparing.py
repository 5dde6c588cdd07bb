"""Make text files ready for Spark: one record a line, in UTF-8. What is otherwise is copied as such to the run.

Most files are read where they lie. A copy is made of a file in another encoding or compression than Spark knows, of
records with line breaks or backslashes, and of JSON that is not one record a line.
"""

import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, TextIO

import numpy as np

from jobs.errors import ConfigError
from jobs.infra.text_files.csv_lines import csv_header, one_line_records
from jobs.infra.text_files.json_lines import is_lines, values
from jobs.infra.text_files.opening import (
    UTF_8,
    compression_of,
    encoding_of,
    open_bytes,
    open_text,
    reading,
)

CHUNK = 1 << 22
"""Bytes that are looked at together."""
SUFFIXES = {None: "", "gzip": ".gz", "bz2": ".bz2"}
"""What compresses a file that Spark reads → the end of its name, by which Spark knows it."""
MISLEADING = (".gz", ".bz2", ".zst", ".xz", ".lz4", ".snappy", ".deflate", ".zstd")
"""Ends of names from which Spark takes a file for a compressed one."""
THREADS = 8

Kind = Literal["csv", "json"]


@dataclass(frozen=True)
class Header:
    """What the first line of a CSV file says."""

    names: tuple[str, ...]
    separator: str
    below: bool = False
    """It is the second line, below one for Excel such as "sep=;"."""


@dataclass(frozen=True)
class Prepared:
    """A text file as Spark reads it."""

    path: Path | str
    """The file of the shop, or its URL."""
    read: Path | str
    """What Spark reads: the file itself, or a copy of it, or a link to it."""
    composed: bool
    """All its text is in Unicode's normal form C."""
    copied: bool


def header_of(path: Path, encoding: str | None) -> Header:
    """The columns of a CSV file; none where it is empty."""
    with open_text(path, encoding) as lines:
        first = next((line for line in lines if line.strip()), "")
        told = re.fullmatch(r'"?sep=(.)"?\s*', first)
        names, separator = csv_header(lines, told[1]) if told else csv_header(chain([first], lines))
    return Header(tuple(names), separator, below=told is not None)


def prepare(files: Iterable[Path], kind: Kind, encoding: str | None, header: Header | None, to: Path) -> list[Prepared]:
    """Make the files of a table ready.

    encoding: the declared one. header: of CSV files. to: a folder for copies; it is made where there are any.
    Raises ConfigError, naming the file, where one is damaged or not in its encoding.
    """

    def one(numbered: tuple[int, Path]) -> Prepared:
        number, path = numbered
        return _Preparing(path, kind, encoding, header).prepare(to / f"{number:05}.{kind}")

    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, enumerate(files)))


class _Preparing:
    """One file on its way."""

    def __init__(self, path: Path, kind: Kind, encoding: str | None, header: Header | None):
        self.path, self.kind, self.header = path, kind, header
        self.compression = compression_of(path)
        self.encoding = encoding_of(path, encoding)
        self.composed = True

    def prepare(self, target: Path) -> Prepared:
        if not self._as_it_is():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy(target)
        elif not self._name_tells():
            target = target.with_name(target.name + SUFFIXES[self.compression])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(self.path.resolve())
        else:
            return Prepared(self.path, self.path, self.composed, copied=False)
        return Prepared(self.path, target, self.composed, copied=not target.is_symlink())

    def _as_it_is(self) -> bool:
        """Whether Spark can read what is in the file as it is; looks at all of it."""
        known = self.compression in SUFFIXES and self.encoding in (UTF_8 if self.kind == "csv" else UTF_8[:1])
        if not known or (self.header and self.header.below):
            return False
        if self.kind == "json":
            with open_text(self.path) as text:
                if not is_lines(text):
                    return False
        with reading(self.path, self.encoding), open_bytes(self.path) as raw:
            lines = self._telling_lines(raw)
            if self.header is None:
                return not any(lines)
            return not any(changed for _, changed in one_line_records(lines, self.header.separator, self._width))

    def _telling_lines(self, raw: BinaryIO) -> Iterator[str]:
        """The lines of a CSV file near which a quote needs a look; of JSON none. Checks the encoding of all."""
        for chunk in _chunks(raw):
            text = chunk.decode()
            self._note(text)
            if self.kind == "csv" and not _quotes_are_plain(chunk):
                yield from io.StringIO(text, newline="")

    def _note(self, text: str) -> None:
        """Whether a part of the text is in normal form. The escapes of JSON may hide that it is not."""
        composed = text.isascii() or unicodedata.is_normalized("NFC", text)
        self.composed = self.composed and composed and not (self.kind == "json" and "\\u" in text)

    def _name_tells(self) -> bool:
        """Whether Spark takes the file for what it is, by its name."""
        name = self.path.name
        wanted = SUFFIXES[self.compression]
        told = name.endswith(wanted) if wanted else not name.lower().endswith(MISLEADING)
        return told and not hidden_from_spark(name)

    def _copy(self, target: Path) -> None:
        with open_text(self.path, self.encoding) as text, target.open("w", encoding="utf-8", newline="") as out:
            for line in self._lines(text):
                self._note(line)
                out.write(line)
        before = self.path.stat()
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))  # an item's row holds since then

    def _lines(self, text: TextIO) -> Iterator[str]:
        if self.header is not None:
            if self.header.below:
                text.readline()
            yield from (line for line, _ in one_line_records(text, self.header.separator, self._width))
            return
        with open_text(self.path, self.encoding) as head:
            lines = is_lines(head)
        if lines:
            yield from text
            return
        try:
            yield from (f"{value}\n" for value in values(text))
        except (ValueError, RecursionError) as error:
            if isinstance(error, UnicodeDecodeError):
                raise
            raise ConfigError(f"{self.path}: not readable as JSON: {error or 'too deep'}") from None

    @property
    def _width(self) -> int:
        return len(self.header.names) if self.header else 0


def hidden_from_spark(name: str) -> bool:
    """Whether Spark passes over a file of that name, or takes a part of it for the scheme of a URI."""
    return name.startswith(("_", ".")) or ":" in name


def _quotes_are_plain(chunk: bytes) -> bool:
    """Whether every line has an even number of quotes, and none after a backslash: then a record is a line."""
    if b'"' not in chunk:
        return True
    if b'\\"' in chunk or chunk.count(b"\r") != chunk.count(b"\r\n"):
        return False
    characters = np.frombuffer(chunk, dtype=np.uint8)
    ends = np.append(np.flatnonzero(characters == ord("\n")), len(characters) - 1)
    quotes = np.flatnonzero(characters == ord('"'))
    return not (np.searchsorted(quotes, ends, side="right") % 2).any()


def _chunks(raw: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file in large parts that end with a line."""
    rest = b""
    while chunk := raw.read(CHUNK):
        whole = max(chunk.rfind(b"\n"), chunk.rfind(b"\r") if b"\n" not in chunk else -1) + 1
        if not whole:
            rest += chunk
            continue
        yield rest + chunk[:whole]
        rest = chunk[whole:]
    if rest:
        yield rest
