"""Files of a shop to tables: what is taken, what goes to quarantine and why."""

import gzip
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.errors import ConfigError, DataError
from jobs.stages.ingest import job as ingest

ITEMS = """sku;Name;Path;Price;Stock
A1;"Red
mug";Home > Mugs;4.50;yes
A2;Blue mug;Home > Mugs;-3;yes
A3;Tea, green;Food;x;no
A4;Tea;Food;2.20;perhaps
A5;Scarf;Clothes;;no
A5;Scarf again;Clothes;;no
;No id;Clothes;;no
A7;too;many;1;true;columns
"""
EVENTS = [
    '{"user": 1, "sku": "A1", "event": "view", "at": 1700000000}',
    '{"user": 1, "sku": "A5", "event": "purchase", "at": 1700000100, "paid": 9.5}',
    '{"user": 1, "sku": "A5", "event": "purchase", "at": 1700090100, "paid": 8.5}',
    "not json",
    '{"user": 2, "sku": "A1", "event": "stare", "at": 1700000000}',
    '{"user": 2, "sku": "A9", "event": "view", "at": 1700000000}',
    '{"user": 2, "sku": "A5", "event": "view", "at": 99999999999}',
    '{"sku": "A5", "event": "view", "at": 1700000000}',
    '{"user": 2, "sku": "A5", "event": "view", "at": "yesterday"}',
    '{"user": 1, "sku": "A1", "event": "view", "at": 1700000000}',
    '{"user": 3, "sku": "A1", "event": "view", "at": 1730000000}',
]
TOML = """
[items]
files = "items.csv"
item_id = "sku"
title = "Name"
category = "Path"
price = "Price"
in_stock = "Stock"
[[events]]
files = "log*.jsonl*"
user_id = "user"
item_id = "sku"
type = "event"
time = "at"
time_format = "seconds"
price = "paid"
[weights]
view = 0.1
purchase = 1.0
[quality]
max_bad_share = {share}
"""


def shop(folder: Path, share: float = 1.0) -> Config:
    (folder / "items.csv").write_text(ITEMS)
    (folder / "log-1.jsonl").write_text("\n".join(EVENTS[:6]) + "\n")
    with gzip.open(folder / "log-2.jsonl.gz", "wt") as out:
        out.write("\n".join(EVENTS[6:]) + "\n")
    (folder / "daybreak.toml").write_text(TOML.format(share=share))
    return load(folder / "daybreak.toml", date(2023, 12, 1))


def table(config: Config, name: str) -> pl.DataFrame:
    return pl.read_parquet(f"{config.run.path(name)}/**/*.parquet")


@pytest.fixture(scope="module")
def done(spark, tmp_path_factory):
    config = shop(tmp_path_factory.mktemp("shop"))
    return config, ingest.run(spark, config)


def test_the_good_rows_become_tables(done):
    config, counts = done
    items = table(config, "items").sort("item_id")
    assert items["item_id"].to_list() == ["A1", "A5"]
    assert sorted(items["item"].to_list()) == [0, 1]
    assert items["title"].to_list() == ["Red\nmug", "Scarf"]
    assert items["category"].to_list() == [["Home", "Mugs"], ["Clothes"]]
    assert items["in_stock"].to_list() == [True, False]
    assert items["events"].to_list() == [1, 2]
    assert items["text"][0] == "Red\nmug. Home, Mugs"
    events = table(config, "events")
    assert events.height == counts["events"] == 3
    assert sorted(events["weight"].to_list()) == pytest.approx([0.1, 1.0, 1.0])
    assert table(config, "searches").shape == (0, 9)  # the shop has no query log


def test_a_price_comes_from_the_file_and_else_from_the_last_event(done):
    config, _ = done
    assert dict(table(config, "items").select("item_id", "price").iter_rows()) == {"A1": 4.5, "A5": 8.5}


def test_every_bad_row_is_in_quarantine_with_its_place_and_reason(done):
    config, counts = done
    rows = table(config, "quarantine").with_columns(pl.col("file").str.split("/").list.last())
    found = {(r["file"], r["row"]): r["reason"] for r in rows.iter_rows(named=True)}
    assert found == {
        ("items.csv", 2): "price is below 0",
        ("items.csv", 3): "price is not a number",
        ("items.csv", 4): "in_stock is neither true nor false",
        ("items.csv", 7): "item_id is missing",
        ("items.csv", 8): "record is not readable",
        ("log-1.jsonl", 4): "record is not readable",
        ("log-1.jsonl", 5): "type is not one of [weights]",
        ("log-1.jsonl", 6): "item_id is not among the items",
        ("log-2.jsonl.gz", 1): "time is in the future",
        ("log-2.jsonl.gz", 2): "user_id is missing",
        ("log-2.jsonl.gz", 3): "time is not readable",
        ("log-2.jsonl.gz", 4): "the same event stands in an earlier row",
    }
    assert counts["quarantined"] == len(found)


def test_a_quarantined_row_keeps_what_stood_in_the_file(done):
    config, _ = done
    records = dict(table(config, "quarantine").select("reason", "record").iter_rows())
    assert json.loads(records["price is below 0"])["Name"] == "Blue mug"
    assert json.loads(records["time is not readable"])["at"] == "yesterday"
    assert "not json" in table(config, "quarantine")["record"].to_list()


def test_events_of_later_days_are_left_to_later_nights(done):
    _, counts = done
    assert counts["later_events"] == 1


def test_running_again_gives_the_same(spark, done):
    config, _ = done
    before = [table(config, name).sort(pl.all().exclude("category")) for name in ("items", "events", "quarantine")]
    ingest.run(spark, config)
    after = [table(config, name).sort(pl.all().exclude("category")) for name in ("items", "events", "quarantine")]
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))


def test_too_many_bad_rows_stop_the_night_and_leave_the_tables(spark, tmp_path):
    config = shop(tmp_path, share=0.2)
    with pytest.raises(DataError, match=r"5 of 8 rows of items are bad \(62.5%.*price is below 0: 1"):
        ingest.run(spark, config)
    assert config.run.path("quarantine").exists()
    assert not config.run.path("items").exists()


def test_a_night_before_all_events_says_so(spark, tmp_path):
    shop(tmp_path)
    config = load(tmp_path / "daybreak.toml", date(2001, 1, 1))
    with pytest.raises(DataError, match="no good row of events before 2001-01-01; look at --date"):
        ingest.run(spark, config)


def test_a_column_that_is_not_there_is_named_with_those_that_are(spark, tmp_path):
    shop(tmp_path)
    toml = tmp_path / "daybreak.toml"
    toml.write_text(toml.read_text().replace('title = "Name"', 'title = "Titel"'))
    with pytest.raises(ConfigError, match=r"items.title = 'Titel' is neither .* sku, Name, Path, Price, Stock"):
        ingest.run(spark, load(toml, date(2023, 12, 1)))


def test_a_missing_file_is_named(spark, tmp_path):
    shop(tmp_path)
    (tmp_path / "items.csv").unlink()
    with pytest.raises(ConfigError, match=r"items.csv: no such file \(looked for /"):
        ingest.run(spark, load(tmp_path / "daybreak.toml", date(2023, 12, 1)))


def test_csv_files_of_one_table_must_agree(spark, tmp_path):
    config = shop(tmp_path)
    (tmp_path / "more.csv").write_text("Name;sku\nx;B1\n")
    toml = tmp_path / "daybreak.toml"
    toml.write_text(toml.read_text().replace('files = "items.csv"', 'files = ["items.csv", "more.csv"]'))
    with pytest.raises(ConfigError, match=r"more.csv: its header differs from that of .*items.csv"):
        ingest.run(spark, load(toml, config.date))


def test_parquet_with_whole_number_ids_and_expressions(spark, tmp_path):
    pl.DataFrame({"id": [1.0, 2.0], "a": ["x", None], "b": ["y", "z"]}).write_parquet(tmp_path / "items.parquet")
    pl.DataFrame(
        {"who": [7, 7], "what": [1, 2], "on": [date(2023, 1, 1), date(2023, 1, 2)], "paid": [9.0, 4.0], "n": [3, 0]}
    ).with_columns(pl.col("on").cast(pl.Datetime("ns"))).write_parquet(tmp_path / "orders.parquet")
    (tmp_path / "daybreak.toml").write_text(
        '[items]\nfiles="items.parquet"\nitem_id="id"\ntitle=["a","b"]\ncategory=["a","b"]\n'
        '[[events]]\nfiles="orders.parquet"\nuser_id="who"\nitem_id="what"\ntime="on"\nprice="paid / n"\n'
    )
    config = load(tmp_path / "daybreak.toml", date(2023, 2, 1))
    ingest.run(spark, config)
    items = table(config, "items").sort("item_id")
    assert items["item_id"].to_list() == ["1", "2"]
    assert items["title"].to_list() == ["x y", "z"]
    assert items["category"].to_list() == [["x", "y"], ["z"]]
    days = [time.date() for time in table(config, "events")["time"]]
    assert sorted(days) == [date(2023, 1, 1), date(2023, 1, 2)]
    assert items["price"].to_list() == [3.0, None]  # four divided by none is no price


def test_a_night_long_after_the_last_event_names_the_date_that_is_meant(spark, tmp_path):
    shop(tmp_path)
    with pytest.raises(DataError, match=r"the last event is of 2024-10-27: on 2025-11-22 .* --date 2024-10-28$"):
        ingest.run(spark, load(tmp_path / "daybreak.toml", date(2025, 11, 22)))


def test_a_shop_that_begins_with_anothers_model_may_have_no_event(spark, tmp_path):
    shop(tmp_path)
    file = tmp_path / "daybreak.toml"
    file.write_text(f'preset = "sequence"\n{file.read_text()}\n[train]\nfrom = "other.model"\n')
    config = load(file, date(2001, 1, 1))
    assert config.train.start_from == "other.model"
    counts = ingest.run(spark, config)
    assert (counts["events"], table(config, "events").height) == (0, 0)
    assert counts["items"] == table(config, "items").height > 0
