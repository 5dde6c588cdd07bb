"""The whole night on clusters of two executor processes, each with a GPU that is announced and is not there: one whose
executors see the driver's folders, and one that shares nothing but storage with them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import lookup
from jobs.night import JOBS, WITHOUT_SPARK
from lookup.release import pointer
from tests.same_release import differences
from tests.slices import NIGHT, write_slice
from tests.standalone import standalone

ROOT = Path(__file__).parents[2]

# The script announces two addresses. Both workers stand on one machine and each asks it; told the same, both would lend
# address 0, so the first is told 0 and the second 1.
DISCOVERY = """#!/bin/sh
if mkdir {taken} 2>/dev/null; then address=0; else address=1; fi
echo "{{\\"name\\": \\"gpu\\", \\"addresses\\": [\\"$address\\"]}}"
"""

GPUS = """
"spark.worker.resource.gpu.amount" = "1"
"spark.worker.resource.gpu.discoveryScript" = "{script}"
"spark.executor.resource.gpu.amount" = "1"
"spark.task.resource.gpu.amount" = "1"
"spark.executor.memory" = "1g"
"""
SHARDS = 3
LITTLE_TEXT = f"""
[build]
shards = {SHARDS}

[train_text]
enabled = true
pairs = 150
items = 150
epochs = 1
seconds = 600
"""
STORAGE = """
"spark.hadoop.fs.viewfs.mounttable.night.link./shops" = "{stored}"
"spark.executor.resource.gpu.amount" = "1"
"spark.task.resource.gpu.amount" = "1"
"spark.executor.memory" = "1g"
"""
GPU = """#!/bin/sh
echo '{"name": "gpu", "addresses": ["NUMBER"]}'
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, object]]]:
    """The folder of a shop after a night on the cluster, and the receipts by job."""
    folder = tmp_path_factory.mktemp("cluster")
    config = write_slice(folder, users=60, items=600)
    script = folder / "gpus.sh"
    script.write_text(DISCOVERY.format(taken=folder / "first"))
    script.chmod(0o755)
    config.write_text(config.read_text() + GPUS.format(script=script) + LITTLE_TEXT)
    return folder, run(config, "local-cluster[2,1,2048]")


def run(config: Path, master: str, *jobs: str) -> dict[str, dict[str, object]]:
    """Run the night of a configuration, or some of its jobs; returns its receipts by job."""
    command = [*(["job", *jobs] if jobs else ["run"]), "--config", str(config), "--date", NIGHT, "--master", master]
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    receipts = (config.parent / "work" / "runs" / NIGHT / "receipts").glob("*.json")
    return {r["job"]: r for r in (json.loads(p.read_text()) for p in receipts)}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, dict[str, object]]]:
    """The folder of the same shop, the one where its storage lies, and the receipts, after a night on a cluster for
    which the driver's folders do not exist, nor this checkout."""
    folder, seen = tmp_path_factory.mktemp("driver"), tmp_path_factory.mktemp("seen")
    config = write_slice(folder, users=60, items=600)
    text = re.sub(r'^work = "work".*$', 'work = "viewfs://night/shops/one"', config.read_text(), flags=re.M)
    (seen / "stored").mkdir()
    config.write_text(text + STORAGE.format(stored=(seen / "stored").as_uri()) + LITTLE_TEXT)
    options = []
    for number in "01":
        script = seen / f"gpu{number}.sh"
        script.write_text(GPU.replace("NUMBER", number))
        script.chmod(0o755)
        gpu = "-Dspark.worker.resource.gpu"
        options.append(f"{gpu}.amount=1 {gpu}.discoveryScript={script}")
    with standalone(seen, [folder, ROOT / "jobs", ROOT / "lookup", ROOT / "tests"], options) as master:
        return folder, seen, run(config, master)


def test_every_job_ran_and_the_release_is_served(night):
    folder, receipts = night
    assert set(receipts) == set(JOBS)
    shop = lookup.open(folder / "releases", verify=True)
    assert shop.release.dims["U"] == receipts["embed_users"]["users"] > 20
    assert {hit.source for hit in shop.recommend("1", k=20)} == {"list"}
    assert shop.stats()["shards"] == {"of": SHARDS, "served": [*range(SHARDS)], "elsewhere": 0}


def test_tasks_wrote_the_shards_that_sql_and_a_host_of_one_of_them_read(night):
    folder, _ = night
    whole, one = lookup.open(folder / "releases"), lookup.open(folder / "releases", shards=[1])
    with duckdb.connect(str(folder / "releases" / whole.release.id / "catalog.duckdb"), read_only=True) as catalog:
        users = [user for (user,) in catalog.sql("SELECT user_id FROM users").fetchall()]
        listed = dict(catalog.sql("SELECT user_id, list(item_id ORDER BY rank) FROM user_topk GROUP BY ALL").fetchall())
    here = [user for user in users if one.serves(user)]
    assert 0 < len(here) < len(users)
    for user in users:
        hits = whole.recommend(user, k=20)
        assert [hit.item_id for hit in hits] == listed[user][:20]
        assert (one.recommend(user, k=20) == hits) == one.serves(user) == (lookup.shard_of(user, SHARDS) == 1)


def test_each_task_took_the_device_lent_to_it_and_fell_back_to_the_cpu(night):
    _, receipts = night
    assert receipts["embed_items"]["gpus_lent"] == ["0", "1"]
    assert receipts["embed_items"]["devices"] == ["cpu"]


def test_what_the_executors_took_is_counted_and_a_gpu_that_is_not_there_is_not(night):
    _, receipts = night
    used = {job: receipt["used"] for job, receipt in receipts.items()}
    for job in ("embed_items", "embed_users", "topk"):
        assert used[job]["task_seconds"] > 0
        assert used[job]["cpu_seconds"] > 0
        assert used[job]["rows_out"] > 0
        assert used[job]["spark_seconds"] <= receipts[job]["seconds"]
    assert {one["device_seconds"] for one in used.values()} == {0}
    assert used["ingest"]["rows_in"] > used["ingest"]["rows_out"] / 2
    assert used["ingest"]["start_seconds"] > 0
    assert used["topk"]["start_seconds"] == 0


def test_the_text_model_was_fine_tuned_by_a_task(night):
    _, receipts = night
    assert receipts["train_text"]["trained"]
    assert receipts["train_text"]["device"] == "cpu"


def test_a_cluster_that_shares_nothing_but_storage_makes_the_same_release(night, apart):
    (folder, receipts), (other, seen, others) = night, apart
    assert set(others) == set(JOBS)
    assert others["embed_items"]["gpus_lent"] == ["0", "1"]
    assert {name: one["rows_out"] for name, one in used(others).items()} == {
        name: one["rows_out"] for name, one in used(receipts).items()
    }
    releases = [one / "releases" / pointer.read(one / "releases") for one in (folder, other)]
    assert differences(*releases) == []
    assert not list((seen / "stored").rglob("_temporary"))


def used(receipts: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """What the jobs took that ran in Spark."""
    return {name: one["used"] for name, one in receipts.items() if name not in WITHOUT_SPARK}


def test_a_driver_without_its_disk_goes_on_from_storage(apart):
    folder, _, _ = apart
    releases = folder / "releases"
    before = releases / pointer.read(releases)
    shutil.rmtree(folder / "work")
    receipts = run(folder / "daybreak.toml", "local[1]", "build", "validate", "publish")
    assert set(receipts) == set(JOBS)
    after = releases / pointer.read(releases)
    assert after != before
    assert differences(before, after) == []
