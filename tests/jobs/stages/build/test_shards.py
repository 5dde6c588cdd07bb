"""A release in shards has what one without has, divided; and tables that do not fit its shards are told."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.config.config import Config
from jobs.config.release import BuildConfig
from jobs.errors import DataError, MissingStepError
from jobs.infra.runs import SHARD
from jobs.releases.arrays.user_arrays import FOLDER, USERS, ShardPlan, shard_dims
from jobs.stages.build import job as build
from jobs.stages.validate import job as validate
from lookup.release import manifest
from lookup.release.reader import Release
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=50, users=30)
SHARDS = 40
"""Of which some have no user."""
LISTS = ("user_topk", "user_unseen", "because", "user_again", "item_topk")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, Release, Config]:
    """The release of a run without shards, and with them; and the configuration of the second."""
    made = []
    for shards in (1, SHARDS):
        config = config_at(tmp_path_factory.mktemp("shop"), sizes=SIZES, shards=shards)
        write_run(config, 5, SIZES)
        made.append(Release(config.releases / build.run(None, config)["release"], verify=True))
    return made[0], made[1], config


def test_the_shards_are_the_arrays_in_their_order(both: tuple[Release, Release, Config]) -> None:
    whole, parted, _ = both
    sizes = [len(users) for users in parted.shards if users is not None]
    assert (len(sizes), sum(sizes), min(sizes)) == (SHARDS, SIZES.users, 0)
    for name, array in parted.arrays.items():
        if "sketch" not in name:  # as wide as the build found quickest
            np.testing.assert_array_equal(array, whole.arrays[name], name)
    for name in {*whole.arrays} - {*parted.arrays}:
        parts = [users.arrays[name] for users in parted.shards if users is not None]
        if name.endswith("_offsets"):
            parts = [np.diff(part) for part in parts]
            np.testing.assert_array_equal(np.concatenate(parts), np.diff(whole.arrays[name]), name)
        else:
            np.testing.assert_array_equal(np.concatenate(parts), whole.arrays[name], name)
    assert {key: size for key, size in parted.manifest.dims.items() if key != "R"} == {
        key: size for key, size in whole.manifest.dims.items() if key != "R"
    }


def test_sql_sees_the_same(both: tuple[Release, Release, Config]) -> None:
    whole, parted, _ = both
    with duckdb.connect() as db:
        for name, release in (("a", whole), ("b", parted)):
            db.execute(f"ATTACH '{release.path / 'catalog.duckdb'}' AS {name} (READ_ONLY)")
        for table in (
            "users",
            "user_topk",
            "user_unseen",
            "because",
            "user_again",
            "recommendations",
            "stored.user_rows",
        ):
            one, other = (db.sql(f"FROM {name}.{table} ORDER BY ALL").fetchall() for name in "ab")
            assert one == other != [], table


def test_a_release_without_shards_is_as_ever(both: tuple[Release, Release, Config]) -> None:
    whole, parted, _ = both
    assert (whole.manifest.schema_version, parted.manifest.schema_version) == (7, 8)
    assert "shards" not in json.loads((whole.path / manifest.FILE).read_text())
    assert not list((whole.path / "arrays").glob("shard-*"))
    assert sum(one["U"] for one in parted.manifest.shards or []) == SIZES.users


def test_validate_checks_all_shards(both: tuple[Release, Release, Config]) -> None:
    _, _, config = both
    counts = validate.run(None, config)
    findings = config.run.read_json("validation.json")["findings"]
    assert [one for one in findings if not one["ok"]] == [], counts
    assert {"users with another id in the run", "users with a full list in user_topk"} <= {
        one["name"] for one in findings
    }


@pytest.fixture
def config(both: tuple[Release, Release, Config], tmp_path: Path) -> Config:
    """A copy of the run with shards."""
    shutil.copytree(both[2].work, tmp_path / "work")
    return config_at(tmp_path, sizes=SIZES, shards=SHARDS)


def test_another_number_of_shards_needs_the_jobs_before(config: Config) -> None:
    other = replace(config, build=BuildConfig(shards=5))
    with pytest.raises(MissingStepError, match=r"40 shards, and \[build\] asks for 5; run `daybreak job embed_users`"):
        build.run(None, other)
    with pytest.raises(MissingStepError, match="not in 5 shards"):
        ShardPlan.of(config.run, 5, {}, "")
    shutil.rmtree(config.run.path(FOLDER))
    with pytest.raises(MissingStepError, match=r"user_arrays.* is missing: run `daybreak job topk"):
        build.run(None, config)


def test_a_user_in_a_wrong_shard_is_told(config: Config, both: tuple[Release, Release, Config]) -> None:
    _, parted, _ = both
    sizes = [len(users) for users in parted.shards if users is not None]
    shard = next(n for n in range(SHARDS - 1) if sizes[n] and not sizes[n + 1])
    folder = config.run.path(USERS)
    (folder / f"{SHARD}={shard}").rename(folder / f"{SHARD}={shard + 1}")
    plan = ShardPlan.of(config.run, SHARDS, {"D": 6, **shard_dims(config.run)}, parted.manifest.space_id)
    out = config.run.path(FOLDER)
    shutil.rmtree(out / "arrays")
    with pytest.raises(DataError, match=rf"{SHARD}={shard + 1}: it holds a user of another shard"):
        plan.write(out, shard + 1)
    assert sorted(path.name for path in out.iterdir()) == ["_made_from.json", "shards.json"]


def test_a_second_attempt_at_a_shard_harms_nothing(config: Config, both: tuple[Release, Release, Config]) -> None:
    _, parted, _ = both
    plan = ShardPlan.of(config.run, SHARDS, {"D": 6, **shard_dims(config.run)}, parted.manifest.space_id)
    out = config.run.path(FOLDER)
    before = {path: path.stat().st_ino for path in out.rglob("*.npy")}
    assert plan.write(out, 3) == (parted.manifest.shards or [])[3]
    assert {path: path.stat().st_ino for path in out.rglob("*.npy")} == before
    assert not list(out.glob(".attempt-*"))


def test_a_damaged_table_of_a_shard_is_named(config: Config) -> None:
    part = next(iter(config.run.path("user_topk").glob(f"{SHARD}=*")))
    file = next(part.glob("*.parquet"))
    table = pq.read_table(file)
    pq.write_table(table.set_column(0, "user", [[SIZES.users] * len(table)]), file)
    plan = ShardPlan.of(config.run, SHARDS, {"D": 6, **shard_dims(config.run)}, "0" * 16)
    shard = int(part.name.partition("=")[2])
    with pytest.raises(DataError, match=rf"{part.name}: column user goes from .* to {SIZES.users};"):
        plan.write(config.run.path(FOLDER), shard)
