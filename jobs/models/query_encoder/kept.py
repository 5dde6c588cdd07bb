"""Query encoders that outlive their night: `<work>/learned/<what all of its kind share>-<what it learned from>.npz`.

One is taken over where all that it learned from is the same to the last bit, and where it is young and most titles are
those that it learned from, as a behaviour model is.
"""

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.infra.kept.store import GRACE
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import whole_file
from jobs.models.content.kept_space import MOST_NEW, one_in
from jobs.models.query_encoder.learn import Learned, LearnSettings, Step
from jobs.models.query_encoder.table import Matrix

VERSION = 2
"""Of `learn`, and of the file. A change that gives other encoders raises it."""
ABOUT = "about"
PROJECTION = "projection"
SEEN = "seen"
DIGITS = 16

Words = Sequence[Sequence[str]]


class Lessons(NamedTuple):
    """What an encoder is learned from, as `learn` takes it."""

    titles: Words
    queries: Words
    items: Matrix


class Kept(NamedTuple):
    """An encoder on disk, and what it says of itself."""

    learned: Learned
    day: date
    """The date of the night that learned it."""
    every: int
    """One in so many titles is remembered: those whose hash it divides."""
    seen: NDArray[np.int64]
    """Their hashes, rising."""

    def holds(self, titles: Words) -> bool:
        """Whether at most a tenth of the titles are others than it learned from."""
        tonight = sample(titles, self.every)
        return not len(tonight) or float(np.isin(tonight, self.seen, invert=True).mean()) <= MOST_NEW


class QueryEncoders:
    """The encoders that a night may take over.

    facts: all that makes encoders what they are, beside the lessons. max_age_days: of an encoder of other lessons; None
    where none of those is taken.
    """

    def __init__(self, work: Path, facts: dict[str, Any], day: date, max_age_days: int | None):
        said = json.dumps({"version": VERSION, "settings": LearnSettings(), "facts": facts}, sort_keys=True)
        self.folder, self.day, self.max_age_days = work / "learned", day, max_age_days
        self.kind = hashlib.sha256(said.encode()).hexdigest()[:DIGITS]

    def path(self, lessons: Lessons) -> Path:
        """The file of the encoder that is learned from these."""
        digest = hashlib.sha256()
        for texts in (lessons.titles, lessons.queries):
            for words in texts:
                digest.update("\t".join(words).encode("utf-8", "surrogatepass") + b"\n")
            digest.update(b"\n")
        digest.update(f"{lessons.items.shape}".encode() + np.ascontiguousarray(lessons.items).tobytes())
        return self.folder / f"{self.kind}-{digest.hexdigest()[:DIGITS]}.npz"

    def learned_once(self, lessons: Lessons, learn: Callable[[], Learned]) -> tuple[Learned, date | None]:
        """The encoder of the night; and the date of the night that learned it, None where it is new.

        A new one is kept. What cannot be written is learned again next night, and the log says so. Files of other
        lessons go a day later.
        """
        path = self.path(lessons)
        same = _read(path)
        if same is not None:
            if same.day < self.day:  # to learn it tonight would give the same
                self._write(path, same._replace(day=self.day))
            return same.learned, max(same.day, self.day)
        young = self._young(lessons.titles)
        if young is not None:
            return young.learned, young.day
        every = one_in(len(lessons.titles))
        made = Kept(learn(), self.day, every, sample(lessons.titles, every))
        self._write(path, made)
        return made.learned, None

    def _young(self, titles: Words) -> Kept | None:
        if self.max_age_days is None:
            return None
        found = (_read(path) for path in self.folder.glob(f"{self.kind}-*.npz"))
        young = [one for one in found if one is not None and 0 <= (self.day - one.day).days <= self.max_age_days]
        holding = (one for one in sorted(young, key=lambda one: one.day, reverse=True) if one.holds(titles))
        return next(holding, None)

    def _write(self, path: Path, kept: Kept) -> None:
        made = kept.learned
        about = {"steps": [step._asdict() for step in made.steps], "language": made.language}
        about |= {"day": kept.day.isoformat(), "every": kept.every}
        arrays: dict[str, Any] = {**made.arrays, PROJECTION: made.projection, SEEN: kept.seen}
        arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                np.savez(file, **arrays)
            for other in path.parent.iterdir():
                if other != path and time.time() - other.stat().st_mtime > GRACE:
                    other.unlink(missing_ok=True)
        except OSError as error:
            log_line("index_search", "encoder-not-kept", file=path, why=str(error))


def sample(titles: Words, every: int) -> NDArray[np.int64]:
    """The hashes of the different titles that `every` divides, rising."""
    texts = {" ".join(words).encode("utf-8", "surrogatepass") for words in titles if words}
    hashes = (int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True) for text in texts)
    return np.array(sorted(one for one in hashes if one % every == 0), np.int64)


def _read(path: Path) -> Kept | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop(ABOUT).tobytes())
        projection, seen = arrays.pop(PROJECTION), arrays.pop(SEEN)
        os.utime(path)
        learned = Learned(arrays, projection, [Step(**step) for step in about["steps"]], about["language"])
        return Kept(learned, date.fromisoformat(about["day"]), int(about["every"]), seen)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        log_line("index_search", "encoder-damaged", file=path, why=str(error), remedy="it is learned anew")
        return None
