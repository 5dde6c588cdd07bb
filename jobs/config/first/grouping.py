"""Files of one kind: those with the same columns in one folder, and the glob that means them, tomorrow's too."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from glob import escape
from itertools import groupby
from pathlib import Path

import polars as pl

from jobs.config.first.looking import DataFile

DATED = re.compile(r"\d{4}[-_.]?\d{2}([-_.]?\d{2})?|\d{2}[-_.]\d{2}[-_.]\d{4}")
"""A day or a month in the name of a file."""
MASK = re.compile(r"\d+([-_.T]?\d+)*")
"""Numbers in the name of a file."""


@dataclass(frozen=True)
class FileTable:
    """Files of one kind."""

    files: tuple[DataFile, ...]
    pattern: str | tuple[str, ...]
    """What the configuration says of them: a path, a glob, or paths."""

    @cached_property
    def sample(self) -> pl.DataFrame:
        """The first rows of the newest file that has any."""
        return next((file.sample for file in reversed(self.files) if not file.sample.is_empty()), self.files[0].sample)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.sample.columns

    @property
    def encoding(self) -> str | None:
        """The encoding to declare, where there is one."""
        return next((file.encoding for file in self.files if file.encoding), None)

    @property
    def name(self) -> str:
        """The files in one word, for messages."""
        return self.pattern if isinstance(self.pattern, str) else ", ".join(self.pattern)

    def parts(self, columns: list[str]) -> Iterator[pl.DataFrame]:
        """The rows of these columns, part by part; a column that a file lacks is null there."""
        for file in self.files:
            for part in file.parts(columns):
                missing = [pl.lit(None, pl.String).alias(name) for name in columns if name not in part.columns]
                yield part.with_columns(missing).select(columns)


def tables_of(folder: Path, files: Iterable[DataFile]) -> list[FileTable]:
    """Files of one kind together, in the order of their names."""

    def kind(file: DataFile) -> tuple[str, str, tuple[str, ...]]:
        # Objects of JSON leave out what they do not know, so of such files the names must be alike.
        same = (MASK.sub("*", file.path.name),) if file.kind == "json" else tuple(file.sample.columns)
        return _partition(file.path.parent.relative_to(folder)), file.kind, same

    found = []
    for (parent, _, _), group in groupby(sorted(files, key=lambda one: (kind(one), one.path)), kind):
        same = tuple(group)
        if any(file.sample.columns for file in same):
            found.append(FileTable(same, _pattern(folder, [file.path for file in same], parent)))
    return sorted(found, key=lambda table: table.files[0].path)


def _partition(parent: Path) -> str:
    """A folder with its parts that are partitions, such as `day=2026-01-01`, as globs."""
    return "/".join("*" if "=" in part or DATED.fullmatch(part) else escape(part) for part in parent.parts)


def _pattern(folder: Path, paths: list[Path], parent: str) -> str | tuple[str, ...]:
    """A path, or the glob that means these files and no others of the folder."""
    relative = [path.relative_to(folder) for path in paths]
    names = [path.name for path in paths]
    if len(paths) == 1 and "*" not in parent and not DATED.search(names[0]):
        return relative[0].as_posix()
    masks = {MASK.sub("*", escape(name)) for name in names}
    front, back = _common(names), _common([name[::-1] for name in names])[::-1]
    likely = [*masks] if len(masks) == 1 else []
    if len(paths) > 1:
        likely += [f"{escape(front)}*{escape(back)}", f"*{''.join(paths[0].suffixes[-2:])}", f"*{paths[0].suffix}"]
    for one in likely:
        pattern = f"{parent}/{one}" if parent else one
        if {path for path in folder.glob(pattern) if path.is_file()} == set(paths):
            return pattern
    return relative[0].as_posix() if len(paths) == 1 else tuple(path.as_posix() for path in relative)


def _common(names: list[str]) -> str:
    """What all names begin with, without digits at its end: they may differ tomorrow."""
    first, last = min(names), max(names)
    size = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return re.sub(r"[\d\W_]*$", "", first[:size]) or ""
