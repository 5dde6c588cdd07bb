"""The log of patches in the tables of the night."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.stages.ingest import job as ingest
from jobs.stages.ingest.spark.patch_tables import tell_of_another
from lookup.patches import patch
from lookup.patches.patch_log import PatchLog, open_log
from tests.lookup.patched import absorbing
from tests.releases import make_release

NIGHT = date(2023, 12, 1)
ITEMS = """sku,name,price,stock,brand,weight,since
A1,Red mug,4.5,true,Acme,300,2023-11-30T10:00:00Z
A2,Blue mug,3.0,true,Acme,310,2023-11-30T10:00:00Z
A3,Scarf,9.0,false,,80,
"""
EVENTS = """{"user": "ann", "sku": "A1", "event": "purchase", "at": "2023-11-29T08:00:00Z", "paid": 4}
{"user": "ann", "sku": "A2", "event": "purchase", "at": "2023-11-30T08:00:00Z"}
{"user": "bob", "sku": "A1", "event": "view", "at": "2023-11-29T08:00:00Z"}
{"user": "bob", "sku": "A2", "event": "stare", "at": "2023-11-29T08:00:00Z"}
{"user": "bob", "sku": "A3", "event": "view", "at": "2023-11-30T20:00:00Z"}
"""
TOML = """
[items]
files = "items.csv"
item_id = "sku"
title = "name"
price = "price"
in_stock = "stock"
brand = "brand"
updated = "since"
[items.features]
weight = "double(weight)"
[[events]]
files = "events.jsonl"
user_id = "user"
item_id = "sku"
type = "event"
time = "at"
price = "paid"
[weights]
view = 0.1
purchase = 1.0
[quality]
max_bad_share = 1.0
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2023-{text}").replace(tzinfo=UTC)


def shop(folder: Path) -> tuple[Config, PatchLog]:
    (folder / "items.csv").write_text(ITEMS)
    (folder / "events.jsonl").write_text(EVENTS)
    (folder / "daybreak.toml").write_text(TOML)
    (folder / "releases").mkdir()
    config = load(folder / "daybreak.toml", NIGHT)
    return config, open_log(config.patches)


def table(config: Config, name: str) -> pl.DataFrame:
    return pl.read_parquet(f"{config.run.path(name)}/**/*.parquet")


def items(config: Config) -> dict[str, dict[str, Any]]:
    return {row["item_id"]: row for row in table(config, "items").iter_rows(named=True)}


def events(config: Config) -> list[tuple[str, str, str, str]]:
    ids = {row["item"]: row["item_id"] for row in items(config).values()}
    rows = table(config, "events").iter_rows(named=True)
    return sorted((r["user_id"], ids[r["item"]], r["type"], r["time"].isoformat()[5:19]) for r in rows)


def wrong(config: Config) -> dict[int, str]:
    rows = table(config, "quarantine").filter(pl.col("source") == "patches")
    assert set(rows["file"]) == {str(config.patches)}
    return dict(rows.select("row", "reason").iter_rows())


@pytest.fixture(scope="module")
def night(spark, tmp_path_factory):
    """A night that absorbs what is of before it; the numbers are positions."""
    config, log = shop(tmp_path_factory.mktemp("shop"))
    log.append(
        [
            patch.item("A1", {"price": 5.5, "brand": None, "weight": 333}, at=at("11-30T12:00")),  # 1
            patch.item("A2", {"price": 1.0}, at=at("11-30T09:00")),  # 2: the file is newer
            patch.item("A2", {"weight": "12d", "in_stock": False}, at=at("11-30T12:00")),  # 3
            patch.item("N1", {"title": "Lamp", "category": ["Home"], "price": 20}, at=at("11-30T12:00")),  # 4
            patch.item("N2", {"price": 1}, at=at("11-30T12:00")),  # 5: neither title nor text
            patch.item("A1", {"price": 0.5}, at=at("11-30T13:00"), until=at("12-05")),  # 6: ends by itself
            patch.event("ann", "A2", "purchase", at=at("11-30T08:00:00.250")),  # 7: the file's, to the second
            patch.event("ann", "N1", "purchase", value=2, at=at("11-30T14:00")),  # 8
            patch.event("ann", "A1", "lick", at=at("11-30T14:00")),  # 9
            patch.event("ann", "Z9", "view", at=at("11-30T14:00")),  # 10
            patch.event("cid", "A1", "view", at=at("11-30T14:00")),  # 11
            patch.forget("bob", at=at("11-30T15:00")),  # 12
            patch.item("A2", {"text": "as blue as can be"}, at=at("12-01T09:00")),  # 13: of a later day
            patch.event("ann", "A3", "view", at=at("11-30T16:00")),  # 14: so left to the next night
            patch.forget("cid", at=at("12-02")),  # 15: at once, all the same
        ]
    )
    return config, ingest.run(spark, config), log


def test_the_watermark_is_before_the_first_of_a_later_day(night):
    config, _, log = night
    said, known = config.run.read_json("patches.json"), log.identity()
    assert (said["position"], said["log"]["id"]) == (12, known.id)
    assert known.absorbed[said["log"]["mark"]].position == 12


def test_items_are_as_they_were_patched_where_the_file_is_older(night):
    config, _, _ = night
    found = items(config)
    assert (found["A1"]["price"], found["A1"]["brand"], found["A1"]["title"]) == (5.5, None, "Red mug")
    assert (found["A2"]["price"], found["A2"]["in_stock"]) == (3.0, False)
    assert found["A1"]["features"] == {"weight": "333.0"}
    assert found["A2"]["features"] == {"weight": "310.0"}  # "12d" is no number, whatever Java says
    assert found["A2"]["text"] == "Blue mug. Acme"


def test_an_added_item_is_an_item_and_an_unknown_one_is_told(night):
    config, _, _ = night
    found = items(config)
    assert set(found) == {"A1", "A2", "A3", "N1"}
    assert {name: found["N1"][name] for name in ("title", "category", "price", "in_stock", "text", "events")} == {
        "title": "Lamp",
        "category": ["Home"],
        "price": 20.0,
        "in_stock": True,
        "text": "Lamp. Home",
        "events": 1,
    }
    assert sorted(row["item"] for row in found.values()) == [0, 1, 2, 3]


def test_events_join_those_of_the_files_and_count_once(night):
    config, counts, _ = night
    assert events(config) == [
        ("ann", "A1", "purchase", "11-29T08:00:00"),
        ("ann", "A2", "purchase", "11-30T08:00:00"),
        ("ann", "N1", "purchase", "11-30T14:00:00"),
        ("bob", "A3", "view", "11-30T20:00:00"),
    ]
    row = table(config, "events").filter(pl.col("value") == 2.0)
    assert row["weight"].to_list() == [1.0]
    assert counts["forgotten_users"] == 2


def test_what_is_wrong_in_the_log_is_in_quarantine_with_its_position(night):
    config, _, _ = night
    assert wrong(config) == {
        3: "feature weight is not a number",
        5: "item_id is not among the items, and neither title nor text was said of it",
        9: "type is not one of [weights]",
        10: "item_id is not among the items",
    }
    left = table(config, "quarantine").filter(pl.col("source") != "patches")
    assert left.height == 0  # the bad row of a forgotten user is forgotten, too


def test_the_next_night_has_the_rest(spark, night):
    config, _, _ = night
    later = load(config.base / "daybreak.toml", date(2023, 12, 2))
    ingest.run(spark, later)
    assert later.run.read_json("patches.json")["position"] == 15
    assert set(events(later)) - set(events(config)) == {("ann", "A3", "view", "11-30T16:00:00")}
    assert items(later)["A2"]["text"] == "Blue mug. Acme. as blue as can be"


def test_without_a_column_the_files_own_time_decides(spark, tmp_path):
    config, log = shop(tmp_path)
    toml = tmp_path / "daybreak.toml"
    toml.write_text(toml.read_text().replace('updated = "since"\n', ""))
    os.utime(tmp_path / "items.csv", (at("11-20").timestamp(),) * 2)
    old, new = at("11-19"), at("11-21")
    log.append([patch.item("A1", {"price": 7}, at=new), patch.item("A2", {"price": 7}, at=old)])
    ingest.run(spark, load(toml, NIGHT))
    assert {name: row["price"] for name, row in items(config).items()} == {"A1": 7.0, "A2": 3.0, "A3": 9.0}


def test_no_log_is_no_patch(spark, tmp_path):
    config, log = shop(tmp_path)
    ingest.run(spark, config)
    assert config.run.read_json("patches.json") == {"position": 0}
    assert not Path(log.where).exists()
    assert len(events(config)) == 4


def test_a_log_that_is_not_the_one_the_release_in_place_knows_is_told(tmp_path, capsys):
    release = tmp_path / "releases" / make_release(tmp_path)
    absorbing(release, 3, {"id": "another", "mark": "m"})
    log = open_log(tmp_path / "releases")
    tell_of_another(log, tmp_path / "releases")
    assert "the log is gone or empty, but release" in capsys.readouterr().out
    log.append([patch.item("A1", {"price": 5.5})])
    tell_of_another(log, tmp_path / "releases")
    assert "it is another log than the night's" in capsys.readouterr().out
    absorbing(release, 1, {"id": log.identity().id, "mark": log.absorb(1)})
    tell_of_another(log, tmp_path / "releases")
    assert not capsys.readouterr().out
