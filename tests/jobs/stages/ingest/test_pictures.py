"""Pictures in the shop's files: addresses stay as they are, bytes give way to their digest."""

import hashlib
from datetime import date

import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.infra.tables import ITEMS, PICTURES
from jobs.stages.ingest import job as ingest
from tests.pictures import picture

TOML = """
[items]
files = "items.parquet"
item_id = "sku"
title = "name"
image = "photo"
[images]
max_bytes = 900
[[events]]
files = "events.csv"
user_id = "u"
item_id = "i"
time = "t"
"""
RED, BLUE = picture((250, 0, 0)), picture((0, 0, 250), kind="JPEG")
LARGE = RED + bytes(1000)
PHOTOS = [RED, BLUE, RED, None, b"", LARGE, b"https://a.test/b c.jpg", b"pictures/x.png"]


@pytest.fixture
def config(tmp_path) -> Config:
    rows = {"sku": [f"s{n}" for n in range(len(PHOTOS))], "name": ["thing"] * len(PHOTOS), "photo": PHOTOS}
    pl.DataFrame(rows, schema_overrides={"photo": pl.Binary}).write_parquet(tmp_path / "items.parquet")
    (tmp_path / "events.csv").write_text("u,i,t\nann,s0,2026-03-01T10:00:00\n")
    (tmp_path / "daybreak.toml").write_text(TOML)
    return load(tmp_path / "daybreak.toml", date(2026, 3, 2))


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_bytes_go_to_a_table_of_their_own(spark, config):
    ingest.run(spark, config)
    found = {row["item_id"]: row["image"] for row in config.run.read(spark, ITEMS).collect()}
    wanted = [
        digest(RED),
        digest(BLUE),
        digest(RED),
        None,
        None,
        digest(LARGE),
        "https://a.test/b c.jpg",
        "pictures/x.png",
    ]
    assert found == {f"s{n}": address for n, address in enumerate(wanted)}
    rows = [(row["picture"], row["bytes"]) for row in config.run.read(spark, PICTURES).collect()]
    assert sorted(rows) == sorted([(digest(RED), RED), (digest(BLUE), BLUE), (digest(LARGE), None)])
