"""The whole night on a cluster of two executor processes, each with a GPU that is announced and is not there."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import lookup
from jobs.night import JOBS
from tests.slices import NIGHT, write_slice

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
seconds = 20
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
    command = ["run", "--config", str(config), "--date", NIGHT, "--master", "local-cluster[2,1,2048]"]
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    receipts = (folder / "work" / "runs" / NIGHT / "receipts").glob("*.json")
    return folder, {r["job"]: r for r in (json.loads(p.read_text()) for p in receipts)}


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
