"""The whole night on a cluster that shares nothing but storage with the driver, beside one on this machine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.night import JOBS
from lookup.release import pointer
from tests.same_release import MEASURED, differences
from tests.slices import NIGHT, write_slice
from tests.standalone import standalone

ROOT = Path(__file__).parents[2]
LEARNED = 0.05
"""How far a weight of the ranker may be off, of weights up to 7: it is learned from features."""
SHARDS = """
[build]
shards = 2
"""
STORAGE = """
"spark.hadoop.fs.viewfs.mounttable.night.link./shops" = "{stored}"
"spark.executor.memory" = "1g"
"""
Night = tuple[Path, dict[str, dict[str, Any]]]
"""The folder of a shop, and the receipts of its night by job."""


def assert_same(first: Path, second: Path) -> None:
    """Whether two releases list the same. Spark cuts a table that it sorts by a sample, whose seed counts what the
    session did before; so a product of matrices has other rows beside it, and another last bit, on one machine, too.
    """
    folders = first / "arrays", second / "arrays"
    names = [sorted(path.relative_to(one).as_posix() for path in one.rglob("*.npy")) for one in folders]
    assert names[0] == names[1]
    assert "shard-001/user_vector.npy" in names[0]
    for name in names[0]:
        one, other = (np.load(folder / name) for folder in folders)
        assert one.dtype == other.dtype, name
        if name in MEASURED:  # as wide as was found quickest
            assert len(one) == len(other)
        elif one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=LEARNED if name == "ranker.npy" else 1e-4)
        else:
            assert (one.shape, one.tobytes()) == (other.shape, other.tobytes()), name


def run(config: Path, master: str, *jobs: str) -> dict[str, dict[str, Any]]:
    """Run the night of a configuration, or some of its jobs; returns its receipts by job."""
    command = [*(["job", *jobs] if jobs else ["run"]), "--config", str(config), "--date", NIGHT, "--master", master]
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    receipts = (config.parent / "work" / "runs" / NIGHT / "receipts").glob("*.json")
    return {one["job"]: one for one in (json.loads(path.read_text()) for path in receipts)}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night of the same shop on a cluster for which the driver's folders do not exist, nor this checkout.

    Beside it, in `seen`, is what the cluster sees: the storage, and the folders of the workers.
    """
    base = tmp_path_factory.mktemp("apart")
    folder, seen = base / "driver", base / "seen"
    (seen / "stored").mkdir(parents=True)
    config = write_slice(folder, users=60, items=600)
    text = re.sub(r'^work = "work".*$', 'work = "viewfs://night/shops/one"', config.read_text(), flags=re.MULTILINE)
    config.write_text(text + STORAGE.format(stored=(seen / "stored").as_uri()) + SHARDS)
    with standalone(seen, [folder, *(ROOT / name for name in ("jobs", "lookup", "tests"))]) as master:
        return folder, run(config, master)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, apart: Night) -> Night:
    """A night on this machine with the same model: the last bits of two fits with several threads may differ."""
    folder = tmp_path_factory.mktemp("here")
    config = write_slice(folder, users=60, items=600)
    config.write_text(config.read_text() + SHARDS)
    shutil.copytree(apart[0] / "work" / "models", folder / "work" / "models")
    return folder, run(config, "local[2]")


def test_it_makes_the_same_lists_as_one_machine(here: Night, apart: Night) -> None:
    (folder, receipts), (other, others) = here, apart
    assert set(receipts) == set(others) == set(JOBS)
    assert (others["train"]["trained"], receipts["train"]["trained"]) == (True, False)
    assert others["topk"]["used"]["task_seconds"] > 0
    assert_same(*(one / "releases" / pointer.read(one / "releases") for one in (folder, other)))
    data = other.parent / "seen" / "stored" / "one" / "data"
    assert len(list(data.iterdir())) > 20
    assert not list(data.rglob("_temporary"))


def test_a_driver_without_its_disk_goes_on_from_storage(apart: Night) -> None:
    folder, _ = apart
    releases = folder / "releases"
    before = releases / pointer.read(releases)
    shutil.rmtree(folder / "work")
    receipts = run(folder / "daybreak.toml", "local[1]", "build", "validate", "publish")
    assert set(receipts) == set(JOBS)
    after = releases / pointer.read(releases)
    assert after != before
    assert differences(before, after) == []
