"""The query encoder of an earlier night, where all that it learned from is the same to the last bit."""

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jobs.infra.kept.store import GRACE
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import whole_file
from jobs.models.query_encoder.learn import Learned, LearnSettings, Step
from jobs.models.query_encoder.table import Matrix

VERSION = 1
"""Of `learn`. A change that gives other encoders raises it."""
ABOUT = "about"
PROJECTION = "projection"

Words = Sequence[Sequence[str]]


def path_of(work: Path, facts: dict[str, Any], titles: Words, queries: Words, items: Matrix) -> Path:
    """The file of the encoder that is learned from these. facts: of the transformer. Others: as in `learn`."""
    said = {"version": VERSION, "settings": LearnSettings(), "facts": facts}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for texts in (titles, queries):
        for words in texts:
            digest.update("\t".join(words).encode("utf-8", "surrogatepass") + b"\n")
        digest.update(b"\n")
    digest.update(f"{items.shape}".encode() + np.ascontiguousarray(items).tobytes())
    return work / "learned" / f"{digest.hexdigest()[:16]}.npz"


def learned_once(path: Path, learn: Callable[[], Learned]) -> tuple[Learned, bool]:
    """The encoder of a file, or a new one, which is kept there; and whether it was there.

    What cannot be written is learned again next night, and the log says so. Files of other inputs go a day later.
    """
    found = _read(path)
    if found is not None:
        return found, True
    made = learn()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        about = json.dumps({"steps": [step._asdict() for step in made.steps], "language": made.language})
        arrays: dict[str, Any] = {**made.arrays, PROJECTION: made.projection}
        arrays[ABOUT] = np.frombuffer(about.encode(), np.uint8)
        with whole_file(path) as file:
            np.savez(file, **arrays)
        for other in path.parent.iterdir():
            if other != path and time.time() - other.stat().st_mtime > GRACE:
                other.unlink(missing_ok=True)
    except OSError as error:
        log_line("index_search", "encoder-not-kept", file=path, why=str(error))
    return made, False


def _read(path: Path) -> Learned | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop(ABOUT).tobytes())
        projection = arrays.pop(PROJECTION)
        os.utime(path)
        return Learned(arrays, projection, [Step(**step) for step in about["steps"]], about["language"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        log_line("index_search", "encoder-damaged", file=path, why=str(error), remedy="it is learned anew")
        return None
