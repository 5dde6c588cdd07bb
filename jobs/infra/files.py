"""The files that a configuration means: paths, globs, folders and `package://` names, and how to look into them."""

import csv
import importlib.util
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from jobs.errors import ConfigError

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet"}
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""Last suffix of a compressed file → its compression, as `pyarrow.input_stream` calls it."""
SEPARATORS = ",;\t|"
"""What may separate the columns of a CSV file."""
LONGEST = 1000
"""A quoted text of a CSV file is taken to hold fewer line breaks than this."""


def resolve(text: str, base: Path) -> Path:
    """The path that a configuration means: relative to `base`, or `package://python_package/path/in/it`.

    The package is found, not imported. Raises ConfigError when it is not installed.
    """
    if not text.startswith("package://"):
        return base / Path(text).expanduser()
    package, _, rest = text.removeprefix("package://").partition("/")
    top, *inner = package.split(".")  # looking for a package within another would import the outer one
    spec = importlib.util.find_spec(top) if top else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{text}: the Python package {package!r} is not installed: pip install it, or name a path")
    return Path(next(iter(spec.submodule_search_locations)), *inner, rest)


def find_files(patterns: str | list[str], base: Path) -> list[Path]:
    """The files that a configuration means, sorted; a folder means all files of a known format in it.

    Raises ConfigError where a pattern finds nothing.
    """
    found: list[Path] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        path = resolve(pattern, base)
        if path.is_dir():
            files = [p for p in path.rglob("*") if format_of(p) and not p.name.startswith((".", "_"))]
        elif path.exists():
            files = [path]
        else:
            folder = Path(path.anchor or ".")
            files = list(folder.glob(str(path.relative_to(path.anchor) if path.anchor else path)))
        if not files:
            raise ConfigError(f"{pattern}: no such file (looked for {path})")
        found += sorted(files)
    return found


def format_of(path: Path) -> str | None:
    """The Spark format of a file by its name, whatever compresses it; None where it is not known."""
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in COMPRESSIONS]
    return FORMATS.get(suffixes[-1]) if suffixes else None


def open_text(path: Path, errors: str = "strict") -> TextIO:
    """A file of text in UTF-8 to read from, uncompressed. errors: as `open` takes it."""
    import pyarrow as pa

    raw = pa.input_stream(str(path), compression=COMPRESSIONS.get(path.suffix.lower()))
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors=errors, newline="")


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


def csv_header(lines: Iterable[str]) -> tuple[list[str], str]:
    """The names of a CSV file's columns, and what separates them: of SEPARATORS, the one that finds most columns.

    `csv.Sniffer` is not used: it fails for one column, and takes a comma in "a;b;c,d".
    """
    text = first_records(lines, 1)
    strict, found = ({one: _first_row(text, one, strict) for one in SEPARATORS} for strict in (True, False))
    separator = max(SEPARATORS, key=lambda one: (len(strict[one]), len(found[one])))
    return found[separator], separator


def _first_row(text: str, separator: str, strict: bool) -> list[str]:
    """The cells of the first row; none where the text is no such CSV. strict: a quote ends a cell, and nothing else."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict), [])
    except csv.Error:
        return []
