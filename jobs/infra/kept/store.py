"""The vectors that an encoder made, kept by what it read: `<work>/vectors/<kind>-<fingerprint>/`.

    encoder.json        what the fingerprint stands for; its time says when a night last used the folder
    <segment>/          what one writer added: Parquet files of table KEPT (`jobs.infra.kept.table`), and
        _segment.json   its files, with the rows, bytes and sha256 of each

A segment is there once its `_segment.json` is, which comes last and in one step. Nothing in it changes after that, so
any number of nights read and add at the same time. A segment that others replace is marked and goes a day later: by
then no night that had begun to read it still does.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.infra.logging import log_line
from jobs.infra.storage.disk import remove, whole_file

ENCODER, SEGMENT, REPLACED = "encoder.json", "_segment.json", "_replaced"
"""Spark passes over files whose names begin with `_`."""
GRACE = 86_400.0
"""Seconds for which a segment stays that others replace, or that nobody finished."""
SLACK = 2.0
"""More than so many times the vectors that a night needs are too many to keep …"""
SPARE = 10_000
"""… where they are more than so many beside."""
MOST_SEGMENTS = 24
"""More are written as one."""
CHECKED = 32
"""So many of the vectors that a night takes over are made again, to see that they are what the encoder makes."""
LEAST_COSINE = 0.999
"""Between a kept vector and the one that is made again; rounding moves it by less than .0001."""
DIGITS = 16
"""Hexadecimal digits of a fingerprint."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """What one writer added, as far as it is whole."""

    folder: Path
    rows: dict[str, int]
    """Of each file, by its name."""

    @property
    def files(self) -> list[Path]:
        """Its files, sorted."""
        return [self.folder / name for name in sorted(self.rows)]

    def __len__(self) -> int:
        return sum(self.rows.values())


class KeptVectors:
    """The vectors of one encoder. facts: what makes its vectors what they are; other facts, other vectors."""

    def __init__(self, work: Path, kind: str, facts: dict[str, Any], job: str):
        said = json.dumps({"kind": kind, **facts}, sort_keys=True)
        self.kind, self.job = kind, job
        self.folder = work / "vectors" / f"{kind}-{hashlib.sha256(said.encode()).hexdigest()[:DIGITS]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / ENCODER, said)

    def segments(self) -> list[Segment]:
        """All that is there and whole. Every byte is read; what is damaged is removed, and the log says so."""
        found = [self._read(path.parent) for path in sorted(self.folder.glob(f"*/{SEGMENT}"))]
        return [segment for segment in found if segment is not None and len(segment)]

    def add(self, write: Callable[[Path], object]) -> Segment:
        """A new segment. write: writes Parquet files of table KEPT to a folder, which it makes.

        Nothing stays of it where `write` raises an error.
        """
        folder = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        try:
            write(folder)
            return self._finish(folder)
        except BaseException:
            remove(folder)
            raise

    def replace(self, segments: Iterable[Segment]) -> None:
        """Say that other segments hold all that is wanted of these."""
        for segment in segments:
            if segment.folder.exists():
                (segment.folder / REPLACED).touch()

    def too_much(self, segments: list[Segment], wanted: int) -> bool:
        """Whether the segments must be written anew as one, with no more than the `wanted` vectors of this night."""
        return len(segments) > MOST_SEGMENTS or sum(map(len, segments)) > SLACK * wanted + SPARE

    def tidy(self) -> None:
        """Remove what others replaced, and what killed writers left, a day later."""
        for folder in self.folder.glob("*-*"):
            mark = folder / REPLACED
            try:
                since = (mark if mark.exists() else folder).stat().st_mtime
            except FileNotFoundError:  # another night removes it
                continue
            if (mark.exists() or not (folder / SEGMENT).exists()) and time.time() - since > GRACE:
                remove(folder)

    def _finish(self, folder: Path) -> Segment:
        files = sorted(path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_")))
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        with ThreadPoolExecutor() as pool:
            facts = {path.name: fact for path, fact in zip(files, pool.map(_facts, files), strict=True)}
        write_whole(folder / SEGMENT, json.dumps(facts, indent=1, sort_keys=True))
        return Segment(folder, {name: fact["rows"] for name, fact in facts.items()})

    def _read(self, folder: Path) -> Segment | None:
        if (folder / REPLACED).exists():
            return None
        try:
            facts: dict[str, dict[str, Any]] = json.loads((folder / SEGMENT).read_text())
            rows = {Path(name).name: int(fact["rows"]) for name, fact in facts.items()}
            if rows.keys() != facts.keys():
                raise ValueError("a file outside of the segment")
        except FileNotFoundError:  # another night removes it
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            self._damaged(folder, repr(error))
            remove(folder)
            return None
        with ThreadPoolExecutor() as pool:
            damage = dict(zip(facts, pool.map(lambda name: damage_of(folder / name, facts[name]), facts), strict=True))
        if any(damage.values()):
            for name, why in damage.items():
                if why:
                    self._damaged(folder / name, why)
            whole = {name: fact for name, fact in facts.items() if not damage[name]}
            write_whole(folder / SEGMENT, json.dumps(whole, indent=1, sort_keys=True))
            for name in facts.keys() - whole.keys():
                (folder / name).unlink(missing_ok=True)
            rows = {name: rows[name] for name in whole}
        return Segment(folder, rows)

    def _damaged(self, path: Path, why: str) -> None:
        log_line(self.job, "vectors-damaged", file=path, why=why, remedy="its vectors are made anew")


def as_made(store: KeptVectors, kept: Matrix, made: Matrix) -> bool:
    """Whether some kept vectors are those that the encoder makes now; where they are not, the log says so.

    kept, made: of the same texts or pictures, float32 (n, d).
    """
    if not len(kept):
        return True
    if kept.shape != made.shape:
        worst = 0.0
    else:
        lengths = np.linalg.norm(kept, axis=1) * np.linalg.norm(made, axis=1)
        cosines = np.where(lengths > 0, np.einsum("nd,nd->n", kept, made) / np.where(lengths > 0, lengths, 1), 0.0)
        worst = float(np.nan_to_num(cosines, nan=0.0).min(initial=1.0))
    if worst < LEAST_COSINE:
        log_line(store.job, "vectors-differ", cosine=worst, folder=store.folder, remedy="all are made anew")
    return worst >= LEAST_COSINE


def read(segments: Iterable[Segment], *columns: str) -> Iterator[pa.Table]:
    """The files of segments, with these columns of table KEPT."""
    for segment in segments:
        for path in segment.files:
            with pq.ParquetFile(path) as file:
                yield file.read(columns=list(columns))


def _facts(path: Path) -> dict[str, Any]:
    return {"rows": pq.read_metadata(path).num_rows, **file_facts(path)}


def file_facts(path: Path) -> dict[str, Any]:
    """The bytes and the sha256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)}


def damage_of(path: Path, fact: dict[str, Any]) -> str | None:
    """Why a file is not what its writer wrote; None where it is. fact: as `file_facts` gives them."""
    try:
        if path.stat().st_size != fact["bytes"]:
            return f"{path.stat().st_size} bytes, {fact['bytes']} expected"
        return None if _sha256(path) == fact["sha256"] else "its sha256 is another one"
    except (OSError, KeyError, TypeError) as error:
        return str(error)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    with whole_file(path) as file:
        file.write((text + "\n").encode())
