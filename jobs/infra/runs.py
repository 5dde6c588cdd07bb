"""The folder of a run: its tables, each written whole or not at all, and the receipts of its jobs.

<work>/runs/<date>/<table>/     Parquet
<work>/runs/<date>/receipts/    a JSON file for each job: rows, seconds, peak memory
<work>/models/<model id>/       a model of `train`; the jobs use the newest readable one
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import MissingStepError
from jobs.infra.tables import RunTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MADE_BY = {
    "receipts": "ingest",
    "items": "ingest",
    "events": "ingest",
    "features.json": "ingest",
    "patches.json": "ingest",
    "quarantine": "ingest",
    "shown": "ingest",
    "visits": "ingest",
    "impressions": "train_ranker",
    "sequences": "train",
    "text_vectors": "embed_items",
    "vectors": "embed_items",
    "item_vectors": "embed_items",
    "user_vectors": "embed_users",
    "user_topk": "topk",
    "user_because": "topk",
    "user_again": "topk",
    "item_topk": "topk",
    "popular": "topk",
    "popularity": "topk",
    "metrics.json": "evaluate",
    "evaluation": "evaluate",
    "release.json": "build",
    "validation.json": "validate",
}
"""The job that makes a table or file of a run, for the message where it is missing."""


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

        Raises MissingStepError, naming the job to run, where it does not exist.
        """
        path = self.path(name)
        if not path.exists():
            raise MissingStepError(
                f"{path} is missing: run `daybreak job {MADE_BY.get(name, 'ingest')} --date {self.date}` first"
            )
        return path

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
            if final.exists():
                old = self.root / f".{name}.old"
                final.rename(old)
                new.rename(final)
                remove(old)
            else:
                new.rename(final)
        finally:
            remove(new)

    def write(self, table: RunTable, frame: "DataFrame") -> None:
        """Write a table whole, and replace the one before. Columns are found by name and cast to the schema."""
        from pyspark.sql import functions as F

        typed = frame.select(*(F.col(f.name).cast(f.type).alias(f.name) for f in table.fields))
        if table.partition:  # one file for each partition, not one for each partition and task
            writer = typed.repartition(table.partition).write.partitionBy(table.partition)
        else:
            writer = typed.write
        with self.replacing(table.name) as path:
            writer.parquet(path.as_uri())

    def read(self, spark: "SparkSession", table: RunTable) -> "DataFrame":
        """Read a table of this run.

        Raises MissingStepError when the job that makes it has not run.
        """
        return spark.read.schema(table.ddl).parquet(self.existing(table.name).as_uri()).select(*table.columns)

    def write_json(self, name: str, data: dict[str, Any]) -> None:
        """Write a small file of this run, whole or not at all."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        new.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")
        os.replace(new, path)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a small file of this run.

        Raises MissingStepError when the job that makes it has not run.
        """
        data: dict[str, Any] = json.loads(self.existing(name).read_text())
        return data

    def receipts(self) -> list[dict[str, Any]]:
        """The receipts of the jobs of this run, in the order in which they ended."""
        files = self.path("receipts").glob("[!.]*.json")
        return sorted((json.loads(f.read_text()) for f in files), key=lambda r: r["ended"])


def remove(path: Path) -> None:
    """Remove a file or a folder, whether it exists or not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
