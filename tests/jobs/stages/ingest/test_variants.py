"""Groups of variants: read as ids, guessed where the shop wants it, and left out where they are none."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from jobs.config.loader import load
from jobs.infra.item_groups import item_groups
from jobs.stages.ingest import job as ingest
from jobs.stages.ingest.spark.meaning import variants

HEAD = """[[events]]
files = "orders.csv"
user_id = "who"
item_id = "id"
time = "at"
[quality]
max_bad_share = 1.0
[items]
files = "items.jsonl"
item_id = "id"
title = "name"
brand = "brand"
category = "kind"
"""
NAMED = "id string, group string, title string, brand string, category array<string>"


def night(spark, folder, rows, lines):
    pl.DataFrame(rows).write_ndjson(folder / "items.jsonl")
    (folder / "orders.csv").write_text(f"who,id,at\nu1,{rows[0]['id']},2026-01-10 10:00:00\n")
    (folder / "daybreak.toml").write_text(HEAD + lines)
    config = load(folder / "daybreak.toml", date(2026, 1, 12))
    found = ingest.run(spark, config)
    items = pl.read_parquet(f"{config.run.path('items')}/*.parquet").sort("item")
    return config, found, dict(items.select("item_id", "group").iter_rows())


def item(name, group, title="Shirt", brand="Acme", kind="Clothes"):
    return {"id": name, "parent": group, "name": title, "brand": brand, "kind": kind}


def test_a_group_is_an_id(spark, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(variants, "MOST_VARIANTS", 5)
    rows = [
        item("A1", " P1 "),
        item("A2", "P1"),
        item("A3", "12.0"),
        item("A4", "12"),
        item("A5", ""),
        item("A6", None),
    ]
    rows += [item("A7", "x" * 1001), item("A8", "A8"), item("A9", "Müller\t1"), item("P1", None), item("A1", None)]
    rows += [item(f"B{n}", "all of them") for n in range(6)]
    config, found, groups = night(spark, tmp_path, rows, 'group = "parent"')
    assert groups == {
        **{"A1": "P1", "A2": "P1", "A3": "12", "A4": "12", "A5": None, "A6": None, "A8": "A8", "A9": "Müller\t1"},
        **{"P1": None, **{f"B{n}": None for n in range(6)}},
    }
    assert (found["groups"], found["variants"]) == (2, 4)
    bad = pl.read_parquet(f"{config.run.path('quarantine')}/*.parquet")
    assert bad["reason"].to_list() == ["group has more than 1000 characters"]
    said = capsys.readouterr().out
    assert "1 groups have more than 5 items, such as 'all of them' (6 items)" in said
    assert "such as 'P1': if they are the parents of these, items.group = " in said
    read = item_groups(config.run)
    assert read.names == ["12", "A8", "Müller\t1", "P1"]
    assert np.unique(read.codes, return_counts=True)[1].tolist() == [9, 2, 1, 1, 2]


def test_parents_and_their_variants_by_an_expression(spark, tmp_path, capsys):
    rows = [item("A1", "P1"), item("A2", "P1"), item("P1", None), item("B1", None)]
    _, found, groups = night(spark, tmp_path, rows, 'group = "coalesce(parent, id)"')
    assert groups == {"A1": "P1", "A2": "P1", "P1": "P1", "B1": "B1"}
    assert (found["groups"], found["variants"]) == (1, 3)
    assert "warning" not in capsys.readouterr().out


def test_a_guess_needs_title_brand_and_category(spark):
    rows = [
        ("A1", None, "Shirt, blue", "Acme", ["Clothes", "Shirts"]),
        ("A2", None, "shirt  BLUE!", "ACME", ["Sale", "Shirts"]),
        ("A3", None, "Shirt red", "Acme", ["Clothes", "Shirts"]),
        ("A4", None, "Shirt blue", "Nordic", ["Clothes", "Shirts"]),
        ("A5", None, "Shirt blue", "Acme", ["Clothes", "Tops"]),
        ("A6", None, "Shirt blue", None, ["Clothes", "Shirts"]),
        ("A7", None, "Shirt blue", None, ["Clothes", "Shirts"]),
        ("A8", None, "Shirt blue", "Acme", []),
        ("A9", "stated", "Shirt blue", "Acme", ["Clothes", "Shirts"]),
        ("B1", None, "—", "Acme", ["Clothes", "Shirts"]),
        ("B2", None, "…", "Acme", ["Clothes", "Shirts"]),
        ("C1", None, "青い シャツ", "Ünder", ["服"]),
        ("C2", None, "青い・シャツ", "ünder", ["服"]),
    ]
    items = spark.createDataFrame(rows, NAMED.replace("id string", "item_id string"))
    found = dict(variants.with_guesses(items).select("item_id", "group").collect())
    guessed = {name: group for name, group in found.items() if group is not None}
    assert guessed == {"A1": "=A1", "A2": "=A1", "A9": "stated", "C1": "=C1", "C2": "=C1"}


@pytest.mark.parametrize("group", [3, 4])
def test_groups_of_one_item_are_told(spark, capsys, group):
    rows = [(f"A{n}", f"g{n % group}") for n in range(4)]
    found = variants.tell_groups(spark.createDataFrame(rows, "item_id string, group string"))
    assert found == ({"groups": 1, "variants": 2} if group == 3 else {"groups": 0, "variants": 0})
    assert ("no two items have one group" in capsys.readouterr().out) == (group == 4)
