"""From files of exposures and events to the figures, on a case counted by hand and on planted effects."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from jobs.cli.main import main
from jobs.errors import ConfigError, MissingStepError
from jobs.experiments.cells import id_of, number_of
from jobs.experiments.compare import CompareOptions, compare
from lookup.experiments.exposures import ExposureLog
from lookup.keys import clean_id

NOON = 1_795_348_800_000_000
"""2026-11-22 12:00 UTC."""
HOUR = 3_600_000_000


def exposures(folder: Path, *rows: tuple[str, str, float, str], test: str = "spring") -> str:
    """(user, arm, hours after noon, items as letters), written by the very log."""
    log = ExposureLog(folder / "shown")
    for user, arm, hours, items in rows:
        log.add(user, arm, list(items), test=test, at=NOON + round(hours * HOUR))
    log.flush()
    return str(log.folder)


def events(folder: Path, *rows: tuple[str, str, str, float, float | None], kind: str = "jsonl") -> str:
    """(user, item, type, hours after noon, value)."""
    columns = ["user_id", "item_id", "type", "time", "value"]
    times = [np.datetime64(NOON + round(row[3] * HOUR), "us") for row in rows]
    table = [[*row[:3], time, row[4]] for row, time in zip(rows, times, strict=True)]
    path = folder / f"events.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, map(_plain, row), strict=True))) + "\n" for row in table))
        return str(path)
    arrow = pa.table({name: [row[n] for row in table] for n, name in enumerate(columns)})
    (pq.write_table if kind == "parquet" else pacsv.write_csv)(arrow, path)
    return str(path)


def _plain(value: Any) -> Any:
    return f"{value}Z" if isinstance(value, np.datetime64) else value


SHOWN = (
    ("1", "a", 0, "xy"),
    ("1", "a", 2, "xy"),
    ("007", "a", 0, "x"),
    ("3", "a", 0, ""),
    ("4", "b", 0, "xyz"),
    ("5", "b", 0, "x"),
    ("5", "b", 1, "z"),
    ("6", "a", 0, "x"),
    ("6", "b", 1, "x"),  # in both: left out
)
DONE = (
    ("1", "x", "click", 1.0, None),
    ("1", "x", "click", 3.0, None),
    ("1", "x", "purchase", 3.0, 10.0),  # after two exposures: counts once
    ("1", "x", "purchase", 3.0, 10.0),  # the same again
    ("1", "z", "purchase", 3.0, 99.0),  # not shown
    ("1", "y", "purchase", -0.1, 99.0),  # before it was shown
    ("007", "x", "purchase", 24.0, 5.0),  # the very end of the window
    ("007", "x", "purchase", 24.01, 99.0),
    ("4", "z", "purchase", 0.0, 4.0),  # at the very moment
    ("4", "z", "purchase", 1.0, None),
    ("5", "z", "click", 0.5, None),  # before z was shown
    ("5", "z", "view", 2.0, None),
    ("6", "x", "purchase", 2.0, 99.0),
    ("8", "x", "purchase", 2.0, 99.0),  # shown nothing
)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_case_counted_by_hand(tmp_path: Path, kind: str) -> None:
    found = compare(CompareOptions([exposures(tmp_path, *SHOWN)], [events(tmp_path, *DONE, kind=kind)]))
    assert {arm: np.stack(done, axis=1).tolist() for arm, done in found.arms.items()} == {
        # exposures, clicks, conversions, value: of users 007, 1, 3, and of 4, 5
        "a": [[1, 0, 1, 5], [2, 2, 1, 10], [1, 0, 0, 0]],
        "b": [[1, 0, 2, 4], [2, 0, 0, 0]],
    }
    assert found.values == {
        "a": {"conversion": 2 / 3, "clicks": 2 / 3, "ctr": 2 / 4, "value": 5.0, "order": 7.5},
        "b": {"conversion": 1 / 2, "clicks": 0.0, "ctr": 0.0, "value": 2.0, "order": 2.0},
    }
    assert (found.test, found.control) == ("spring", "a")
    assert found.differences["b"]["value"].value == -3.0
    assert found.left_out == {
        "unreadable exposures": 0,
        "unreadable events": 0,
        "values that are no numbers": 0,
        "users in several arms": 1,
    }
    assert not found.mismatch


def test_what_counts(tmp_path: Path) -> None:
    choice = CompareOptions([exposures(tmp_path, *SHOWN)], [events(tmp_path, *DONE)], metrics=["value"])

    def value(**changes: Any) -> tuple[float, float]:
        of = compare(replace(choice, **changes)).values
        return of["a"]["value"] * 3, of["b"]["value"] * 2

    assert value() == (15, 4)
    assert value(window=0.5) == (0, 4)
    assert value(window=24.02) == (15 + 99, 4)
    assert value(any_item=True) == (15 + 99, 4)
    assert value(conversion="view") == (0, 0)
    assert value(columns={"value": "coalesce(value, 1) * 2"}) == (30, 10)
    assert compare(replace(choice, control="b")).differences["a"]["value"].value == 3.0
    ctr = compare(replace(choice, metrics=["ctr"], click="view")).values
    assert (ctr["a"]["ctr"], ctr["b"]["ctr"]) == (0.0, 1 / 3)


def test_days_and_tests(tmp_path: Path) -> None:
    shown = exposures(tmp_path, *SHOWN, ("9", "a", 24, "x"))
    exposures(tmp_path, ("10", "a", 0, "x"), test="autumn")
    choice = CompareOptions([shown], [events(tmp_path, *DONE)])
    with pytest.raises(ConfigError, match=r"of the tests \['autumn', 'spring'\]; --test says which"):
        compare(choice)
    with pytest.raises(ConfigError, match="'winter' is not among them"):
        compare(replace(choice, test="winter"))
    spring = replace(choice, test="spring")
    for first, last, users in (
        (None, None, 4),
        (None, date(2026, 11, 22), 3),
        (date(2026, 11, 22), None, 4),
        (date(2026, 11, 22), date(2026, 11, 22), 3),
    ):
        assert len(compare(replace(spring, first=first, last=last)).arms["a"].exposures) == users
    with pytest.raises(ConfigError, match=r"has the arms \['a'\]; two or more expected"):
        compare(replace(spring, first=date(2026, 11, 23)))


def test_exposures_of_others(tmp_path: Path) -> None:
    """Parquet, and CSV in which the items are the text of a JSON list; half a line is passed over, and told."""
    done = [events(tmp_path, *DONE)]
    expected = compare(CompareOptions([exposures(tmp_path, *SHOWN)], done)).values
    rows = {
        "user": [row[0] for row in SHOWN],
        "arm": [row[1] for row in SHOWN],
        "at": [NOON + round(row[2] * HOUR) for row in SHOWN],
        "items": [list(row[3]) for row in SHOWN],
    }
    pq.write_table(pa.table(rows | {"items": pa.array(rows["items"], pa.list_(pa.string()))}), tmp_path / "x.parquet")
    pacsv.write_csv(pa.table(rows | {"items": [json.dumps(items) for items in rows["items"]]}), tmp_path / "x.csv")
    for name in ("x.parquet", "x.csv"):
        assert compare(CompareOptions([str(tmp_path / name)], done)).values == expected
    with (tmp_path / "shown" / "exposures-2026-11-22.jsonl").open("a") as file:
        file.write('{"user": "1", "ar\nnull\n[1]\n')
    found = compare(CompareOptions([str(tmp_path / "shown" / "*.jsonl")], done))
    assert found.values == expected
    assert found.left_out["unreadable exposures"] == 3


def test_what_cannot_be(tmp_path: Path) -> None:
    shown, done = exposures(tmp_path, *SHOWN), events(tmp_path, *DONE)
    choice = CompareOptions([shown], [done])
    seconds = tmp_path / "seconds.csv"
    seconds.write_text(f"user_id,item_id,type,time\n1,x,purchase,{NOON // 1_000_000}\n")
    other = tmp_path / "other.csv"
    other.write_text("customer,item_id,type,time\n1,x,purchase,2026-11-22T14:30:00+02:00\n")
    for changed, said in (
        ({"exposures": ["nowhere"]}, "nowhere: no such file"),
        ({"exposures": [done]}, r"events.jsonl: no exposures in it; 14 rows were not readable"),
        ({"events": [str(other)]}, "no column user_id; there are customer"),
        ({"events": [str(seconds)]}, "not of this century: --column time="),
        ({"columns": {"value": "price *"}}, "events.jsonl"),
        ({"metrics": ["clicks", "gold"]}, "unknown metric 'gold'"),
        ({"metrics": ["clicks"], "click": "tap"}, "no event of type tap; there are click, purchase, view"),
        ({"control": "c"}, r"has the arms \['a', 'b'\]; two or more expected, 'c' among them"),
        ({"shares": {"a": 1.0}}, "a share expected for each of a, b"),
        ({"window": 0.0}, "more than 0 hours"),
        ({"first": date(2026, 1, 2), "last": date(2026, 1, 1)}, "before --from"),
    ):
        with pytest.raises(ConfigError, match=said):
            compare(replace(choice, **changed))  # type: ignore[arg-type]
    assert compare(replace(choice, events=[str(other)], columns={"user_id": "customer"})).values["a"]["conversion"] > 0
    in_seconds = {"time": "to_timestamp(time::DOUBLE)"}
    assert compare(replace(choice, events=[str(seconds)], columns=in_seconds)).values["a"]["conversion"] == 1 / 3


def config_at(folder: Path) -> Path:
    path = folder / "daybreak.toml"
    path.write_text(
        '[items]\nfiles = "i"\nitem_id = "i"\n[[events]]\nfiles = "e"\nuser_id = "u"\nitem_id = "i"\ntime = "t"\n'
    )
    return path


def test_events_of_a_shop(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    shown = exposures(tmp_path, *SHOWN)
    with pytest.raises(MissingStepError, match="no run has read events yet"):
        compare(CompareOptions([shown], [str(config)]))
    rows = {letter: n for n, letter in enumerate("xyz")}
    for day, part in (("2026-11-21", DONE[:1]), ("2026-11-24", DONE)):
        run = tmp_path / "work" / "runs" / day
        (run / "events").mkdir(parents=True)
        (run / "items").mkdir()
        pq.write_table(pa.table({"item": [0, 1, 2], "item_id": ["x", "y", "z"]}), run / "items" / "0.parquet")
        table = {
            "user_id": [row[0] for row in part],
            "item": [rows[row[1]] for row in part],
            "type": [row[2] for row in part],
            "time": pa.array([NOON + round(row[3] * HOUR) for row in part], pa.timestamp("us", "UTC")),
            "value": pa.array([row[4] for row in part], pa.float64()),
        }
        pq.write_table(pa.table(table), run / "events" / "0.parquet")
        (run / "events" / "_SUCCESS").touch()
    assert compare(CompareOptions([shown], [str(config)])).values["a"]["value"] == 5.0


def simulated(folder: Path, seed: int, effect: float, lost: float = 0.0) -> CompareOptions:
    """Two arms of about 1,000 users; b's buy more often by `effect`; a share of its users is lost."""
    rng = np.random.default_rng(seed)
    shown, done = [], []
    for n in range(2000):
        arm = "ab"[rng.integers(2)]
        if arm == "b" and rng.random() < lost:
            continue
        times = np.sort(rng.uniform(0, 100, 1 + rng.poisson(1)))
        shown += [(str(n), arm, hours, "xyz") for hours in times]
        if rng.random() < 0.2 * (1 + effect * (arm == "b")):
            done.append((str(n), "xyz"[rng.integers(3)], "purchase", float(times[0] + rng.uniform(0, 20)), 1.0))
    return CompareOptions([exposures(folder, *shown)], [events(folder, *done, kind="parquet")])


def test_a_planted_effect_is_found(tmp_path: Path) -> None:
    found = compare(simulated(tmp_path, 3, effect=0.5))
    facts = found.differences["b"]["conversion"]
    assert facts.low < 0.1 < facts.high
    assert facts.low > 0
    assert facts.bootstrap_low > 0
    assert facts.p < 0.001
    assert facts.users_needed < 2000
    assert not found.mismatch


def test_lost_users_are_told_loudly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choice = simulated(tmp_path, 4, effect=0.0, lost=0.2)
    line = ["compare", "--exposures", *choice.exposures, "--events", *choice.events]
    assert main(line) == 0
    text = capsys.readouterr().out
    assert text.startswith("WARNING: SAMPLE RATIO MISMATCH")
    assert main([*line, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["sample_ratio"]["mismatch"] is True
    assert "DO NOT TRUST" in printed.err
    assert main([*line, "--shares", "a=0.555", "b=0.445"]) == 0
    assert "MISMATCH" not in capsys.readouterr().out


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["compare", "--exposures", exposures(tmp_path, *SHOWN), "--events", events(tmp_path, *DONE)]
    assert main([*line, "--metric", "value", "--metric", "ctr"]) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[0].split() == ["arm", "users", "exposures", "value", "ctr"]
    assert text[1].split() == ["a", "3", "4", "5", "0.5"]
    assert text[5].split()[:3] == ["value", "-3", "-60.0%"]
    assert text[-1] == "left out: 1 users in several arms"
    assert main([*line, "--json", "--from", "2026-11-22"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["arms"]["b"] == {
        "users": 2, "exposures": 3, "share": 0.5, "conversion": 0.5, "clicks": 0, "ctr": 0, "value": 2, "order": 2
    }  # fmt: skip
    assert {(d["arm"], d["metric"]) for d in found["differences"]} == {
        ("b", name) for name in ("conversion", "clicks", "ctr", "value", "order")
    }
    assert main([*line, "--metric", "gold"]) == 2
    assert main([*line, "--column", "colour=red"]) == 2
    assert main([*line, "--shares", "a=much"]) == 2


def test_ids_of_records_follow_the_one_rule(tmp_path: Path) -> None:
    spellings = [
        "a",
        " a\ufeff",
        "cafe\u0301",
        "12.0",
        "-12.00",
        "1.5",
        " \u2003",
        "\x1ca\x85",
        "1.0.0",
        "v1.0",
        "a\n",
        "7 ",
    ]
    with duckdb.connect() as db:
        db.execute("CREATE TABLE ids (id VARCHAR)")
        db.executemany("INSERT INTO ids VALUES (?)", [(one,) for one in spellings])
        found = [row[0] for row in db.execute(f"SELECT {id_of('id', 'VARCHAR')} FROM ids").fetchall()]
        assert found == [clean_id(one) or None for one in spellings]
        numbers = db.execute(
            f"SELECT {id_of('id', 'DOUBLE')} FROM (VALUES (1.0::DOUBLE), (1.5), (1e17), ('nan'::DOUBLE), (-3.0)) t(id)"
        ).fetchall()
        assert numbers == [("1",), (None,), (None,), (None,), ("-3",)]
    shown = exposures(tmp_path, ("1", "a", 0, "x"), ("2", "b", 0, "x"), ("3", "b", 0, "x"))
    rows = "1.0,x ,purchase,2026-11-22 13:00:00,5\n 2,x,purchase,2026-11-22 13:00:00,7\n"
    (tmp_path / "e.csv").write_text(f"user_id,item_id,type,time,value\n{rows}")
    assert compare(CompareOptions([shown], [str(tmp_path / "e.csv")])).values["a"]["value"] == 5.0
    pq.write_table(
        pa.table({"user_id": [1.0, 2.5], "item_id": ["x", "x"], "type": ["purchase"] * 2, "value": [3, 4]})
        .append_column("time", pa.array([NOON + HOUR] * 2)),
        tmp_path / "e.parquet",
    )  # fmt: skip
    found = compare(CompareOptions([shown], [str(tmp_path / "e.parquet")]))
    assert (found.values["a"]["value"], found.left_out["unreadable events"]) == (3.0, 1)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["1,50", "4", "1.234", "1.234,56", "x", "12d", "0x1p3", "7 "], [1.5, 4, 1234, 1234.56, None, None, None, 7]),
        (["1.50", "4", "1.234", "1,234", "1,5", "1e3"], [1.5, 4, 1.234, None, 1.5, 1000]),
        (["1.234", "1,234", "nan", "inf", "$5", "1_000"], [1.234, None, None, None, None, None]),
    ],
)  # fmt: skip
def test_numbers_of_people(given: list[str], found: list[float | None]) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE t (x VARCHAR)")
        db.executemany("INSERT INTO t VALUES (?)", [(one,) for one in given])
        assert [row[0] for row in db.execute(f"SELECT {number_of(db, 'x', 'VARCHAR', 't')} FROM t").fetchall()] == found


def test_values_that_are_no_numbers_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = exposures(tmp_path, ("1", "a", 0, "x"), ("2", "b", 0, "x"))
    head = "user_id;item_id;type;time;value\n"
    for name, value, left in (("comma", "1,50", 0), ("words", "much", 1)):
        rows = f"1;x;purchase;2026-11-22 13:00:00;{value}\n2;x;purchase;2026-11-22 13:00:00;\n"
        (tmp_path / f"{name}.csv").write_text(head + rows)
        found = compare(CompareOptions([shown], [str(tmp_path / f"{name}.csv")]))
        assert found.values["a"]["value"] == (0.0 if left else 1.5)
        assert found.left_out["values that are no numbers"] == left
    assert main(["compare", "--exposures", shown, "--events", str(tmp_path / "words.csv")]) == 0
    assert "left out: 1 values that are no numbers" in capsys.readouterr().out
