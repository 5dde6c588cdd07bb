"""When the shop's data are too bad for a night, and what the error says then."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.stages.ingest.quality import check_recent, check_shares, warn_of_items
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=20, users=4)
BAD = {("events", "time is missing"): 3, ("events", "type is missing"): 2, ("items", "item_id is missing"): 1}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_at(tmp_path)
    return replace(config, quality=replace(config.quality, max_bad_share=0.05))


def test_as_many_bad_rows_as_are_allowed_pass(config: Config) -> None:
    check_shares({"items": 19, "events": 95}, BAD, config)


def test_one_more_is_an_error_with_every_reason(config: Config) -> None:
    with pytest.raises(DataError) as raised:
        check_shares({"items": 19, "events": 94}, BAD, config)
    message = str(raised.value)
    assert "5 of 99 rows of events are bad (5.1%; quality.max_bad_share allows 5.0%)" in message
    assert "time is missing: 3, type is missing: 2. Nothing was published." in message
    assert str(config.run.path("quarantine")) in message


def test_a_source_without_a_row_is_an_error_unless_it_is_optional(config: Config) -> None:
    check_shares({"items": 1, "events": 1, "visits": 0}, {}, config, optional=["visits"])
    with pytest.raises(DataError, match=f"no good row of visits before {config.date}; look at --date.* no rows, or"):
        check_shares({"items": 1, "events": 1, "visits": 0}, {}, config)
    with pytest.raises(DataError, match=r"Rows that are no faults: later_events: 3\.$"):
        check_shares({"items": 1, "events": 0}, {}, config, aside={"later_events": 3})


def test_the_last_event_must_leave_somebody_active(config: Config) -> None:
    last = config.date - timedelta(days=config.users.active_days)
    check_recent(last, config)
    with pytest.raises(DataError, match=f"it would be --date {last}"):
        check_recent(last - timedelta(days=1), config)


def test_items_for_which_validate_will_hold_the_night_are_told_before_anything_is_trained(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(config, 1, SIZES)
    config = replace(config, items=replace(config.items, price="price"))
    warn_of_items(config)
    assert capsys.readouterr().out == ""
    items = config.run.path("items")
    table = pl.read_parquet(f"{items}/*.parquet").with_columns(
        in_stock=pl.lit(value=False), price=pl.lit(0.0), title=pl.lit(" ")
    )
    for file in items.glob("*.parquet"):
        file.unlink()
    table.write_parquet(items / "part-0.parquet")
    warn_of_items(config)
    said = capsys.readouterr().out
    assert "0.0% of the items have a known title; 50.0% or more expected" in said
    assert "0.0% of the items have a known price; 10.0% or more expected" in said
    assert f"0 of {SIZES.items} items are in stock; 1.0% or more expected" in said
