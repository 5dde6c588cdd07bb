"""Files as they come: odd paths, folders, formats, types and contents."""

import bz2
import gzip
import json
import os
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.config.shop import ItemsConfig
from jobs.errors import ConfigError
from jobs.stages.ingest.spark.quarantine import REASON, Checked
from jobs.stages.ingest.spark.shop_files import BROKEN, FILE, HIDDEN, PLACE, UPDATED, copies, file_name, read
from tests.jobs.small_run import config

CSV = "sku,name\nA1,Red mug\nA2,Tea\n"
ODD = "a b [1] ü%20 #x=y"


def records(spark, base: Path, files: str | list[str], encoding: str | None = None) -> list[tuple[object, ...]]:
    """The good records of files, without HIDDEN, in any order; the text of a broken one stands alone."""
    made = config(base)
    with copies(spark, made.run):
        frame = read(spark, ItemsConfig(files=files, item_id="sku", encoding=encoding), made)
        rows = frame.collect()
    names = [name for name in frame.columns if name not in HIDDEN]
    found = [(row[BROKEN],) if row[BROKEN] else tuple(row[name] for name in names) for row in rows]
    return sorted(found, key=str)


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def parquet(path: Path, columns: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_paths_of_any_characters_and_files_of_any_packing(spark, tmp_path):
    base = tmp_path / ODD
    for name, pack in (("a:1.csv", bytes), ("b +é.csv.GZ", gzip.compress), ("_c.csv", bytes), ("d.csv", bz2.compress)):
        write(base / "in [x]" / name, pack(CSV.encode()))
    names = [f"in [x]/{name}" for name in ("a:1.csv", "b*.GZ", "_c.csv", "d.csv")]
    os.utime(base / "in [x]" / "d.csv", (1e9, 1e9))
    made = config(base)
    with copies(spark, made.run):
        frame = read(spark, ItemsConfig(files=names, item_id="sku"), made)
        found = {
            (Path(row[0]), row[1], row[2]) for row in frame.select(file_name(frame[FILE]), "sku", UPDATED).collect()
        }
    assert {(path.relative_to(base).as_posix(), sku) for path, sku, _ in found} == {
        (f"in [x]/{name}", sku) for name in ("a:1.csv", "b +é.csv.GZ", "_c.csv", "d.csv") for sku in ("A1", "A2")
    }
    assert {at for path, _, at in found if path.name == "d.csv"} == {datetime(2001, 9, 9, 1, 46, 40)}
    assert not list(made.run.root.glob(".*"))


def test_hidden_folders_are_passed_over_and_folders_with_values_are_columns(spark, tmp_path):
    for folder in ("day=2026-01-05", "day=2026-01-06", ".ipynb_checkpoints", "_temporary/0", "__MACOSX"):
        parquet(tmp_path / "orders" / folder / "part-0.parquet", {"sku": ["A1"], "n": [1]})
    for folder in ("store=007/day=a%3Ab", "store=__HIVE_DEFAULT_PARTITION__/day=x"):
        write(tmp_path / "shops" / folder / "a.csv", CSV.encode("utf-16"))
    assert records(spark, tmp_path, "orders") == [("A1", 1, "2026-01-05"), ("A1", 1, "2026-01-06")]
    assert records(spark, tmp_path, "orders/*/*.parquet") == records(spark, tmp_path, "orders")
    assert records(spark, tmp_path, "shops") == [
        ("A1", "Red mug", "007", "a:b"),
        ("A1", "Red mug", None, "x"),
        ("A2", "Tea", "007", "a:b"),
        ("A2", "Tea", None, "x"),
    ]


def test_parquet_of_different_types_is_read_together(spark, tmp_path):
    at = datetime(2026, 1, 5)
    parquet(
        tmp_path / "a" / "1.parquet", {"user": [1, 2], "sku": ["A1", "A2"], "at": pa.array([at, at], "timestamp[ns]")}
    )
    parquet(
        tmp_path / "a" / "2.parquet", {"sku": ["A3", "A4"], "user": [3.0, None], "at": pa.array([at, at], "date32")}
    )
    parquet(tmp_path / "a" / "3.parquet", {"user": pa.nulls(1), "sku": pa.array(["A5"]).dictionary_encode(), "x": [1]})
    assert [(row[0], row[1]) for row in records(spark, tmp_path, "a")] == [
        (1.0, "A1"),
        (2.0, "A2"),
        (3.0, "A3"),
        (None, "A4"),
        (None, "A5"),
    ]
    parquet(tmp_path / "b" / "1.parquet", {"user": [1.0, 12345678.0, 1.5]})
    parquet(tmp_path / "b" / "2.parquet", {"user": ["u"]})
    assert records(spark, tmp_path, "b") == [("1",), ("1.5",), ("12345678",), ("u",)]
    parquet(tmp_path / "c" / "1.parquet", {"sku": ["A1"]})
    parquet(tmp_path / "c" / "2.parquet", {"sku": [["A1"]]})
    with pytest.raises(
        ConfigError, match=r"column 'sku' is of type string in .*1.parquet, and of type array<string> in"
    ):
        records(spark, tmp_path, "c")


def test_quotes_and_encodings(spark, tmp_path):
    rows = [f"u{n},ok,{n}" for n in range(40)]
    rows[20] = rows[20].replace(",ok", ',"5 inch')
    write(tmp_path / "open.csv", "\n".join(["user,note,n", *rows, 'u,"two\r\nlines","so ""said"""']))
    found = records(spark, tmp_path, "open.csv")
    assert len(found) == 41
    assert ("u", "two\nlines", 'so "said"') in found
    assert sum(len(row) == 1 or row[1].startswith(('"5', "5")) for row in found) == 1
    write(tmp_path / "mysql.csv", 'sku,name\nA1,"Red \\"best\\" mug"\nA2,"Blue, 12\\" pan"\n')
    assert records(spark, tmp_path, "mysql.csv") == [("A1", 'Red "best" mug'), ("A2", 'Blue, 12" pan')]
    write(tmp_path / "latin.csv", "sku,name\nKÄ1,Käse\nKÖ1,Brötchen\n".encode("latin-1"))
    assert records(spark, tmp_path, "latin.csv", "latin-1") == [("KÄ1", "Käse"), ("KÖ1", "Brötchen")]
    with pytest.raises(ConfigError, match=r'latin.csv: is not text in UTF-8.*encoding = "cp1252"'):
        records(spark, tmp_path, "latin.csv")


def test_columns_of_any_names(spark, tmp_path):
    names = ["_file", "_place", "_block", "_updated", "_broken", "_metadata", "a`b", "c.d", "", "e f"]
    write(tmp_path / "a.csv", ",".join(names) + "\n" + ",".join(map(str, range(len(names)))) + "\n")
    assert records(spark, tmp_path, "a.csv") == [tuple(map(str, range(len(names))))]
    write(tmp_path / "a.jsonl", json.dumps({name: "x" for name in names if name}) + "\n")
    assert records(spark, tmp_path, "a.jsonl") == [("x",) * (len(names) - 1)]
    parquet(tmp_path / "a.parquet", {name: ["x"] for name in names if name})
    assert records(spark, tmp_path, "a.parquet") == [("x",) * (len(names) - 1)]
    for name, text in (("b.csv", "sku,Name,name\n1,2,3\n"), ("b.jsonl", '{"Name": 1, "name": 2}\n')):
        write(tmp_path / name, text)
        with pytest.raises(ConfigError, match=r"(name every column differently|already exists)"):
            records(spark, tmp_path, name)


def test_a_bad_row_is_kept_with_columns_of_any_names(spark, tmp_path):
    from pyspark.sql import functions as F

    write(tmp_path / "a.csv", "_reason,reason,file,row,__record,a.b\n1,2,3,4,5,6\n")
    made = config(tmp_path)
    with copies(spark, made.run):
        source = read(spark, ItemsConfig(files="a.csv", item_id="sku"), made)
        row = Checked(source, source.select(*PLACE, F.lit("bad").alias(REASON))).quarantine("items").first()
    assert (row["file"], row["row"], row["reason"]) == (str(tmp_path / "a.csv"), 1, "bad")
    assert list(json.loads(row["record"]).values()) == list("123456")


def test_json_of_any_layout(spark, tmp_path):
    write(tmp_path / "a.json", json.dumps([{"sku": "A1", "cat": ["x"]}, {"sku": 2}], indent=1))
    write(tmp_path / "b.json", '\ufeff{"sku": "A3"}\nbroken\n')
    assert records(spark, tmp_path, "*.json") == [("broken",), (None, "2"), (None, "A3"), (["x"], "A1")]
    write(tmp_path / "c.json", "[1, 2]")
    with pytest.raises(ConfigError, match=r"c.json: no record in it has a column"):
        records(spark, tmp_path, "c.json")


def test_empty_files_are_passed_over_and_a_table_of_them_is_told(spark, tmp_path):
    write(tmp_path / "1.csv", CSV)
    write(tmp_path / "2.csv", "")
    write(tmp_path / "3.csv", "sku,name\n")
    assert len(records(spark, tmp_path, "*.csv")) == 2
    with pytest.raises(ConfigError, match=r"2.csv: is empty"):
        records(spark, tmp_path, "2.csv")
    write(tmp_path / "4.csv.gz", gzip.compress(b""))
    with pytest.raises(ConfigError, match=r"4.csv.gz: has no header"):
        records(spark, tmp_path, "4.csv.gz")


def test_files_that_are_cut_off_or_something_else_are_named(spark, tmp_path):
    write(tmp_path / "a.csv.gz", gzip.compress(CSV.encode() * 900)[:-50])
    with pytest.raises(ConfigError, match=r"a.csv.gz: is damaged, or was cut off"):
        records(spark, tmp_path, "a.csv.gz")
    parquet(tmp_path / "b.parquet", {"sku": ["A1"] * 100})
    write(tmp_path / "c.parquet", (tmp_path / "b.parquet").read_bytes()[:-30])
    write(tmp_path / "d.parquet", CSV)
    for name in ("c.parquet", "d.parquet"):
        with pytest.raises(ConfigError, match=rf"{name}: not readable as Parquet: .* copy it again"):
            records(spark, tmp_path, name)
    write(tmp_path / "e" / "notes.txt", "hello")
    with pytest.raises(ConfigError, match=r"e: no file in it is a .csv, .tsv, .jsonl or .parquet"):
        records(spark, tmp_path, "e")
