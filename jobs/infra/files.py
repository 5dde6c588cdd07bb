"""The files that a configuration means: paths, globs, folders and `package://` names, and their formats."""

import importlib.util
from pathlib import Path

from jobs.errors import ConfigError

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet"}


def resolve(text: str, base: Path) -> Path:
    """The path that a configuration means: relative to `base`, or `package://python_package/path/in/it`.

    Raises ConfigError when the package is not installed.
    """
    if not text.startswith("package://"):
        return base / Path(text).expanduser()
    package, _, rest = text.removeprefix("package://").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{text}: the Python package {package!r} is not installed: pip install it, or name a path")
    return Path(next(iter(spec.submodule_search_locations))) / rest


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
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".bz2", ".zst")]
    return FORMATS.get(suffixes[-1]) if suffixes else None
