"""The shop's files on storage, and those of a driver whose folders the executors do not see."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.config.shop import ItemsConfig
from jobs.errors import ConfigError
from jobs.infra.storage.storage import Storage
from jobs.stages.ingest.spark.shop_files import FILE, UPDATED, copies, file_name, read
from tests.jobs.small_run import config
from tests.jobs.stages.ingest.reading.test_shop_files import CSV, parquet, records, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def shop(storage: Storage, tmp_path: Path) -> Path:
    """Files of every kind, of which `storage` is the URL of the same folder."""
    shop = tmp_path / "stored" / "shop" / "files"
    for day in ("day=2026-01-05", "day=2026-01-06"):
        parquet(shop / "orders" / day / "part-0.parquet", {"sku": ["A1", "A2"], "n": [1, 2]})
        write(shop / "texts" / day / "a b.csv", CSV)
    write(shop / "orders" / ".hidden" / "part-0.parquet", b"no parquet")
    write(shop / "orders" / "_temporary" / "part-0.parquet", b"no parquet")
    write(shop / "old.csv", "sku,name\nA1,Caf\xe9\n".encode("cp1252"))
    write(shop / "broken.csv", b"sku,name\nA1,\xff\xfe\xfa\n")
    write(shop / "lines.jsonl", '{"sku": "A1"}\n{"sku": "A2"}\n')
    write(shop / "some" / "array.json", '[{"sku": "A1"}, {"sku": "A2"}]')
    return shop


@pytest.mark.parametrize(
    "files",
    [
        "orders",
        "orders/*/*.parquet",
        "texts",
        "texts/day=2026-01-05",
        "lines.jsonl",
        "some/array.json",
        "texts/*/a*.csv",
    ],
)
def test_files_on_storage_are_read_as_those_of_a_folder(
    spark: "SparkSession", storage: Storage, shop: Path, tmp_path: Path, files: str
) -> None:
    found = records(spark, tmp_path, storage.at(f"files/{files}"))
    assert found == records(spark, shop, files)
    assert len(found) >= 2
    assert not list((tmp_path / "stored").rglob("shop_files"))  # nothing stays of what was lent


def test_a_text_in_another_encoding_is_copied_and_a_wrong_one_is_named(
    spark: "SparkSession", storage: Storage, shop: Path, tmp_path: Path
) -> None:
    assert records(spark, tmp_path, storage.at("files/old.csv"), "cp1252") == [("A1", "Café")]
    with pytest.raises(ConfigError, match=r"broken.csv: is not text in UTF-8"):
        records(spark, tmp_path, storage.at("files/broken.csv"))
    with pytest.raises(ConfigError, match=r"files/none\*.csv: no such file"):
        records(spark, tmp_path, storage.at("files/none*.csv"))
    with pytest.raises(ConfigError, match=r"s3a://bucket/orders: Spark has no file system for s3a://"):
        records(spark, tmp_path, "s3a://bucket/orders")
    write(shop / "cut" / "a.parquet", b"PAR1 and no end")
    with pytest.raises(ConfigError, match=r"viewfs://.*a.parquet: not readable as Parquet"):
        records(spark, tmp_path, storage.at("files/cut"))


@pytest.mark.parametrize(
    ("url", "name"), [(True, "texts/day=2026-01-05/a b.csv"), (False, "a.csv"), (False, "o.parquet")]
)
def test_a_row_says_where_it_stands_and_since_when(
    spark: "SparkSession", storage: Storage, shop: Path, tmp_path: Path, *, url: bool, name: str
) -> None:
    """A file of the driver goes to storage, where its copy is younger."""
    path = (shop if url else tmp_path) / name
    if not url:
        write(path, CSV) if name.endswith("csv") else parquet(path, {"sku": ["A1", "A2"]})
    os.utime(path, (1e9, 1e9))
    made, named = config(tmp_path), storage.at(f"files/{name}") if url else name
    with copies(spark, made.run):
        frame = read(spark, ItemsConfig(files=named, item_id="sku"), made)
        found = frame.select(file_name(frame[FILE]), "sku", UPDATED).collect()
    assert sorted(map(tuple, found)) == [
        (named if url else str(path), sku, datetime(2001, 9, 9, 1, 46, 40)) for sku in ("A1", "A2")
    ]
