"""The page of a release tells what was read and dropped, and on which days and for how many users it was measured."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.config.config import Config
from jobs.config.shop import EventsConfig
from jobs.infra.tables import PICTURE_QUARANTINE, QUARANTINE
from jobs.releases.dropped import counted, dropped_rows
from jobs.releases.page import chosen_preset, measured, text_model_table
from jobs.stages.build import job as build
from jobs.stages.validate import job as validate
from lookup.release import manifest
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=30, users=10)
BAD = [
    ("events", f"type {kind!r} has no weight", json.dumps({"who": "u7", "mail": "ada@x.org", "what": kind, "sku": "9"}))
    for kind in ["wishlist"] * 5 + ["share"]
] + [
    ("items", "record is not readable", "9;<b>mug</b>\x1b[2J" + "x" * 500),
    ("patches", "no such item", '{"user": "u7"}'),
]


def quarantined(base: Path) -> Config:
    config = config_at(base, sizes=SIZES)
    events = [EventsConfig(files="e.csv", user_id="coalesce(who, `mail`)", item_id="sku", time="at", type="what")]
    config = replace(config, events=events)
    write_run(config, 3, SIZES)
    rows = [(source, f"/shop/{source}.csv", n + 1, reason, record) for n, (source, reason, record) in enumerate(BAD)]
    with config.run.replacing(QUARANTINE.name) as folder:
        folder.mkdir()
        columns = dict(zip(QUARANTINE.columns, map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), folder / "part-0.parquet")
    return config


def test_bad_rows_are_told_by_reason_with_examples_that_name_nobody(tmp_path: Path) -> None:
    config = quarantined(tmp_path)
    found = dropped_rows(config)
    assert [(one.source, one.reason, one.rows) for one in found] == [
        ("events", "type 'wishlist' has no weight", 5),
        ("events", "type 'share' has no weight", 1),
        ("items", "record is not readable", 1),
        ("patches", "no such item", 1),
    ]
    assert found[0].examples == [f'events.csv, row {n}: {{"what": "wishlist", "sku": "9"}}' for n in (1, 2, 3)]
    assert found[3].examples == ["patches.csv, row 8: {}"]
    (unreadable,) = found[2].examples
    assert unreadable.isprintable()
    assert len(unreadable) < 200


def test_pictures_that_were_set_aside_are_among_them(tmp_path: Path) -> None:
    config = quarantined(tmp_path)
    rows = [("images", f"https://a.test/{n}.png", n, "the host answered 404", '{"item_id": "9"}') for n in range(7)]
    with config.run.replacing(PICTURE_QUARANTINE.name) as folder:
        folder.mkdir()
        columns = dict(zip(PICTURE_QUARANTINE.columns, map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), folder / "part-0.parquet")
    first = dropped_rows(config)[0]
    assert (first.source, first.reason, first.rows) == ("images", "the host answered 404", 7)
    assert first.examples[0] == '0.png, row 0: {"item_id": "9"}'


def test_what_the_receipt_of_ingest_counts_is_told_whatever_it_is() -> None:
    receipt: dict[str, Any] = {"job": "ingest", "seconds": 3, "peak_mib": 900, "ended": "2026", "items": 7}
    receipt |= {"guests": 12, "types_without_weight": {"wishlist": 5}, "full": True}
    assert counted([{"job": "train", "users": 3}, receipt]) == [
        ("items", 7),
        ("guests", 12),
        ("types without weight: wishlist", 5),
    ]


def test_the_figures_of_the_text_model_are_those_of_the_receipt() -> None:
    change = {"source": "log", "queries": 900, "before": 0.31, "after": 0.36, "low": 0.02, "high": 0.08}
    assert text_model_table([{"job": "train_text", "changes": [change]}]).rows == [
        ("log", 900, 0.31, 0.36, "+0.0200 to +0.0800")
    ]
    assert text_model_table([{"job": "train_text", "enabled": False}, {"job": "train"}]).rows == []


def test_the_choice_of_a_preset_is_told() -> None:
    study = {"preset": "repeat", "reached": {"repeat": 0.3, "sparse": 0.02}, "users": 1000, "why": None}
    told = chosen_preset([{"job": "ingest"}, {"job": "train", "study": study}])
    assert told == (
        "The preset of the model is repeat: NDCG@10 in a short study of 1,000 users was repeat 0.3000, sparse 0.0200."
    )
    study |= {"reached": {}, "why": "3 users came back"}
    assert chosen_preset([{"job": "train", "study": study}]) == "The preset of the model is repeat: 3 users came back."
    assert chosen_preset([{"job": "train", "trained": False}]) == ""


def test_the_page_has_it_before_and_after_validation(tmp_path: Path) -> None:
    config = quarantined(tmp_path)
    config.run.write_json("receipts/ingest.json", {**config.run.receipts()[0], "guests": 1234})
    folder = config.releases / build.run(None, config)["release"]
    for validated in (False, True):
        if validated:
            validate.run(None, config)
        page = (folder / "report.html").read_text()
        assert ("The gate" in page) == validated
        told = unescape(re.sub("<[^>]*>", " ", page))
        assert "guests 1,234" in " ".join(told.split())
        assert 'type \'wishlist\' has no weight 5 events.csv, row 1: {"what": "wishlist"' in " ".join(told.split())
        assert "u7" not in page
        assert "ada@x.org" not in page
        (bars,) = re.findall("<svg.*?</svg>", page, re.S)
        assert [text.text for text in ElementTree.fromstring(bars).iter("text")][:2] == ["ingest", "1.5 s"]
        assert "<b>mug" not in page
        days = "Measured on the days from 2026-11-08 to 2026-11-21, which training did not see, for 10 users"
        assert days in told
    made = manifest.read(folder)
    assert "Nothing was measured" in measured(replace(made, metrics=[]))
    assert "Nothing was measured" in measured(replace(made, model={**made.model, "trained_until": made.date}))
