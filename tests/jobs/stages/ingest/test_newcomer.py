"""A newcomer's shop, from `daybreak init` into the tables of the night."""

import json
from datetime import date

import polars as pl

from jobs.config.first.write import write_first_config
from jobs.config.loader import load
from jobs.infra.tables import GUEST_PREFIX
from jobs.stages.ingest import job as ingest
from jobs.stages.ingest.reasons import REPEATED
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
    assert set(table(config, "quarantine")["reason"]) == {REPEATED}
    json.dumps(counts)  # goes into the receipt
    assert counts["suspects"] == 0  # what looked like no product is left out already
