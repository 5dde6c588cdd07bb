"""The lists of an earlier night, with the vectors that they were made from: `<work>/lists/<kind>-<fingerprint>/`.

    <generation>/
        ids.parquet     item_id of each row
        vector.npy      the array of vectors, float32 (I, D)
        item.npy        int32 (I, K): rows, best first; -1 after the last
        score.npy       float32 (I, K)
        files.json      bytes and sha256 of the others; it comes last

A generation never changes. The newest whole one counts; an older one goes a day later, when no night reads it any more.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.infra.kept.store import DIGITS, GRACE, damage_of, file_facts, write_whole
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import link, remove
from jobs.infra.storage.shipped import Shipped, shipped

FACTS = "files.json"
IDS, VECTOR, ITEM, SCORE = "ids.parquet", "vector.npy", "item.npy", "score.npy"


class KeptLists(NamedTuple):
    """The lists of one kind. folder: of all generations. job: for the log."""

    folder: Path
    job: str

    @classmethod
    def of(cls, work: Path, kind: str, facts: dict[str, Any], job: str) -> "KeptLists":
        """facts: all that makes lists what they are, beside the vectors."""
        said = json.dumps(facts, sort_keys=True)
        folder = work / "lists" / f"{kind}-{hashlib.sha256(said.encode()).hexdigest()[:DIGITS]}"
        return cls(folder, job)

    def newest(self) -> "Generation | None":
        """The newest whole generation. Every byte is read; what is damaged is removed, and the log says so."""
        for note in sorted(self.folder.glob(f"*/{FACTS}"), reverse=True):
            why = _damage(note)
            if why is None:
                return Generation(note.parent)
            log_line(self.job, "lists-damaged", folder=note.parent, why=why, remedy="they are made anew")
            remove(note.parent)
        return None

    def forget(self) -> None:
        """Take over nothing of what there is."""
        for note in self.folder.glob(f"*/{FACTS}"):
            note.unlink(missing_ok=True)

    def write(self, ids: pl.Series, vectors: Path, length: int, rows: Callable[[], Iterator["ListRows"]]) -> None:
        """A new generation. ids: of the items, by row. vectors: the file of their array. length: K. rows: the lists.

        What cannot be written costs the next night its time, and the log says so.
        """
        folder = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        try:
            folder.mkdir(parents=True)
            self._fill(folder, ids, vectors, length, rows)
        except OSError as error:
            remove(folder)
            log_line(self.job, "lists-not-kept", folder=folder, why=str(error))
        except BaseException:
            remove(folder)
            raise
        self._tidy()

    def _fill(
        self, folder: Path, ids: pl.Series, vectors: Path, length: int, rows: Callable[[], Iterator["ListRows"]]
    ) -> None:
        ids.rename("item_id").to_frame().write_parquet(folder / IDS)
        link(vectors, folder / VECTOR)
        shape = (len(ids), length)
        item = np.lib.format.open_memmap(folder / ITEM, "w+", np.dtype(np.int32), shape)
        score = np.lib.format.open_memmap(folder / SCORE, "w+", np.dtype(np.float32), shape)
        item[:] = -1
        for own, items, scores in rows():
            item[own], score[own] = items, scores
        item.flush()
        score.flush()
        files = [folder / name for name in (IDS, VECTOR, ITEM, SCORE)]
        with ThreadPoolExecutor() as pool:
            facts = dict(zip([path.name for path in files], pool.map(file_facts, files), strict=True))
        write_whole(folder / FACTS, json.dumps(facts, indent=1))

    def _tidy(self) -> None:
        for folder in sorted(self.folder.glob("*-*"))[:-1]:
            made = int(folder.name.partition("-")[0]) / 1e9 if folder.name[:1].isdigit() else 0.0
            if time.time() - made > GRACE:
                remove(folder)


class ListRows(NamedTuple):
    """Some lists, as arrays hold them."""

    rows: NDArray[np.int64]
    """(n,)."""
    items: NDArray[np.int32]
    """(n, K): -1 after the last."""
    scores: NDArray[np.float32]
    """(n, K)."""


class Generation(NamedTuple):
    """The lists of a night. A task of Spark that gets them maps the arrays again."""

    folder: Path

    def __reduce__(self) -> tuple[Callable[[Shipped], "Generation"], tuple[Shipped]]:
        return _arrived, (shipped(self.folder),)

    def ids(self) -> pl.Series:
        """item_id of each row."""
        return pl.read_parquet(self.folder / IDS)["item_id"]

    def array(self, name: str) -> NDArray[Any]:
        """One of VECTOR, ITEM and SCORE, mapped."""
        return np.lib.format.open_memmap(self.folder / name, mode="r")


def _arrived(sent: Shipped) -> Generation:
    return Generation(sent.here())


def _damage(note: Path) -> str | None:
    try:
        facts = json.loads(note.read_text())
        if facts.keys() != {IDS, VECTOR, ITEM, SCORE}:
            return "other files are expected"
    except (OSError, ValueError, AttributeError) as error:
        return str(error)
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda name: damage_of(note.parent / name, facts[name]), facts)
    return next((f"{name}: {why}" for name, why in zip(facts, found, strict=True) if why), None)
