"""What tests of the jobs share: storage that is no folder of this machine's, a mount table of Hadoop's ViewFs."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.infra.storage.hadoop import Hadoop
from jobs.infra.storage.storage import LOCAL, URL, Storage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def storage(spark: "SparkSession", tmp_path: Path) -> Iterator[Storage]:
    """The storage of the session's work folder, which is `driver/` of the test's folder; its files are in `stored/`."""
    table = f"t{uuid.uuid4().hex[:8]}"
    (tmp_path / "stored").mkdir()
    spark.sparkContext._jsc.hadoopConfiguration().set(
        f"fs.viewfs.mounttable.{table}.link./mnt", (tmp_path / "stored").as_uri()
    )
    found = Storage(tmp_path / "driver", f"viewfs://{table}/mnt/shop", Hadoop.of(spark))
    spark.conf.set(URL, found.url)
    spark.conf.set(LOCAL, str(found.local))
    yield found
    spark.conf.unset(URL)
    spark.conf.unset(LOCAL)
