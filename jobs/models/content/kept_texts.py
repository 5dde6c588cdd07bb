"""The vectors of texts in one process, without Spark: those that are kept are not made again."""

import random
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.infra.arrow import list_column, matrix
from jobs.infra.kept.store import CHECKED, KeptVectors, Segment, as_made, read
from jobs.infra.kept.table import KEPT
from jobs.infra.logging import log_line

Matrix = NDArray[np.float32]
Vectors = dict[bytes, Matrix]


class KeptTexts:
    """Encodes texts, those alone that are not kept. encode: from texts to vectors, float32 (n, d). device: its own."""

    def __init__(self, store: KeptVectors, encode: Callable[[list[str]], Matrix], device: str):
        self.store, self.encode, self.device = store, encode, device
        self.counts = {"new": 0, "taken_over": 0, "dropped": 0}

    def __call__(self, texts: Sequence[str]) -> Matrix:
        """The vectors of all texts of a night, float32 (n, d). Where they cannot be written, the log says so."""
        wanted = {key_of(text): text for text in texts}
        segments = self.store.segments()
        known = _read(segments, list(wanted))
        if known and not self._as_made({key: wanted[key] for key in known}, known):
            self.store.replace(segments)
            segments, known = [], {}
        missing = [key for key in wanted if key not in known]
        made: Vectors = {}
        if missing:
            made = dict(zip(missing, self.encode([wanted[key] for key in missing]), strict=True))
        self.counts |= {"new": len(made), "taken_over": len(known)}
        try:
            self._keep(segments, known, made)
        except OSError as error:
            log_line(self.store.job, "vectors-not-kept", folder=self.store.folder, why=str(error))
        every = known | made
        return np.stack([every[key_of(text)] for text in texts])

    def _as_made(self, texts: dict[bytes, str], known: Vectors) -> bool:
        some = random.sample(sorted(texts), min(CHECKED, len(texts)))
        made = self.encode([texts[key] for key in some])
        return as_made(self.store, np.stack([known[key] for key in some]), made)

    def _keep(self, segments: list[Segment], known: Vectors, made: Vectors) -> None:
        wanted = len(known) + len(made)
        added = [self._add(made)] if made else []
        if self.store.too_much([*segments, *added], wanted):
            self._add(known | made)
            self.store.replace([*segments, *added])
            self.counts["dropped"] = sum(map(len, segments)) - len(known)
        self.store.tidy()

    def _add(self, vectors: Vectors) -> Segment:
        def write(folder: Path) -> None:
            folder.mkdir(parents=True)
            size = len(vectors)
            columns = {
                "key": pa.array(list(vectors), pa.binary()),
                "vector": list_column(np.stack(list(vectors.values()))),
                "reason": pa.nulls(size, pa.string()),
                "device": pa.array([self.device] * size, pa.string()),
                "gpu": pa.nulls(size, pa.string()),
            }
            pq.write_table(pa.table([columns[name] for name in KEPT.columns], KEPT.columns), folder / "part.parquet")

        return self.store.add(write)


def key_of(text: str) -> bytes:
    """The key of a text in table KEPT. Nothing is normalised: the model reads the text as it is."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _read(segments: list[Segment], keys: list[bytes]) -> Vectors:
    """The vectors of those keys that are kept; of the first segment that has them."""
    found: Vectors = {}
    wanted = pa.array(keys, pa.binary())
    for table in read(segments, "key", "vector"):
        there = table.filter(pc.is_in(table["key"], wanted)).combine_chunks()
        if len(there):
            vectors = there["vector"].combine_chunks()
            for key, vector in zip(there["key"].to_pylist(), matrix(vectors, len(vectors[0])), strict=True):
                found.setdefault(key, vector)
    return found
