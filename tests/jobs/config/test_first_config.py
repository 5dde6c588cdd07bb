"""A first configuration from the files of a shop."""

import tomllib
from datetime import date

import polars as pl
import pytest

from jobs.config.first_config import write_first_config
from jobs.config.loader import load
from jobs.errors import ConfigError


def test_the_guess_is_a_configuration_that_loads(tmp_path):
    (tmp_path / "products.csv").write_text("SKU;Name;Category Path;Price\nA;Mug;Home > Mugs;4.5\n")
    (tmp_path / "clicks.jsonl").write_text('{"user": 1, "sku": "A", "event": "view", "ts": 1700000000}\n')
    pl.DataFrame({"customer_id": [1], "sku": ["A"], "order_date": ["2024-01-01"], "qty": [2]}).write_parquet(
        tmp_path / "orders.parquet"
    )
    said = write_first_config(tmp_path)
    assert f"daybreak run --config {tmp_path / 'daybreak.toml'}" in said
    config = load(tmp_path / "daybreak.toml", date(2024, 2, 1))
    assert (config.items.item_id, config.items.title, config.items.category) == ("SKU", "Name", "Category Path")
    clicks, orders = config.events
    assert (clicks.user_id, clicks.type, clicks.time, clicks.time_format) == ("user", "event", "ts", "seconds")
    assert (orders.user_id, orders.type, orders.time, orders.value) == (
        "customer_id",
        "'purchase'",
        "order_date",
        "qty",
    )
    assert config.weights == {"view": 0.1, "purchase": 1.0}


def test_columns_that_were_not_used_are_shown(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title,colour\n1,Mug,red\n")
    (tmp_path / "events.csv").write_text("user_id,item_id,time\n1,1,2024-01-01\n")
    write_first_config(tmp_path)
    text = (tmp_path / "daybreak.toml").read_text()
    assert "# not used: colour" in text
    assert tomllib.loads(text)["weights"] == {"purchase": 1.0}


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "daybreak.toml").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        write_first_config(tmp_path)
    assert (tmp_path / "daybreak.toml").read_text() == "mine"


def test_a_folder_without_events_says_what_was_seen(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title\n1,Mug\n")
    with pytest.raises(ConfigError, match=r"no file of events .*items.csv: item_id, title"):
        write_first_config(tmp_path)
