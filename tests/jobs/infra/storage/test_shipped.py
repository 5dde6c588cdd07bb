"""Files that tasks open: the driver's own where it can be seen, and whole copies elsewhere."""

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark import SparkFiles

from jobs.errors import DataError
from jobs.infra.storage.shipped import Shipped, model_here, shipped, shipped_model
from jobs.infra.storage.storage import Storage
from jobs.infra.vector_store import VectorStore

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to which Spark brings files on an executor, which this process now is."""
    folder = tmp_path / "executor"
    folder.mkdir()
    monkeypatch.setattr(SparkFiles, "_root_directory", str(folder))
    monkeypatch.setattr(SparkFiles, "_is_running_on_worker", True)
    return folder


def sent(executor: Path, texts: dict[str, bytes]) -> Shipped:
    """A folder of a driver that is not here, and its files on the executor."""
    facts = []
    for name, data in texts.items():
        sha256 = hashlib.sha256(data).hexdigest()
        (executor / sha256).write_bytes(data)
        facts.append((name, sha256, len(data)))
    return Shipped(Path("/driver/vectors"), tuple(facts))


def test_a_local_session_sends_nothing(spark: "SparkSession", storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert shipped(tmp_path / "model") == Shipped(tmp_path / "model")
    assert shipped(tmp_path / "model").here() == tmp_path / "model"
    assert pickle.loads(pickle.dumps(VectorStore(tmp_path))).folder == tmp_path
    assert model_here(shipped_model(str(tmp_path / "model"))) == str(tmp_path / "model")
    assert model_here(shipped_model("org/model-of-a-hub")) == "org/model-of-a-hub"
    assert not any("daybreak" in name for name in spark.sparkContext.listFiles)


def test_an_executor_lays_out_the_folder_once(executor: Path) -> None:
    one = sent(executor, {"a.npy": b"12", "deep/b.npy": b"12", "c": b""})
    here = one.here()
    assert here.is_relative_to(executor)
    assert {path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()} == {
        "a.npy": b"12",
        "deep/b.npy": b"12",
        "c": b"",
    }
    assert pickle.loads(pickle.dumps(one)).here() == here
    assert sorted(path.name for path in executor.iterdir() if path.is_dir()) == [here.name]


@pytest.mark.parametrize("wrong", [b"13", b"1", None])
def test_what_did_not_arrive_whole_is_named(executor: Path, wrong: bytes | None) -> None:
    one = sent(executor, {"a.npy": b"12"})
    arrived = executor / one.files[0][1]
    if wrong is None:
        arrived.unlink()
    else:
        arrived.write_bytes(wrong)
    with pytest.raises(DataError, match=r"/driver/vectors/a.npy: did not arrive whole at an executor"):
        one.here()
    assert [path for path in executor.iterdir() if path.is_dir()] == []
