"""From recorded searches to the figures of the arms, on a case counted by hand."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from jobs.cli.main import main
from jobs.errors import ConfigError
from jobs.experiments.compare import ArmComparison, CompareOptions, compare
from jobs.experiments.search_outcomes import SEARCH_METRICS, SearchOutcomes
from lookup.experiments.exposures import ExposureLog
from tests.jobs.experiments.test_compare import DONE, HOUR, NOON, SHOWN, events, exposures

SEARCHES: tuple[dict[str, Any], ...] = (
    {"user": "1", "arm": "a", "query": "lamp", "items": "xy", "total": 30},
    {"user": "1", "arm": "a", "query": "lamp", "items": "zw", "total": 30, "positions": (3, 4), "hours": 0.1},
    {"user": "1", "arm": "a", "query": "lamp", "items": "xz", "total": 30, "hours": 2},  # typed anew
    {"user": "1", "arm": "a", "query": "lmap", "items": "x", "total": 5, "corrected": "lamp", "hours": 3},
    {"user": "2", "arm": "a", "query": "", "items": "", "total": 0, "dropped": ["red", "lamp"]},
    {"user": "2", "arm": "a", "query": "chair", "items": "xy"},  # nobody knows how many there were
    {"user": "3", "arm": "b", "query": "lamp", "items": "yx", "total": 2},
    {"user": "3", "arm": "b", "query": "'; DROP \0\ud800", "items": "z", "positions": (21,), "total": 0},  # page 1 lost
    {"user": "9", "arm": "a", "query": "lamp", "items": "x", "total": 1},
    {"user": "9", "arm": "b", "query": "lamp", "items": "x", "total": 1},  # in both arms: left out
    {"user": None, "arm": None, "query": "lamp", "items": "x", "total": 1},  # guests have no arm
    {"user": "7", "arm": None, "query": "lamp", "items": "x", "total": 1},
)
AFTER = (
    ("1", "y", "click", 1.0, None),  # position 2 of the first search
    ("1", "z", "click", 1.0, None),  # position 3 of it, on its second page
    ("1", "w", "purchase", 1.5, 4.0),
    ("1", "x", "click", 2.5, None),  # position 1 of the search typed anew
    ("1", "x", "click", 28.0, None),  # too late
    ("2", "q", "click", 1.0, None),  # not shown
    ("2", "y", "click", -1.0, None),  # before
    ("3", "x", "click", 0.5, None),
    ("3", "x", "purchase", 0.5, 1.0),
    ("4", "y", "click", 1.0, None),  # shown by no search
    ("9", "x", "click", 1.0, None),
)


def searches(folder: Path, *rows: dict[str, Any]) -> str:
    log = ExposureLog(folder / "shown")
    for row in rows:
        of = {name: value for name, value in row.items() if name != "hours"} | {"items": list(row["items"])}
        log.add_search(test="spring", **of, at=NOON + round(row.get("hours", 0) * HOUR))
    log.add("4", "b", ["y"], test="spring", at=NOON)
    log.add("3", "b", ["y"], test="spring", at=NOON + HOUR)
    log.flush()
    assert log.lost == 0
    return str(log.folder)


@pytest.fixture
def choice(tmp_path: Path) -> CompareOptions:
    return CompareOptions([searches(tmp_path, *SEARCHES)], [events(tmp_path, *AFTER)])


def users(found: ArmComparison, arm: str) -> dict[str, list[float]]:
    return dict(zip(SearchOutcomes._fields, map(np.ndarray.tolist, found.searches[arm]), strict=True))


def test_searches_counted_by_hand(choice: CompareOptions) -> None:
    found = compare(choice)
    # users 1 and 2
    assert users(found, "a") == {
        "searches": [3, 2], "known": [3, 1], "zero": [0, 1], "clicked": [2, 0], "bought": [1, 0],
        "reciprocal": [1 / 2 + 1, 0], "relaxed": [0, 1], "corrected": [1, 0],
    }  # fmt: skip
    # users 3 and 4, who did not search
    assert users(found, "b") == {
        "searches": [2, 0], "known": [2, 0], "zero": [1, 0], "clicked": [1, 0], "bought": [1, 0],
        "reciprocal": [1 / 2, 0], "relaxed": [0, 0], "corrected": [0, 0],
    }  # fmt: skip
    assert {name: value for name, value in found.values["a"].items() if name in SEARCH_METRICS} == {
        "searches": 5 / 2, "zero": 1 / 4, "search_ctr": 2 / 5, "mrr": 1.5 / 5, "search_conversion": 1 / 5,
        "relaxed": 1 / 5, "corrected": 1 / 5,
    }  # fmt: skip
    assert found.differences["b"]["zero"].value == 1 / 2 - 1 / 4
    assert found.left_out["searches of guests, or without an arm"] == 2
    assert found.left_out["unreadable exposures"] == 0
    assert found.left_out["users in several arms"] == 1


def test_an_event_is_of_the_last_answer_that_showed_its_item(tmp_path: Path, choice: CompareOptions) -> None:
    assert compare(choice).values["b"]["search_ctr"] == 1 / 2
    exposures(tmp_path, ("3", "b", 0.25, "x"))  # a list, between the search and the click
    found = compare(choice)
    assert found.values["b"]["search_ctr"] == 0
    assert found.values["b"]["clicks"] == 1.0  # it still counts as a click of the user, and that of user 4


def test_zero_results_are_counted_without_a_test(choice: CompareOptions) -> None:
    """The query of the manual, on files of searches and other exposures."""
    manual = (Path(__file__).parents[3] / "lookup/search/README.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"`(SELECT .*?)`", manual)
    with duckdb.connect() as db:
        found = db.execute(query.replace("exposures/", f"{choice.exposures[0]}/")).fetchall()
    assert found == [(2 / 11,)]  # of those with a total, guests and all


def test_searches_are_exposures_too(choice: CompareOptions) -> None:
    """What users did after an answer counts, whichever call gave it."""
    found = compare(replace(choice, metrics=["clicks", "ctr"]))
    assert found.searches == {}
    assert {arm: done.exposures.tolist() for arm, done in found.arms.items()} == {"a": [4, 2], "b": [3, 1]}
    assert found.values["a"]["clicks"] == 3 / 2


def test_searches_of_others(tmp_path: Path, choice: CompareOptions) -> None:
    """Files of CSV, in which lists are JSON; what is no list of positions is made up for by the order."""
    rows = [row for row in SEARCHES if row["user"] in ("1", "2", "3")]
    expected = compare(replace(choice, metrics=list(SEARCH_METRICS))).values
    table = {
        "user": [row["user"] for row in rows] + ["4"],
        "arm": [row["arm"] for row in rows] + ["b"],
        "at": [NOON + round(row.get("hours", 0) * HOUR) for row in rows] + [NOON],
        "items": [json.dumps(list(row["items"])) for row in rows] + ['["y"]'],
        "query": [row["query"].strip("\0\ud800") or "?" for row in rows] + [None],  # CSV has no empty texts
        "positions": [json.dumps(row.get("positions", [1])) for row in rows] + [None],
        "total": [row.get("total") for row in rows] + [None],
        "corrected": [row.get("corrected") for row in rows] + [None],
        "dropped": [json.dumps(row.get("dropped", [])) for row in rows] + [None],
    }
    pacsv.write_csv(pa.table(table), tmp_path / "shown.csv")
    found = compare(replace(choice, exposures=[str(tmp_path / "shown.csv")], metrics=list(SEARCH_METRICS)))
    assert found.values == expected
    assert "searches of guests, or without an arm" not in found.left_out


def test_searches_that_cannot_be_compared(tmp_path: Path, choice: CompareOptions) -> None:
    plain = CompareOptions([exposures(tmp_path / "plain", *SHOWN)], [events(tmp_path, *DONE)])
    assert not set(compare(plain).metrics) & set(SEARCH_METRICS)
    with pytest.raises(ConfigError, match="no searches among the exposures, so there is no mrr"):
        compare(replace(plain, metrics=["mrr"]))
    with pytest.raises(ConfigError, match="no event of type tap"):
        compare(replace(choice, metrics=["mrr"], click="tap"))
    with pytest.raises(ConfigError, match="no event of type tap or buy"):
        compare(replace(choice, click="tap", conversion="buy"))
    assert compare(replace(choice, metrics=["zero"], click="tap")).values["a"]["zero"] == 1 / 4
    guests = ExposureLog(tmp_path / "guests")
    guests.add_search("lamp", ["x"])
    guests.flush()
    with pytest.raises(ConfigError, match="only searches of guests"):
        compare(replace(choice, exposures=[str(guests.folder)]))


def test_the_command_shows_searches(choice: CompareOptions, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["compare", "--exposures", *choice.exposures, "--events", *choice.events]
    assert main(line) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[4].split() == ["arm", "all", "searches", *SEARCH_METRICS]
    assert text[5].split()[:4] == ["a", "5", "2.5", "0.25"]
    assert "zero: share of searches without a match" in text
    assert "left out: 2 searches of guests, or without an arm" in text
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["arms"]["b"]["all_searches"], found["arms"]["b"]["mrr"]) == (2, 0.25)
