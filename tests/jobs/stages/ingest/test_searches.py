"""The query log: which rows count, which are one search, and what goes to quarantine."""

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.errors import DataError
from jobs.infra.tables import GUEST_PREFIX
from jobs.stages.ingest import job as ingest
from jobs.stages.ingest.quality import check_shares
from jobs.stages.ingest.spark.searches import map_searches
from lookup.patches import patch
from lookup.patches.patch_log import open_log

ITEMS = "sku,name\nA1,Red mug\nA2,Blue mug\nP,Postage\n"
EVENTS = "who,sku,at\nu1,A1,2026-02-11 10:00:00\n"
LOG = """search,who,cookie,words,at,sku,what,place,found
s1,u1,,red mug,2026-02-09 10:00:00,,,,2
s1,u1,,red mug,2026-02-09 10:00:05,A1,click,1,2
s1,u1,,red mug,2026-02-09 10:00:05,A1,click,1,2
s2,,c7,  Red\tmug ,2026-02-09 11:00:00,A2,purchase,2,2
s3,,,blue%20mug,2026-02-09 12:00:00,A1,shown,1,
s4,gone,,my secret,2026-02-09 12:00:00,A1,click,1,
s4,gone,,,2026-02-09 12:00:00,,,,
s5,u1,,mug,2026-02-13 12:00:00,,,,1
s6,u1,,mug,2025-01-01 12:00:00,,,,1
s7,u1,,test,2026-02-09 12:00:00,,,,0
s8,u1,,postage,2026-02-09 12:00:00,P,click,1,1
b1,u1,," \t",2026-02-09 12:00:00,,,,
b2,u1,,LONG,2026-02-09 12:00:00,,,,
b3,u1,,mug,,,,,
b4,u1,,mug,soon,,,,
b5,u1,,mug,2100-01-01 00:00:00,,,,
b6,u1,,mug,2026-02-09 12:00:00,A1,click,0,
b7,u1,,mug,2026-02-09 12:00:00,A1,click,1.5,
b8,u1,,mug,2026-02-09 12:00:00,A1,click,1e99,
b9,u1,,mug,2026-02-09 12:00:00,A1,click,1,-1
b10,u1,,mug,2026-02-09 12:00:00,A1,clicked,1,1
b11,u1,,mug,2026-02-09 12:00:00,A1,,1,1
b12,u1,,mug,2026-02-09 12:00:00,A9,click,1,1
b13,u1,,mug,2026-02-09 12:00:00,A1,click,first,1
"""
CLICKS = """{"q": ["blue", "mug"], "ms": 1770638400000, "sku": "A2"}
{"q": ["blue", "mug"], "ms": 1770638400000, "sku": "A1"}
"""
TOML = """
[items]
files = "items.csv"
item_id = "sku"
title = "name"
where = "name <> 'Postage'"
[[events]]
files = "events.csv"
user_id = "who"
item_id = "sku"
time = "at"
[[searches]]
files = "log.csv"
search_id = "search"
user_id = "who"
session = "cookie"
query = "words"
time = "at"
item_id = "sku"
type = "what"
position = "place"
results = "found"
where = "coalesce(words, '') <> 'test'"
[[searches]]
files = "clicks.jsonl"
query = "q"
time = "ms"
time_format = "milliseconds"
item_id = "sku"
[search]
days = 30
synonyms = "synonyms.txt"
[quality]
max_bad_share = 0.9
"""


def config(folder: Path, text: str = TOML) -> Config:
    (folder / "items.csv").write_text(ITEMS)
    (folder / "events.csv").write_text(EVENTS)
    (folder / "log.csv").write_text(LOG.replace("LONG", 1001 * "x"))
    (folder / "clicks.jsonl").write_text(CLICKS)
    (folder / "synonyms.txt").write_text("# of ours\n\nmug, cup\n")
    (folder / "daybreak.toml").write_text(text)
    (folder / "releases").mkdir()
    return load(folder / "daybreak.toml", date(2026, 2, 12))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def table(made: Config, name: str) -> pl.DataFrame:
    return pl.read_parquet(f"{made.run.path(name)}/*.parquet").with_columns(
        pl.col(pl.Datetime).dt.replace_time_zone("UTC")
    )


@pytest.fixture(scope="module")
def done(spark, tmp_path_factory):
    made = config(tmp_path_factory.mktemp("shop"))
    with closing(open_log(made.patches)) as log:
        log.append([patch.forget("gone", at=at("2026-02-11 00:00"))])
    return made, ingest.run(spark, made)


def test_the_searches_of_the_last_days(done):
    made, counts = done
    ids = dict(table(made, "items").select("item", "item_id").iter_rows())
    rows = {
        (
            *(r[name] for name in ("search_id", "query", "user_id", "time")),
            ids.get(r["item"]),
            *(r[name] for name in ("clicked", "bought", "position", "results")),
        )
        for r in table(made, "searches").iter_rows(named=True)
        if r["search_id"].startswith("s")
    }
    guest = f"{GUEST_PREFIX}c7"
    assert rows == {
        ("s1", "red mug", "u1", at("2026-02-09T10:00:00"), None, False, False, None, 2),
        ("s1", "red mug", "u1", at("2026-02-09T10:00:05"), "A1", True, False, 1, 2),
        ("s2", "Red mug", guest, at("2026-02-09T11:00:00"), "A2", True, True, 2, 2),
        ("s3", "blue%20mug", None, at("2026-02-09T12:00:00"), "A1", False, False, 1, None),
    }
    assert counts["searches"] == 7  # before the same row twice became one
    assert counts["searches_aside"] == {"later_events": 1, "left_out": 1, "left_out_with_items": 1}
    assert counts["synonyms"] == 1


def test_without_numbers_rows_of_one_user_time_and_text_are_one_search(done):
    made, _ = done
    rows = table(made, "searches").filter(~pl.col("search_id").str.starts_with("s"))
    assert rows["search_id"].n_unique() == 1
    assert rows.select("query", "user_id", "clicked").rows() == 2 * [("blue mug", None, True)]


def test_bad_searches_go_to_quarantine_without_those_of_forgotten_users(done):
    made, _ = done
    found = table(made, "quarantine").sort("row").select("source", "reason").rows()
    assert found == [
        ("searches", reason)
        for reason in (
            "query is missing",
            "query has more than 1,000 characters",
            "time is missing",
            "time is not readable",
            "time is in the future",
            "position is below 1",
            "position is not a whole number",
            "position is above 1,000,000",
            "results is below 0",
            "type is none of shown, click, purchase",
            "type is missing",
            "item_id is not among the items",
            "position is not a number",
        )
    ]


def test_a_shop_that_wants_no_search_reads_no_query_log(tmp_path):
    text = TOML.replace("[search]", "[search]\nenabled = false")
    made = config(tmp_path, text.replace("synonyms.txt", "missing.txt"))
    assert map_searches(None, made, None, None, made.date) == {}  # type: ignore[arg-type]
    assert ingest._search_files(made) == {}


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("query is missing", r"where = \"trim\(query\) <> ''\" in \[\[searches\]\]"),
        ("position is below 1", r'counts from 0, position = "rank \+ 1"'),
    ],
)
def test_too_many_bad_searches_come_with_advice(tmp_path, reason, advice):
    with pytest.raises(DataError, match=rf"95 of 100 rows of searches are bad .*{advice}"):
        check_shares({"searches": 5}, {("searches", reason): 95}, config(tmp_path), optional={"searches"})
