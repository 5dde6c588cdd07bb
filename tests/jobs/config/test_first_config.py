"""A first configuration from the files of a shop."""

import bz2
import gzip
import shutil
import tomllib
from datetime import date

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.config.first_config import ITEM_NAMES, write_first_config
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


def test_a_header_may_hold_line_breaks_and_quotes(tmp_path):
    (tmp_path / "items.csv").write_text('sku,"product\nname","a\tlist ""of"" \'things\'"\nA1,Mug,1\n')
    (tmp_path / "events.csv").write_text("user_id,sku,timestamp\n1,A1,2026-01-05\n")
    write_first_config(tmp_path)
    assert load(tmp_path / "daybreak.toml", date(2026, 2, 1)).items.title == "product\nname"
    assert r"""# not used: 'a\tlist "of" \'things\''""" in (tmp_path / "daybreak.toml").read_text()


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@settings(deadline=None)
@given(header=st.lists(NAMES, max_size=5, unique=True), kind=NAMES, folder=st.just("a shop"))
@example(header=["\r", "\x00\x1f", '"""', "# [x]", "ä\u2028"], kind='"\n', folder='"\\ [x]')
def test_the_file_is_toml_whatever_the_header_holds(tmp_path_factory, header, kind, folder):
    base = tmp_path_factory.getbasetemp() / "headers" / folder
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    rows = pl.DataFrame([["A1"], *[["x"]] * len(header)], schema=["sku", *(f"{name} " for name in header)])
    rows.write_parquet(base / "items.parquet")
    pl.DataFrame({"user_id": ["1"], "sku": ["A1"], "time": ["2026-01-05"], "type": [kind]}).write_parquet(
        base / "events.parquet"
    )
    write_first_config(base)
    config = load(base / "daybreak.toml", date(2026, 2, 1))
    assert (config.shop.name, list(config.weights)) == (folder, [kind])
    assert {getattr(config.items, key) for key in ITEM_NAMES} <= {None, *rows.columns}


@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".GZ", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_files_are_found(tmp_path, suffix, packed):
    (tmp_path / "items.csv").write_text("sku,name\nA1,Mug\n")
    (tmp_path / f"events.csv{suffix}").write_bytes(packed(b"user_id,sku,timestamp\n1,A1,1767607200000\n"))
    write_first_config(tmp_path)
    events = load(tmp_path / "daybreak.toml", date(2026, 2, 1)).events[0]
    assert (events.files, events.time, events.time_format) == (f"events.csv{suffix}", "timestamp", "milliseconds")


def test_a_quoted_text_at_the_end_of_the_sample_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.config.first_config.SAMPLE", 3)
    (tmp_path / "items.csv").write_text('sku,name,text\nA1,Mug,plain\nA2,Cup,"over\nthree\nlines"\nA3,Pot,plain\n')
    (tmp_path / "events.csv").write_text("user_id,sku,timestamp\n1,A1,2026-01-05\n")
    write_first_config(tmp_path)
    assert load(tmp_path / "daybreak.toml", date(2026, 2, 1)).items.description == "text"


def test_a_missing_time_is_left_to_the_person(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title\n1,Mug\n")
    (tmp_path / "events.csv").write_text("user_id,item_id,day\n1,1,2024-01-01\n")
    write_first_config(tmp_path)
    assert 'time = "" # no such column was found: name it' in (tmp_path / "daybreak.toml").read_text()
    with pytest.raises(ConfigError, match=r"events\[0\].time must be a text that is not empty, not ''"):
        load(tmp_path / "daybreak.toml", date(2024, 2, 1))
