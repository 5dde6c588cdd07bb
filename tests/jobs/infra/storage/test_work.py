"""A run on storage: written by Spark, read by the driver, and there for a driver that lost its disk."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.errors import MissingStepError
from jobs.infra.cluster.errors import EngineError
from jobs.infra.kept.store import KeptVectors
from jobs.infra.runs import Run
from jobs.infra.storage import work as module
from jobs.infra.storage.notes import NOTE, read_note
from jobs.infra.storage.storage import Storage
from jobs.infra.storage.work import StoredWork
from jobs.infra.tables import POPULAR, POPULARITY, SHOWN

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 1, 2)
POPULAR_ROW = ("'' AS category", "array(1, 2) AS items", "array(float(3), float(4)) AS scores")


def made(spark: "SparkSession", storage: Storage) -> Run:
    """A run with two tables, a folder of the driver, and small files."""
    run = Run(storage.local / "runs" / DAY.isoformat(), DAY)
    run.write(POPULARITY, spark.range(10).selectExpr("int(id) AS item", "float(1) AS score").repartition(2))
    run.write(POPULAR, spark.range(1).selectExpr(*POPULAR_ROW))
    with run.replacing("vectors") as folder:
        folder.mkdir()
        (folder / "a.npy").write_bytes(b"12345" * 1000)
    run.write_json("patches.json", {"position": 3})
    run.write_json("receipts/topk.json", {"job": "topk", "ended": "2026-01-02T03:00:00.000+00:00"})
    (run.path("errors")).mkdir()
    (run.path("errors") / "topk.txt").write_text("pages")
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run, but for those that are of its machine alone."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if "errors" not in path.parts}


def places(tmp_path: Path) -> set[str]:
    """What is in `data/` on storage."""
    return {path.name for path in (tmp_path / "stored" / "shop" / "data").iterdir()}


def test_spark_writes_and_reads_there_and_the_driver_has_the_same_rows(
    spark: "SparkSession", storage: Storage, tmp_path: Path
) -> None:
    run = made(spark, storage)
    frame = run.read(spark, POPULARITY)
    assert frame.count() == 10
    assert all(file.startswith(f"{storage.url}/data/") for file in frame.inputFiles())
    note = read_note(run.path("popularity"))
    assert note is not None
    there = tmp_path / "stored" / "shop" / note["at"]
    assert {name: (there / name).read_bytes() for name in note["files"]} == {
        name: (run.path("popularity") / name).read_bytes() for name in note["files"]
    }
    assert len(note["files"]) == 2


def test_a_driver_without_its_disk_goes_on(spark: "SparkSession", storage: Storage) -> None:
    run = made(spark, storage)
    StoredWork(storage, run.root).save()
    before = contents(run.root)
    shutil.rmtree(storage.local)
    again = StoredWork(storage, run.root)
    assert sorted(again.restore()) == ["popular", "popularity", "vectors"]
    assert contents(run.root) == {**before, f"vectors/{NOTE}": contents(run.root)[f"vectors/{NOTE}"]}
    assert run.read(spark, POPULAR).count() == 1
    assert again.restore() == []
    with pytest.raises(MissingStepError):
        run.existing("items")


def test_what_a_killed_job_left_on_the_driver_goes(spark: "SparkSession", storage: Storage) -> None:
    run = made(spark, storage)
    work = StoredWork(storage, run.root)
    work.save()
    before = contents(run.root)
    run.write(POPULARITY, spark.range(3).selectExpr("int(id) AS item", "float(1) AS score"))
    run.write_json("features.json", {"features": {}})
    run.write_json("receipts/build.json", {"job": "build", "ended": ""})
    assert work.restore() == ["popularity"]
    assert contents(run.root) == before


def test_a_record_that_a_driver_could_not_finish_does_not_count(spark: "SparkSession", storage: Storage) -> None:
    run = made(spark, storage)
    work = StoredWork(storage, run.root)
    work.save()
    storage.hadoop.write(storage.at(f"runs/{DAY}/00000007-abcdef01.json"), b'{"folders": {"popul')
    shutil.rmtree(run.root)
    assert sorted(work.restore()) == ["popular", "popularity", "vectors"]
    work.save()
    (only,) = storage.hadoop.files(storage.at(f"runs/{DAY}/*.json"))
    assert only.name.startswith("00000008-")


def test_a_file_that_is_damaged_on_storage_is_named(spark: "SparkSession", storage: Storage, tmp_path: Path) -> None:
    run = made(spark, storage)
    StoredWork(storage, run.root).save()
    (path,) = (tmp_path / "stored" / "shop" / "data").rglob("a.npy")
    data = bytearray(path.read_bytes())
    data[99] ^= 1
    path.write_bytes(data)
    path.with_name(f".{path.name}.crc").unlink()  # else Hadoop itself finds out
    shutil.rmtree(run.root)
    with pytest.raises(EngineError, match=r"a.npy: its sha256 is not that of the file that was written"):
        StoredWork(storage, run.root).restore()
    assert not run.path("vectors").exists()


def test_tables_that_the_driver_does_not_read_are_on_storage_alone(
    spark: "SparkSession", storage: Storage, tmp_path: Path
) -> None:
    run = Run(storage.local / "runs" / DAY.isoformat(), DAY)
    columns = [f"CAST(NULL AS {field.type}) AS {field.name}" for field in SHOWN.fields]
    run.write(SHOWN, spark.range(4).selectExpr(*columns))
    assert [path.name for path in run.path("shown").iterdir() if path.suffix == ".parquet"] == []
    assert run.read(spark, SHOWN).count() == 4
    StoredWork(storage, run.root).save()
    shutil.rmtree(run.root)
    StoredWork(storage, run.root).restore()
    assert run.read(spark, SHOWN).count() == 4


def test_what_another_run_takes_over_is_on_storage_once(
    spark: "SparkSession", storage: Storage, tmp_path: Path
) -> None:
    run = made(spark, storage)
    later = Run(storage.local / "runs" / "2026-01-03", date(2026, 1, 3))
    StoredWork(storage, run.root).save()
    before = places(tmp_path)
    later.take_over("popularity", run)
    StoredWork(storage, later.root).save()
    assert places(tmp_path) == before
    assert later.read(spark, POPULARITY).count() == 10


def test_what_nothing_names_goes_when_it_is_old(
    spark: "SparkSession", storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(spark, storage)
    run.write(POPULARITY, spark.range(3).selectExpr("int(id) AS item", "float(1) AS score"))
    work = StoredWork(storage, run.root)
    work.save()
    assert work.sweep(1) == 0
    monkeypatch.setattr(module, "GRACE_SECONDS", -5.0)
    assert work.sweep(1) == 1
    assert len(places(tmp_path)) == 3
    assert run.read(spark, POPULARITY).count() == 3
    later = Run(storage.local / "runs" / "2026-01-03", date(2026, 1, 3))
    later.take_over("popularity", run)
    StoredWork(storage, later.root).save()
    assert StoredWork(storage, later.root).sweep(1) == 2
    assert len(places(tmp_path)) == 1
    assert not (tmp_path / "stored" / "shop" / "runs" / DAY.isoformat()).exists()
    assert later.read(spark, POPULARITY).count() == 3


def test_models_and_vectors_outlive_the_driver_and_go_when_they_are_pruned(storage: Storage, tmp_path: Path) -> None:
    work = StoredWork(storage, storage.local / "runs" / DAY.isoformat())
    model, unfinished = storage.local / "models" / "m1", storage.local / "models" / ".2026-01-02"
    for folder in (model / "items", unfinished):
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").write_bytes(b"rows")
    (model / "model.json").write_text("{}")
    kept = KeptVectors(storage.local, "texts", {"model": "x"}, "embed_items")
    (kept.folder / "0001-ab").mkdir()
    (kept.folder / "0001-ab" / "_segment.json").write_text("{}")
    (storage.local / "spaces").mkdir()
    (storage.local / "spaces" / "s.npz").write_bytes(b"space")
    work.save()
    before = contents(model)
    shutil.rmtree(storage.local)
    again = StoredWork(storage, work.run)
    assert len(again.restore()) == 4
    assert contents(model) == before
    assert (storage.local / "spaces" / "s.npz").read_bytes() == b"space"
    assert (kept.folder / "encoder.json").exists()
    assert not unfinished.exists()
    shutil.rmtree(model)
    (kept.folder / "0001-ab" / "_replaced").touch()
    again.save()
    shutil.rmtree(storage.local)
    assert len(StoredWork(storage, work.run).restore()) == 2


def test_the_small_files_of_a_run_alone(spark: "SparkSession", storage: Storage) -> None:
    run = made(spark, storage)
    StoredWork(storage, run.root).save()
    shutil.rmtree(run.root)
    StoredWork(storage, run.root).restore_files()
    assert [one["job"] for one in run.receipts()] == ["topk"]
    assert json.loads(run.path("patches.json").read_text())["position"] == 3
    assert not run.path("popularity").exists()
