"""The files that a configuration means: paths, globs, folders and `package://` names, and how Spark is told a path."""

import importlib.util
import os
from pathlib import Path

from jobs.errors import ConfigError
from jobs.infra.text_files.csv_lines import LONGEST, SEPARATORS, csv_header, first_records
from jobs.infra.text_files.opening import closed, open_text

__all__ = [
    "FORMATS",
    "LONGEST",
    "SEPARATORS",
    "csv_header",
    "find_files",
    "first_records",
    "format_of",
    "is_closed",
    "open_text",
    "partitions_of",
    "resolve",
    "spark_path",
]

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet"}
COMPRESSED = (".gz", ".bz2", ".zst", ".xz")
"""Last suffixes of compressed files. What compresses a file is told by what is in it, not by these."""
MAGIC = "*?["
"""Characters that make a part of a path a pattern, where no such file is there."""


def resolve(text: str, base: Path) -> Path:
    """The path that a configuration means: relative to `base`, or `package://python_package/path/in/it`.

    The package is found, not imported. Raises ConfigError when it is not installed.
    """
    if "://" in text and not text.startswith("package://"):
        raise ConfigError(f"{text}: only paths are read here, and files of Python packages (package://name/path)")
    if not text.startswith("package://"):
        return base / Path(text).expanduser()
    package, _, rest = text.removeprefix("package://").partition("/")
    top, *inner = package.split(".")  # looking for a package within another would import the outer one
    spec = importlib.util.find_spec(top) if top else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{text}: the Python package {package!r} is not installed: pip install it, or name a path")
    return Path(next(iter(spec.submodule_search_locations)), *inner, rest)


def find_files(patterns: str | list[str], base: Path) -> list[Path]:
    """The files that a configuration means, each once, sorted within a pattern.

    A folder means all files of a known format below it. Hidden and temporary files and folders, whose names begin with
    `.` or `_`, are passed over, unless the pattern names them.
    Raises ConfigError where a pattern finds nothing, and where this user cannot look into a folder: what is in it would
    be missing.
    """
    try:
        return _find_files([patterns] if isinstance(patterns, str) else patterns, base)
    except PermissionError as error:
        raise closed(error.filename) from None


def _find_files(patterns: list[str], base: Path) -> list[Path]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = resolve(pattern, base)
        there, rest = _literal(path)
        _check_folders(there, rest)
        matches = [there] if not rest else sorted(p for p in there.glob(rest) if _shown(p, there))
        files = [file for match in matches for file in (_below(match) if match.is_dir() else [match])]
        special = next((file for file in files if file.exists() and not file.is_file()), None)
        if special:
            raise ConfigError(f"{special}: is no file to read twice; name a file or a folder")
        if not files:
            what = "no file in it is a .csv, .tsv, .jsonl or .parquet" if matches else "no such file"
            raise ConfigError(f"{pattern}: {what} (looked for {path})")
        found |= dict.fromkeys(files)
    return list(found)


def _literal(path: Path) -> tuple[Path, str]:
    """The part of a path that is there as it is written, whatever its characters, and the pattern that follows it."""
    there = Path(path.anchor or ".")
    parts = list(path.relative_to(path.anchor).parts)
    while parts and ((there / parts[0]).exists() or not any(c in parts[0] for c in MAGIC)):
        there /= parts.pop(0)
    return (there, "/".join(parts)) if parts or there.exists() else (there.parent, there.name)


def is_closed(path: Path) -> bool:
    """Whether this user cannot look into a folder; a glob passes over it without a word."""
    return path.is_dir() and not os.access(path, os.R_OK | os.X_OK)


def _check_folders(there: Path, rest: str) -> None:
    """Raise ConfigError where this user cannot look into a folder in which a pattern looks for files."""
    parts = rest.split("/")[:-1]
    for depth in range(len(parts) + 1 if rest else 0):
        folders = there.glob("/".join(parts[:depth])) if depth else [there]
        shut = next((folder for folder in folders if _shown(folder, there) and is_closed(folder)), None)
        if shut is not None:
            raise closed(shut)


def _below(folder: Path) -> list[Path]:
    if (folder / "_delta_log").is_dir():
        raise ConfigError(f"{folder}: is a Delta table, some of whose files may no longer count: export it as Parquet")
    _check_folders(folder, "**/*")
    files = (p for p in folder.rglob("*") if format_of(p) and p.is_file() and _shown(p, folder))
    return sorted(files)


def _shown(path: Path, folder: Path) -> bool:
    """Whether no part of a path below a folder is hidden or temporary."""
    return not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def format_of(path: Path) -> str | None:
    """The Spark format of a file by its name, whatever compresses it; None where it is not known."""
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in COMPRESSED]
    return FORMATS.get(suffixes[-1]) if suffixes else None


def partitions_of(path: Path, base: Path) -> dict[str, str | None]:
    """The columns that the folders of a file stand for, as `day=2026-11-20` does for `day`.

    base: the folder of the configuration, whose own path does not count. Texts are as Hive escapes them; None is null.
    """
    from urllib.parse import unquote

    parts = path.relative_to(base).parts if path.is_relative_to(base) else path.parts
    pairs = (part.partition("=") for part in parts[:-1])
    values = {name: unquote(value) for name, equals, value in pairs if name and equals}
    return {name: None if value == "__HIVE_DEFAULT_PARTITION__" else value for name, value in values.items()}


def spark_path(path: Path) -> str:
    """A path as Spark takes it. A URI will not do: Spark takes the escapes of a URI, such as %20, for characters."""
    return f"file:{path.parent.resolve() / path.name}"
