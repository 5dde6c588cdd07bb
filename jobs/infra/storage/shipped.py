"""Files of the driver that tasks open: Spark brings them to each executor once, and a task maps them there.

Pickling ships: a thing that holds a folder, such as a `VectorStore`, travels as `shipped(folder)`. Where all machines
see the work folder under its path, nothing is sent, and a task opens the very file of the driver.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jobs.errors import DataError
from jobs.infra import scratch
from jobs.infra.spark import is_local
from jobs.infra.storage.disk import link
from jobs.infra.storage.storage import LOCAL, URL


@dataclass(frozen=True)
class Shipped:
    """A folder of the driver, wherever it is unpickled."""

    path: Path
    """Its place on the driver."""
    files: tuple[tuple[str, str, int], ...] = ()
    """Path in the folder, sha256 and bytes of each file that was sent; none where every machine sees the folder."""

    def here(self) -> Path:
        """The folder on this machine. Raises DataError where a file did not arrive whole."""
        from pyspark import SparkFiles

        if not self.files or not SparkFiles._is_running_on_worker:
            return self.path
        root = Path(SparkFiles.getRootDirectory()).resolve()
        name = hashlib.sha256(repr(self.files).encode()).hexdigest()[:16]
        folder = root / f"daybreak-{name}"
        if not folder.exists():
            self._lay_out(root, folder)
        return folder

    def _lay_out(self, root: Path, folder: Path) -> None:
        """Make the folder of the files that arrived, whole or not at all; other processes may do so, too."""
        new = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
        try:
            for name, sha256, size in self.files:
                arrived = root / sha256
                if not arrived.exists() or arrived.stat().st_size != size or _sha256(arrived) != sha256:
                    raise DataError(f"{self.path / name}: did not arrive whole at an executor; run the job again")
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                link(arrived, new / name)
            new.rename(folder)
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)


def shipped(folder: Path) -> Shipped:
    """A folder, as tasks get it; it is sent where this session has executors that do not see it."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None or is_local(context.master) or context.getConf().get(URL) is None:
        return Shipped(folder)
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return Shipped(folder, _sent(found))


def shipped_model(model: str) -> "Shipped | str":
    """A model as tasks get it: a folder of the driver, or the name of one on a hub."""
    return shipped(Path(model)) if Path(model).is_dir() else model


def model_here(model: "Shipped | str") -> str:
    """What loads a model on this machine."""
    return model if isinstance(model, str) else str(model.here())


def _sent(files: Mapping[str, Path]) -> tuple[tuple[str, str, int], ...]:
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    assert context is not None
    kept, facts = _links(Path(str(context.getConf().get(LOCAL))) / "spark", os.getpid()), []
    for name, path in files.items():
        state = path.stat()
        sha256 = _known(path.resolve(), state.st_size, state.st_mtime_ns, state.st_ino)
        named = kept / sha256
        if not named.exists():
            link(path.resolve(), named)
        # Spark names a file by its last part, for all files of the session, so each is named by its content.
        if not any(one.endswith(f"/{sha256}") for one in context.listFiles):
            context.addFile(named.as_uri())
        facts.append((name, sha256, state.st_size))
    return tuple(facts)


@lru_cache(maxsize=4096)
def _known(path: Path, *_state: int) -> str:
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def _links(folder: Path, _pid: int) -> Path:
    """A private folder for what is sent, until this process ends: an executor that comes later asks for all of it."""
    scratch.remove_leftovers(folder)
    return scratch.claim(folder)
