"""The folder of a run: its tables, each written whole or not at all, and the receipts of its jobs.

Items and users are rows of tables, so tables of two ingests must not mix. Each table has a mark: its own id, and the
ids of the tables that it was made from. A job that reads a table checks the marks of all that stand behind it.

<work>/runs/<date>/<table>/     Parquet, and the mark
<work>/runs/<date>/receipts/    a JSON file for each job: what it counted, and what it took
<work>/vectors/<kind>-<hash>/   what encoders made, kept across runs (`jobs.infra.kept`)
<work>/models/<model id>/       a model of `train`, or of `train_text`; the jobs use the newest readable one
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import MissingStepError
from jobs.infra.cluster.written import write_counted
from jobs.infra.receipts.touched import touched
from jobs.infra.spark import parquet
from jobs.infra.storage.disk import link, remove, size, whole_file
from jobs.infra.tables import RunTable

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Day = date
"""Run has a field of that name."""
NAME = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
"""How the folder of a run is called: by its date."""
MADE_BY = {
    "receipts": "ingest",
    "items": "ingest",
    "events": "ingest",
    "features.json": "ingest",
    "patches.json": "ingest",
    "day.json": "ingest",
    "quarantine": "ingest",
    "shown": "ingest",
    "visits": "ingest",
    "searches": "ingest",
    "impressions": "train_ranker",
    "ranker": "train_ranker",
    "sequences": "train",
    "text_model.json": "train_text",
    "pictures": "ingest",
    "text_vectors": "embed_items",
    "fetched": "embed_items",
    "look_vectors": "embed_items",
    "picture_quarantine": "embed_items",
    "vectors": "embed_items",
    "item_vectors": "embed_items",
    "user_vectors": "embed_users",
    "user_unseen": "topk",
    "user_topk": "topk",
    "user_because": "topk",
    "user_again": "topk",
    "user_arrays": "topk",
    "item_topk": "topk",
    "popular": "topk",
    "popularity": "topk",
    "search": "index_search",
    "metrics.json": "evaluate",
    "evaluation": "evaluate",
    "release.json": "build",
    "validation.json": "validate",
}
"""The job that makes a table or file of a run, for the message where it is missing."""
MADE_FROM: dict[str, tuple[str, ...]] = {
    # Written last, so they tell of an ingest that broke off.
    "items": ("events", "shown", "visits", "searches", "pictures", "features.json", "day.json"),
    "patches.json": ("items",),
    "sequences": ("items", "events"),
    "text_model.json": ("items", "events", "searches"),
    "text_vectors": ("items", "text_model.json"),
    "fetched": ("items", "pictures"),
    "look_vectors": ("items",),
    "picture_quarantine": ("items", "look_vectors"),
    "item_vectors": ("items", "text_vectors", "look_vectors"),
    "vectors": ("items", "item_vectors"),
    "user_vectors": ("items", "events", "vectors"),
    "user_unseen": ("vectors", "user_vectors"),
    "user_topk": ("vectors", "user_vectors", "user_unseen"),
    "user_because": ("vectors", "user_vectors", "user_topk"),
    "user_again": ("vectors", "user_vectors"),
    "user_arrays": ("vectors", "user_vectors", "user_unseen", "user_topk", "user_again"),
    "item_topk": ("vectors",),
    "popularity": ("items", "events"),
    "popular": ("items", "popularity"),
    "search": ("items", "events", "searches", "text_model.json", "text_vectors"),
    "impressions": ("items", "events", "shown", "visits", "vectors"),
    "ranker": ("items", "events", "impressions"),
    "evaluation": ("items", "events", "vectors"),
    "metrics.json": ("items", "events", "vectors"),
    "release.json": (
        *("items", "events", "features.json", "patches.json", "vectors", "user_vectors", "user_unseen", "user_topk"),
        *("user_because", "user_again", "user_arrays", "item_topk", "popular", "popularity", "ranker", "search"),
    ),
    "validation.json": ("release.json", "evaluation"),
}
"""What a table or file of a run is made from. Others of a run are made from files of the shop."""
OF_SPARK = frozenset(["shown", "visits", "pictures", "fetched"])
"""Tables that the driver never reads: where the work folder is on storage, they are nowhere else."""
SHARD = "shard"
"""Begins the names of the folders of a table of users that is in shards, as in `shard=3`."""
MARK = "_made_from.json"
"""The file of a table's mark in its folder, and the key of a small file's. Spark and Arrow pass over such files."""


@dataclass(frozen=True)
class Run:
    """The run of one date. `root` is `<work>/runs/<date>`. On a cluster all machines must see it under this path."""

    root: Path
    date: date

    def path(self, name: str) -> Path:
        """The path of a table or a file of this run, whether it exists or not."""
        return self.root / name

    def existing(self, name: str) -> Path:
        """The path of a table or a file of this run that exists.

        Raises MissingStepError, naming the job to run, where it does not exist, or where it was made from other tables
        than the run has now.
        """
        path = self.path(name)
        if not path.exists():
            raise MissingStepError(
                f"{path} is missing: run `daybreak job {MADE_BY.get(name, 'ingest')} --date {self.date}` first"
            )
        stale = self._stale(name.partition("/")[0], set())
        if stale is not None:
            old, other = stale
            raise MissingStepError(
                f"{self.path(old)} was not made from the {other} that the run has now: run "
                f"`daybreak job {MADE_BY.get(old, 'ingest')} --date {self.date}` again, and the jobs after it"
            )
        touched().note_opened(path)
        return path

    def _stale(self, name: str, seen: set[str]) -> tuple[str, str] | None:
        """The first table behind `name`, or itself, that was made from another table than stands there; and which.

        seen: the tables that are known to be fine. A table of an older Daybreak has no mark and is taken as it is.
        """
        if name in seen:
            return None
        seen.add(name)
        inputs = {one: mark for one, mark in self._mark(name).get("from", {}).items() if self.path(one).exists()}
        for other in inputs:  # the first one in the night is the one to mend
            stale = self._stale(other, seen)
            if stale is not None:
                return stale
        return next(((name, other) for other, mark in inputs.items() if mark != self._mark(other).get("id")), None)

    def _mark(self, name: str) -> dict[str, Any]:
        """The mark of a table or a small file; empty where it has none."""
        path = self.path(name)
        try:
            found = json.loads((path / MARK if path.is_dir() else path).read_text())
        except (OSError, ValueError):
            return {}
        if path.is_file():
            found = found.get(MARK) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def mark_id(self, name: str) -> str | None:
        """What tells a table or small file from all others of this name; None where it is not there."""
        return self._mark(name).get("id")

    def new_mark(self, name: str) -> dict[str, Any]:
        """A mark for a table that is made now: `id`, and `from`, the ids of what it is made from, by name."""
        inputs = (other for other in MADE_FROM.get(name, ()) if self.path(other).exists())
        return {"id": uuid.uuid4().hex, "from": {other: self._mark(other).get("id") for other in inputs}}

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """A new path to write to. It replaces `name` when the block ends without an error.

        After an error the old content stays. So it does when the job is killed inside the block; the next write then
        removes what the killed one left.
        """
        final = self.path(name)
        self.root.mkdir(parents=True, exist_ok=True)
        for trash in self.root.glob(f".{name}.*"):
            remove(trash)
        new = self.root / f".{name}.{uuid.uuid4().hex[:8]}"
        try:
            yield new
            if new.is_dir():
                (new / MARK).write_text(json.dumps(self.new_mark(name)))
            self._put(name, new)
            touched().note_written(final)
        finally:
            remove(new)

    def _put(self, name: str, new: Path) -> None:
        final = self.path(name)
        if final.exists():
            old = self.root / f".{name}.old"
            final.rename(old)
            new.rename(final)
            remove(old)
        else:
            new.rename(final)

    def take_over(self, name: str, other: "Run") -> None:
        """Take over a table or a small file of another run, its mark included, as links to the same files; nothing
        changes a file of a run once it is there. Where the other run has none, this one has none either."""
        source = other.path(name)
        if not source.exists():
            remove(self.path(name))
            return
        self.root.mkdir(parents=True, exist_ok=True)
        new = self.root / f".{name}.{uuid.uuid4().hex[:8]}"
        try:
            if source.is_dir():
                shutil.copytree(source, new, copy_function=link)
            else:
                link(source, new)
            self._put(name, new)
        finally:
            remove(new)

    def write(self, table: RunTable, frame: "DataFrame", shard: "Column | None" = None) -> None:
        """Write a table whole, and replace the one before. Columns are found by name and cast to the schema.

        shard: of each row; each shard then has a folder of its own. None: there are no shards. Raises DataError where
        the driver does not find every row that executors wrote.
        """
        from pyspark.sql import functions as F

        folders = [] if shard is None else [shard.alias(SHARD)]
        typed = frame.select(*(F.col(f.name).cast(f.type).alias(f.name) for f in table.fields), *folders)
        with self.replacing(table.name) as path:
            reads, by = table.name not in OF_SPARK, SHARD if folders else None
            write_counted(typed, path, table.sorted_by, folders_by=by, driver_reads=reads)

    def read(self, spark: "SparkSession", table: RunTable) -> "DataFrame":
        """Read a table of this run.

        Raises MissingStepError when the job that makes it has not run.
        """
        return parquet(spark, self.existing(table.name), table.ddl).select(*table.columns)

    def write_json(self, name: str, data: dict[str, Any]) -> None:
        """Write a small file of this run, whole or not at all."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in MADE_BY:
            data = {**data, MARK: self.new_mark(name)}
        with whole_file(path) as file:
            file.write((json.dumps(data, indent=2, sort_keys=True) + "\n").encode())

    def read_json(self, name: str, checked: bool = True) -> dict[str, Any]:
        """Read a small file of this run.

        checked: also that what it was made from still stands there. Raises MissingStepError when the job that makes it
        has not run, or has to run again.
        """
        path = self.existing(name) if checked or not self.path(name).exists() else self.path(name)
        data: dict[str, Any] = json.loads(path.read_text())
        data.pop(MARK, None)
        return data

    def write_day(self, day: Day) -> None:
        """Write `day`, before the items."""
        self.write_json("day.json", {"ages_from": day.isoformat()})

    @property
    def day(self) -> Day:
        """The day that ages count from: that of the run, or the day after the last event, where that is earlier.

        So nothing becomes older where nothing came in. That of the run where `ingest` was of an older Daybreak.
        """
        try:
            return date.fromisoformat(self.read_json("day.json", checked=False)["ages_from"])
        except MissingStepError:
            return self.date

    def newest(self) -> "Run":
        """The newest run beside this one that has receipts.

        Raises MissingStepError where there is none.
        """
        found = (path.parent.name for path in self.root.parent.glob("*/receipts"))
        dates = [name for name in found if NAME.fullmatch(name)]
        if not dates:
            raise MissingStepError(f"{self.root.parent}: no night ran yet: `daybreak run` starts one")
        return Run(self.root.parent / max(dates), date.fromisoformat(max(dates)))

    def largest(self) -> int:
        """Bytes of the largest of this run and those beside it; 0 where there is none."""
        return max((size(path) for path in self.root.parent.glob("[!.]*")), default=0)

    def receipts(self) -> list[dict[str, Any]]:
        """The receipts of the jobs of this run, in the order in which they ended."""
        files = self.path("receipts").glob("[!.]*.json")
        return sorted((json.loads(f.read_text()) for f in files), key=lambda r: r["ended"])
