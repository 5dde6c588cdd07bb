"""A newcomer's shop, from `daybreak init` into the tables of the night."""

import json
from datetime import date

import polars as pl

from jobs.config.first.write import write_first_config
from jobs.config.loader import load
from jobs.infra.tables import GUEST_PREFIX
from jobs.stages.ingest import job as ingest
from tests.jobs import newcomer_shop
from tests.jobs.stages.ingest.test_meaning import table


def test_one_export_of_items_and_orders_goes_into_the_night_as_init_wrote_it(spark, tmp_path):
    newcomer_shop.make(tmp_path, 1500)
    said = write_first_config(tmp_path)
    day = date.fromisoformat(said.split("--date ")[1].split()[0])
    config = load(tmp_path / "daybreak.toml", day)
    counts = ingest.run(spark, config)
    lines = pl.read_parquet(tmp_path / "orders.parquet")
    items, events = table(config, "items"), table(config, "events")
    assert not set(items["item_id"]) & set(newcomer_shop.SERVICES)
    assert items["title"].str.contains("damaged|POSTAGE|Manual").sum() == 0
    assert items["title"].str.contains("OLD").sum() < 3  # the newest name counts
    assert set(items["item_id"]) <= set(lines["StockCode"])
    guests = events["user_id"].str.starts_with(GUEST_PREFIX)
    assert 0.15 < guests.mean() < 0.4
    assert events["user_id"].filter(~guests).str.contains(r"^\d+$").all()
    assert counts["returns"] > 5 < counts["undone_events"]
    assert counts["quarantined"] < 0.01 * lines.height
    assert counts["suspects"] == {}  # what looked like no product is left out already


def test_articles_of_service_are_named_with_the_line_that_leaves_them_out(spark, tmp_path, capsys):
    newcomer_shop.make(tmp_path, 600)
    write_first_config(tmp_path)
    path = tmp_path / "daybreak.toml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("where")))
    counts = ingest.run(spark, load(path, date(2025, 12, 10)))
    assert {"POST", "M"} <= counts["suspects"].keys() <= newcomer_shop.SERVICES.keys()
    told = [line for line in capsys.readouterr().out.splitlines() if "to_leave_them_out" in line]
    assert "trim(StockCode) NOT IN (" in told[0]
    json.dumps(counts)
