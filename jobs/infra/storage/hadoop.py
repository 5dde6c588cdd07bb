"""Files on storage that Hadoop's file systems reach: object stores, HDFS. The driver's Java reads and writes them.

Credentials are those of the cluster: of the environment, or of `spark.hadoop.…` in `[spark]`. Nothing here shows one.
"""

import io
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.errors import ConfigError
from jobs.infra.cluster.errors import EngineError
from jobs.infra.spark import secrets_of

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject, JVMView
    from pyspark.sql import SparkSession

THREADS = 8
"""Files that are copied at the same time."""
ANSWER_SECONDS = 120.0
"""How long storage may take to answer, or to take or give a small file."""
LONGEST = 300
"""Characters of an error of Java in a message."""
SLOWEST = 2**20
"""Bytes a second: a copy that is slower is given up."""
NEEDS = {
    "s3a": "org.apache.hadoop:hadoop-aws",
    "abfss": "org.apache.hadoop:hadoop-azure",
    "abfs": "org.apache.hadoop:hadoop-azure",
    "gs": "com.google.cloud.bigdataoss:gcs-connector",
}
"""Scheme → the package of its file system, which Spark does not bring."""
REFUSED = (
    "AccessDenied",
    "AccessControl",
    "Forbidden",
    "Credential",
    "InvalidAccessKey",
    "Unauthorized",
    " 403",
    " 401",
)
"""Words of an error of storage that knows this user not, or does not let him in."""


class FileThere(NamedTuple):
    """A file or a folder on storage."""

    url: str
    bytes: int
    modified: float
    """Seconds since 1970, by the clock of the storage."""
    folder: bool

    @property
    def name(self) -> str:
        """The last part of its URL."""
        return self.url.rstrip("/").rpartition("/")[2]


class Hadoop:
    """Hadoop's file systems, with the settings of a Spark session. Threads may call it.

    settings: of Hadoop, an object of Java. hide: values that no message may show.
    Its methods raise ConfigError where storage is not there or does not let this user in, and EngineError for the rest,
    both with the URL.
    """

    def __init__(self, jvm: "JVMView", settings: "JavaObject", hide: tuple[str, ...] = ()):
        self._jvm, self._settings, self._hide = jvm, settings, hide

    @classmethod
    def of(cls, spark: "SparkSession") -> "Hadoop":
        """Those of a session."""
        context = spark.sparkContext
        return cls(context._jvm, context._jsc.hadoopConfiguration(), secrets_of(dict(context.getConf().getAll())))

    def files(self, pattern: str) -> list[FileThere]:
        """The files and folders that a URL with `*` in it names, sorted by URL; none where there are none."""
        found = self._ask(pattern, lambda fs, path: fs.globStatus(path))
        facts = [_fact(one) for one in found or ()]
        return sorted(facts, key=lambda one: one.url)

    def below(self, url: str) -> list[FileThere]:
        """All files below a folder, sorted by URL; none where it is not there."""

        def listed(fs: Any, path: Any) -> list[FileThere]:
            if not fs.exists(path):
                return []
            found, files = [], fs.listFiles(path, True)
            while files.hasNext():
                found.append(_fact(files.next()))
            return found

        return sorted(self._ask(url, listed, ANSWER_SECONDS * 5), key=lambda one: one.url)

    def read(self, url: str) -> bytes:
        """A small file."""

        def whole(fs: Any, path: Any) -> bytes:
            stream = fs.open(path)
            try:
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
            finally:
                stream.close()

        return self._ask(url, whole)

    def write(self, url: str, data: bytes, replace: bool = False) -> None:
        """Write a small file. replace: one that is there."""

        def whole(fs: Any, path: Any) -> None:
            stream = fs.create(path, replace)
            try:
                stream.write(bytearray(data))
            finally:
                stream.close()  # where storage keeps objects, they are there from now on

        self._ask(url, whole)

    def put(self, files: Mapping[Path, str]) -> None:
        """Copy files to storage. files: local path → URL; what is there is replaced."""

        def one(path: Path, url: str) -> None:
            java = self._jvm.java.io
            self._ask(
                url,
                lambda fs, to: self._copy(java.FileInputStream(str(path)), lambda: fs.create(to, True)),
                ANSWER_SECONDS + path.stat().st_size / SLOWEST,
            )

        _each(one, files)

    def fetch(self, files: Mapping[Path, FileThere]) -> None:
        """Copy files from storage. files: local path → what to copy; folders are made."""
        for folder in {path.parent for path in files}:
            folder.mkdir(parents=True, exist_ok=True)

        def one(path: Path, stored: FileThere) -> None:
            java = self._jvm.java.io
            path.touch(mode=0o600)  # Java would let the umask of its own decide
            self._ask(
                stored.url,
                lambda fs, at: self._copy(fs.open(at), lambda: java.FileOutputStream(str(path))),
                ANSWER_SECONDS + stored.bytes / SLOWEST,
            )
            if path.stat().st_size != stored.bytes:
                raise EngineError(
                    f"{stored.url}: {path.stat().st_size:,} bytes came of {stored.bytes:,}; run again", may_pass=True
                )

        _each(one, files)

    def delete(self, url: str) -> None:
        """Remove a file or a folder, whether it is there or not."""
        self._ask(url, lambda fs, path: fs.delete(path, True), ANSWER_SECONDS * 5)

    def open(self, url: str) -> io.RawIOBase:
        """A file to read from any place: for a few small parts of a large one."""
        size = self._ask(url, lambda fs, path: fs.getFileStatus(path).getLen())
        return _Reader(self, url, int(size))

    def part(self, url: str, start: int, length: int) -> bytes:
        """Some bytes of a file."""

        def some(fs: Any, path: Any) -> bytes:
            stream = fs.open(path)
            try:
                stream.seek(start)
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream, length))
            finally:
                stream.close()

        return self._ask(url, some)

    def _copy(self, source: Any, target: Callable[[], Any]) -> None:
        try:
            made = target()
        except BaseException:
            source.close()
            raise
        self._jvm.org.apache.hadoop.io.IOUtils.copyBytes(source, made, self._settings, True)

    def _ask(self, url: str, what: Callable[[Any, Any], Any], seconds: float = ANSWER_SECONDS) -> Any:
        """The answer of storage, within some seconds. what: is called with a file system and a path of Hadoop."""
        answer: dict[str, Any] = {}

        def ask() -> None:
            try:
                path = self._jvm.org.apache.hadoop.fs.Path(url)
                answer["said"] = what(path.getFileSystem(self._settings), path)
            except Exception as error:
                answer["error"] = error

        thread = threading.Thread(target=ask, daemon=True, name="daybreak-storage")
        thread.start()
        thread.join(seconds)
        if "error" in answer:
            raise self._told(url, answer["error"]) from None
        if "said" not in answer:
            raise EngineError(f"{url}: the storage does not answer in {seconds:.0f} s; run again", may_pass=True)
        return answer["said"]

    def _told(self, url: str, error: Exception) -> Exception:
        """An error of Java in a sentence."""
        # A session of Spark makes errors of its own of some of Java's.
        java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
        if java is None:
            return error
        kind, said = java.getClass().getSimpleName(), str(java.getMessage() or "")
        for value in self._hide:
            said = said.replace(value, "…")
        said = said.partition("\n")[0].partition("; For more details see")[0][:LONGEST]
        scheme = url.partition(":")[0]
        if kind == "UnsupportedFileSystemException" or "ClassNotFoundException" in said:
            package = NEEDS.get(scheme)
            ask = f'such as "spark.jars.packages" = "{package}:…" in [spark]' if package else "or name another scheme"
            return ConfigError(f"{url}: Spark has no file system for {scheme}:// here; give it one, {ask}")
        if any(word in f"{kind} {said}" for word in REFUSED):
            return ConfigError(
                f"{url}: the storage does not let this user in: {kind}: {said}. Credentials come from the environment, "
                'or from "spark.hadoop.…" in [spark]'
            )
        if any(word in f"{kind} {said}" for word in ("UnknownHost", "ConnectException", "Empty Mount table")):
            return ConfigError(f"{url}: the storage is not there: {said}. Is the address right?")
        return EngineError(f"{url}: {kind}: {said}", may_pass=True)


class _Reader(io.RawIOBase):
    """A file on storage, as Python reads a file."""

    def __init__(self, storage: Hadoop, url: str, size: int):
        self._storage, self._url, self._size, self._at = storage, url, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = max(0, min(len(buffer), self._size - self._at))
        if length:
            buffer[:length] = self._storage.part(self._url, self._at, length)
        self._at += length
        return length


def _each(copy: Callable[[Path, Any], None], files: Mapping[Path, Any]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(copy, files.keys(), files.values()))


def _fact(status: Any) -> FileThere:
    return FileThere(
        str(status.getPath().toString()),
        int(status.getLen()),
        status.getModificationTime() / 1000,
        bool(status.isDirectory()),
    )


def is_url(where: str) -> bool:
    """Whether an address is that of storage, and not a path or a file of a Python package."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", where) is not None and not where.startswith("package://")
