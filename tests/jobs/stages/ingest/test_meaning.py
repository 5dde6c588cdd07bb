"""What the rows of a shop mean: items in several rows, returns, guests, types without a weight, articles of service."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.config.loader import load
from jobs.config.service_articles import Suspect
from jobs.errors import ConfigError, DataError
from jobs.infra.tables import GUEST_PREFIX
from jobs.stages.ingest import job as ingest
from jobs.stages.ingest.spark.meaning.returns import RETURNED, undo
from jobs.stages.ingest.spark.meaning.services import tell_suspects

ITEMS = """id,name,kind,price,seen,colour,unit
A1,Mug,,3.5,2026-01-01,red,
A1,Mug,,3.5,2026-01-01,red,
A1,Mug (new),Home > Mugs,,2026-01-05,,
A1,,,4.5,2026-01-03,blue,
A2,Bowl,Home,9,2026-01-02,,
A2,Bowl,Home,9,2026-01-02,,
A3,Cup,Home,x,2026-01-02,,
P1,Postage,,5,2026-01-02,,service
F1,Handling fee,,2,2026-01-02,,
"""
ORDERS = """number,who,id,what,n,at,paid
1,u1,A1,purchase,3,2026-01-10 10:00:00,4
1,u1,P1,purchase,1,2026-01-10 10:00:00,7
2,u1,A1,purchase,-1,2026-01-12 10:00:00,4
3,u2,A1,purchase,2,2026-01-10 10:00:00,4
4,u2,A1,purchase,-2,2026-01-11 10:00:00,-4
5,,A2,purchase,1,2026-01-10 10:00:00,9
5,,A2,purchase,1,2026-01-10 10:00:00,9
,,A2,purchase,1,2026-01-10 11:00:00,9
6,u3,A2,rent,1,2026-01-10 10:00:00,9
7,u3,A2,lend,1,2026-01-10 10:00:00,9
8,u3,A2,rent,1,2026-01-11 10:00:00,9
9,u4,A2,purchase,1,2026-01-10 10:00:00,0
10,u4,A9,purchase,1,2026-01-10 10:00:00,1
11,u5,F1,purchase,1,2026-01-10 10:00:00,2
"""
TOML = """
[items]
files = "items.csv"
item_id = "id"
title = "name"
category = "kind"
price = "price"
updated = "seen"
features = {{ colour = "colour" }}
where = "unit IS NULL OR unit <> 'service'"
[[events]]
files = "orders.csv"
user_id = "who"
item_id = "id"
type = "what"
time = "at"
value = "n"
price = "paid"
order = "number"
guests = "{guests}"
where = "paid <> 0"
[quality]
max_bad_share = {share}
"""


def shop(folder: Path, guests: str = "basket", share: float = 1.0) -> Path:
    (folder / "items.csv").write_text(ITEMS)
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "daybreak.toml").write_text(TOML.format(guests=guests, share=share))
    return folder / "daybreak.toml"


def table(config, name: str) -> pl.DataFrame:
    return pl.read_parquet(f"{config.run.path(name)}/**/*.parquet")


@pytest.fixture(scope="module")
def done(spark, tmp_path_factory):
    config = load(shop(tmp_path_factory.mktemp("rows")), date(2026, 2, 1))
    return config, ingest.run(spark, config)


def test_rows_of_one_item_are_one_item_with_the_last_known_value_of_each_field(done):
    config, counts = done
    items = {row["item_id"]: row for row in table(config, "items").iter_rows(named=True)}
    assert items.keys() == {"A1", "A2", "F1"}
    assert (items["A1"]["title"], items["A1"]["category"], items["A1"]["price"]) == ("Mug (new)", ["Home", "Mugs"], 4.5)
    assert dict(items["A1"]["features"]) == {"colour": "blue"}
    assert counts["contradictions"] == 1  # of A1; the rows of A2 say the same
    assert counts["items"] == 3


def test_rows_that_are_no_faults_are_counted_and_not_in_quarantine(done):
    config, counts = done
    found = table(config, "quarantine").group_by("source", "reason").len().rows()
    assert {(source, reason): n for source, reason, n in found} == {
        ("items", "price is not a number"): 1,
        ("events", "user_id and order are missing"): 1,
        ("events", "type is not one of [weights]"): 3,
        ("events", "the same event stands in an earlier row"): 1,
        ("events", "item_id is not among the items"): 1,
    }
    assert (counts["left_out"], counts["left_out_with_items"]) == (1, 1)
    assert counts["types_without_weight"] == {"rent": 2, "lend": 1}


def test_a_return_undoes_a_purchase_and_leaves_the_other_pieces(done):
    config, counts = done
    events = table(config, "events").select("user_id", "value").sort("user_id").rows()
    assert events == [(f"{GUEST_PREFIX}5", 1.0), ("u1", 2.0), ("u5", 1.0)]
    assert (counts["returns"], counts["undone_events"], counts["guest_events"]) == (2, 1, 1)


def test_items_that_look_like_no_product_are_named_with_the_line_that_leaves_them_out(done, capsys):
    config, counts = done
    assert counts["suspect_items"] == {"F1": ["it is called 'handling fee'"]}
    tell_suspects([Suspect("F1", "Handling fee", ("it is a fee",), clear=True)], config)
    line = capsys.readouterr().out.splitlines()[-1]
    assert "[items] where = \\\"(unit IS NULL OR unit <> 'service') AND trim(id) NOT IN ('F1')\\\"" in line


def test_too_many_bad_rows_name_guests_and_types(spark, tmp_path):
    config = load(shop(tmp_path, "bad", share=0.2), date(2026, 2, 1))
    with pytest.raises(DataError) as raised:
        ingest.run(spark, config)
    assert "user_id is missing: 3" in str(raised.value)
    assert "type is not one of [weights] ('rent' 2, 'lend' 1): 3" in str(raised.value)
    assert 'Rows without a user may be guests: guests = "drop"' in str(raised.value)


def test_a_condition_must_be_one(spark, tmp_path):
    path = shop(tmp_path)
    path.write_text(path.read_text().replace("paid <> 0", "paid"))
    with pytest.raises(ConfigError, match=r"events.where = 'paid' gives a string for each row; expected a condition"):
        ingest.run(spark, load(path, date(2026, 2, 1)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('order = "number"\n', r"events\[0\].guests must be .* beside order, .* not 'basket'"),
        ('type = "what"\n', r"weights must be a table with every type .* click has no weight"),
    ],
)
def test_settings_that_cannot_be_meant_are_found_when_the_file_is_read(tmp_path, line, message):
    path = shop(tmp_path)
    path.write_text(path.read_text().replace(line, "type = \"'click'\"\n" if "type" in line else ""))
    with pytest.raises(ConfigError, match=message):
        load(path, date(2026, 2, 1))


def test_returns_undo_the_newest_events_before_them(spark):
    """The windows of Spark give what a pile of pieces gives."""
    rng = np.random.default_rng(3)
    start, rows, wanted = datetime(2026, 1, 1), [], []
    for group in range(40):
        pile: list[list] = []
        for hour in range(int(rng.integers(1, 12))):
            time, pieces = start + timedelta(hours=hour), int(rng.integers(1, 5))
            back = bool(rng.random() < 0.4)
            value = None if not back and pieces == 1 else float(-pieces if back else pieces)
            rows.append((f"u{group % 7}", f"i{group}", "purchase", time, value, back))
            if not back:
                pile.append([time, pieces, value])
                continue
            for one in reversed(pile):
                taken = min(one[1], pieces)
                one[1] -= taken
                pieces -= taken
                if taken:
                    one[2] = float(one[1])
        wanted += [(f"i{group}", time, value) for time, left, value in pile if left]
    frame = spark.createDataFrame(
        rows, f"user_id string, item_id string, type string, time timestamp, value double, {RETURNED} boolean"
    )
    found = [(row["item_id"], row["time"], row["value"]) for row in undo(frame).collect()]
    assert sorted(found, key=str) == sorted(wanted, key=str)
    assert len(wanted) > 50
