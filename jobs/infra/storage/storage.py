"""The work folder of a shop on storage that the whole cluster reaches by a URL, such as `s3a://bucket/shop`.

    <url>/data/<time>-<random>/     the files of a table, a model, an array …; nothing in it ever changes
    <url>/runs/<date>/              what a run has, and
    <url>/models/…, vectors/…       what outlives a run: see `jobs.infra.storage.work`

Nothing is ever renamed there, for on an object store that is a copy that may break off. Something is there once what
names it is, which is written last and under a new name. The driver's disk has a copy of what the driver reads. A folder
there that is on storage, too, has a note that says where (`jobs.infra.storage.notes`).
"""

import re
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.infra.storage.hadoop import Hadoop
from jobs.infra.storage.notes import NOTE, Note, dumped, names_in, read_note, write_note

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

URL = "spark.daybreak.storage"
"""The setting of a session that says where executors find the work folder …"""
LOCAL = "spark.daybreak.local"
"""… and where the driver does."""
MOST_TEXT = 2**20
"""Bytes of small files that stand in the note of their folder; more are brought to storage."""
UNITS = {"models": 2, "rankers": 2, "vectors": 3, "lists": 3}
"""Folder of the work folder → the length of the path of a folder in it that is brought to storage as one; else 3, as of
`runs/<date>/<table>`."""


class Storage:
    """The work folder of a session. local: the driver's part of it. url: without `/` at the end."""

    def __init__(self, local: Path, url: str, hadoop: Hadoop):
        self.local, self.url, self.hadoop = local, url, hadoop

    @classmethod
    def of(cls, spark: "SparkSession") -> "Storage | None":
        """The storage of a session; None where all machines see the work folder under its path."""
        url = spark.conf.get(URL, None)
        if url is None:
            return None
        return cls(Path(str(spark.conf.get(LOCAL))), url, Hadoop.of(spark))

    @staticmethod
    def new() -> str:
        """A place for data that has none yet, below the URL."""
        return f"data/{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}"

    def at(self, place: str) -> str:
        """The URL of a place."""
        return f"{self.url}/{place}"

    def where(self, path: Path) -> str:
        """The URL of a folder of the work folder, or of what is in one; it is brought to storage if need be."""
        parts = path.relative_to(self.local).parts
        unit = self.local.joinpath(*parts[: UNITS.get(parts[0], 3)])
        note = read_note(unit) or self.put(unit)
        rest = path.relative_to(unit).as_posix()
        return self.at(note["at"]) if rest == "." else f"{self.at(note['at'])}/{rest}"

    def put(self, folder: Path) -> Note:
        """Bring a folder of the driver to storage, as it is."""
        names, place = names_in(folder), self.new()
        self.hadoop.put({folder / name: f"{self.at(place)}/{name}" for name in names})
        return write_note(folder, place, names)

    def told(self, folder: Path) -> Note:
        """The note of a folder, with its small files that came later; it is brought to storage if need be."""
        note = read_note(folder) or self.put(folder)
        more = [name for name in names_in(folder) if name not in note["files"]]
        if sum((folder / name).stat().st_size for name in more) > MOST_TEXT:
            note, more = self.put(folder), []
        return {**note, "texts": {name: (folder / name).read_text() for name in more}}

    def keep(self, folder: Path) -> str:
        """Write down where a folder is that outlives its run; returns the place of its note below the URL."""
        name = f"{folder.relative_to(self.local).as_posix()}/{NOTE}"
        self.hadoop.write(self.at(name), dumped(self.told(folder)).encode(), replace=True)
        return name

    def lend(self, paths: Iterable[Path], place: str) -> dict[Path, str]:
        """Bring files of the driver to a place on storage, and return the URL of each."""
        urls = {
            path: f"{self.at(place)}/{uuid.uuid4().hex[:8]}/{re.sub('[^A-Za-z0-9._-]', '-', path.name)}"
            for path in paths
        }
        self.hadoop.put(urls)
        return urls

    def fetch(self, place: str, folder: Path) -> Note:
        """Bring what Spark wrote to a folder of the driver."""
        stored = {one.url.partition(f"/{place}/")[2]: one for one in self.hadoop.below(self.at(place))}
        names = sorted(name for name in stored if not any(part.startswith((".", "_")) for part in name.split("/")))
        self.hadoop.fetch({folder / name: stored[name] for name in names})
        return write_note(folder, place, names)
