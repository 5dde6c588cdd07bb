"""Rollback, the gate and prune on the night that changes the schema, and in a folder of many schema versions."""

import fcntl
import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lookup
from jobs.cli.main import main
from jobs.config.config import Config
from jobs.errors import ValidationError
from jobs.infra.runs import Run
from jobs.infra.tables import EVALUATION
from jobs.infra.vector_store import VectorStore
from jobs.releases.announce import announce, releases, rollback
from jobs.releases.prune import prune, prune_log
from jobs.stages.build import assemble, catalog
from jobs.stages.build import job as build
from jobs.stages.evaluate.incumbent import prepare
from jobs.stages.publish import job as publish
from jobs.stages.validate import job as validate
from lookup.errors import ReleaseError, VersionError
from lookup.patches import patch as patches
from lookup.patches.patch_log import open_log
from lookup.release import catalog_schema, pointer
from lookup.release.arrays import write
from lookup.release.catalog_schema import CATALOG, Column, Table
from lookup.release.locks import LOCKED_FILE
from lookup.release.schema import FIRST_VERSION, SCHEMA_VERSION, UNSHARDED_VERSION
from lookup.sealed import sealed
from tests.jobs.releases.test_prune import CONFIG
from tests.lookup.marked import copy, id_of
from tests.lookup.release.versions import NEXT, at_next_version, set_version
from tests.releases import config_at, make_release, pass_validation
from tests.run_tables import NIGHT, Sizes, write_run

SIZES = Sizes(items=30, users=10)
TOO_OLD = FIRST_VERSION - 1


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("shop")
    return base / "releases" / make_release(base, sizes=SIZES)


@pytest.fixture
def four(source: Path, tmp_path: Path) -> Path:
    """Releases 1 to 4, announced one after the other; 1 and 3 are too old, 2 and 4 of today's version."""
    folder = tmp_path / "releases"
    folder.mkdir()
    for n in range(1, 5):
        pointer.announce(folder, copy(source, folder, n))
    for n in (1, 3):
        set_version(folder / id_of(n), TOO_OLD)
    return folder


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The night that changes the schema: today's release serves, the next version has built its challenger."""
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    build.run(None, config)
    validate.run(None, config)
    publish.run(None, config)
    after = replace(config, date=NIGHT + timedelta(days=1))
    write_run(after, 6, SIZES)
    become_next_version(monkeypatch)
    build.run(None, after)
    return after


def become_next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build releases of the next version, too: with its array, and a table and a column that older catalogs lack."""
    at_next_version(monkeypatch)
    write_arrays = assemble.write_arrays

    def with_shades(
        folder: Path, run: Run, vectors: VectorStore, features: dict[str, str], shards: None
    ) -> dict[str, int]:
        dims = write_arrays(folder, run, vectors, features, shards) | {"Z": 2}
        write(folder, "item_shade", np.zeros((SIZES.items, 2), dtype=np.int32), dims, vectors.space.space_id)
        return dims

    monkeypatch.setattr(assemble, "UNSHARDED_VERSION", NEXT)
    monkeypatch.setattr(assemble, "write_arrays", with_shades)
    shades = Table("shades", ("rank",), (Column("rank", "INTEGER", "from 1", NEXT),), "all shades", NEXT)
    for module in (catalog_schema, catalog):
        monkeypatch.setattr(module, "CATALOG", (*map(with_new_image, CATALOG), shades))


def with_new_image(table: Table) -> Table:
    """A table of the catalog; the images of items came with the next version."""
    columns = (replace(one, since=NEXT) if one.name == "image" else one for one in table.columns)
    return replace(table, columns=tuple(columns)) if table.name == "items" else table


def evaluated(config: Config, challenger: float, incumbent: float) -> None:
    """The table `evaluation` of 60 users whom the releases serve as well as this, and some noise."""
    noise = np.random.default_rng(1).uniform(0, 0.01, 60)
    rows = [
        (f"user-{user}", method, "all", 0.5, value + (noise[user] if method == "daybreak" else 0.0))
        for method, value in (("daybreak", challenger), ("in place", incumbent))
        for user in range(60)
    ]
    with config.run.replacing(EVALUATION.name) as folder:
        folder.mkdir()
        table = pa.table(dict(zip(EVALUATION.columns, zip(*rows, strict=True), strict=True)))
        pq.write_table(table, folder / "part-0.parquet")
    metrics = config.run.read_json("metrics.json")
    config.run.write_json("metrics.json", metrics | {"incumbent": pointer.read(config.releases)})


class TestTheNightThatChangesTheSchema:
    def test_the_challenger_is_compared_with_an_incumbent_of_the_version_before(self, night: Config) -> None:
        current = pointer.read(night.releases)
        with duckdb.connect(str(night.releases / current / "catalog.duckdb")) as db:
            db.execute("ALTER TABLE items DROP COLUMN image")
        evaluated(night, 0.4, 0.3)
        validate.run(None, night)
        written = night.run.read_json("validation.json")
        assert written["incumbent"] == current
        assert written["comparison"][0]["users"] == 60
        names = {finding["name"] for finding in written["findings"]}
        assert {f"items without title, against {current}", f"items against {current}"} <= names
        assert f"prices (5, 50, 95 %) against {current}" in names
        assert f"items without image, against {current}" not in names
        publish.run(None, night)
        serving = lookup.open(night.releases).release
        assert (serving.id, serving.schema_version) == (written["id"], NEXT)

    def test_a_challenger_that_lost_is_held(self, night: Config) -> None:
        evaluated(night, 0.2, 0.3)
        with pytest.raises(ValidationError, match=f"ndcg@20 of all against {pointer.read(night.releases)}"):
            validate.run(None, night)

    def test_evaluate_scores_the_incumbent(self, night: Config, tmp_path: Path) -> None:
        current = pointer.read(night.releases)
        found = prepare(night.releases, ["item-1", "item-2"], date(2026, 11, 20), tmp_path / "made")
        assert found is not None
        assert found[0] == current
        assert np.load(tmp_path / "made" / "item_vector.npy").shape == (2, SIZES.dimensions)

    def test_rolled_back_to_the_version_before(self, night: Config) -> None:
        current = pointer.read(night.releases)
        validate.run(None, night)
        publish.run(None, night)
        assert rollback(night.releases) == current == lookup.open(night.releases).release.id
        assert [row.problem for row in releases(night.releases)] == [None, None]


def test_a_release_built_before_the_change_is_validated_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daybreak was upgraded in the middle of a night."""
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    release_id = build.run(None, config)["release"]
    become_next_version(monkeypatch)
    validate.run(None, config)
    publish.run(None, config)
    serving = lookup.open(config.releases).release
    assert (serving.id, serving.schema_version) == (release_id, UNSHARDED_VERSION)


def test_rolled_back_from_a_release_of_a_newer_version(night: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Daybreak itself was rolled back first, and cannot open what CURRENT names."""
    current = pointer.read(night.releases)
    newer = night.run.read_json("release.json")["id"]
    pass_validation(night.releases / newer)
    announce(night.releases, newer)
    monkeypatch.undo()
    with pytest.raises(
        VersionError, match=f"schema version {NEXT} found; this Daybreak reads version.* {SCHEMA_VERSION}"
    ):
        lookup.open(night.releases)
    assert rollback(night.releases) == current == lookup.open(night.releases).release.id


def test_no_rollback_to_a_release_that_cannot_be_read(four: Path) -> None:
    with pytest.raises(VersionError, match=rf"{id_of(3)}/manifest.json: schema version {TOO_OLD} found"):
        rollback(four)
    with pytest.raises(VersionError, match=rf"{id_of(1)}/manifest.json: schema version {TOO_OLD} found"):
        announce(four, id_of(1))
    assert pointer.read(four) == id_of(4)


def test_all_versions_are_listed(four: Path) -> None:
    set_version(four / id_of(2), NEXT)
    (four / id_of(1) / "manifest.json").write_text("{")
    rows = releases(four)
    assert [row.id for row in rows] == [id_of(n) for n in (4, 3, 2, 1)]
    assert [row.other_version for row in rows] == [False, True, True, False]
    shown = [str(row) for row in rows]
    assert shown[0].startswith(f"* {id_of(4)}  night of ")
    assert f"{id_of(3)}  NOT READABLE: " in shown[1]
    assert f"schema version {TOO_OLD} found; this Daybreak reads" in shown[1]
    assert f"schema version {NEXT} found; this Daybreak reads" in shown[2]
    assert "a newer Daybreak wrote the release" in shown[2]
    assert f"{id_of(1)}  DAMAGED: " in shown[3]


def test_the_command_line_names_what_it_cannot_read(
    four: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "daybreak.toml"
    config.write_text(CONFIG)
    assert main(["releases", "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert shown.count(f"schema version {TOO_OLD} found; this Daybreak reads") == 2
    assert all(id_of(n) in shown for n in range(1, 5))
    for command in (["verify", id_of(3)], ["publish", id_of(3)], ["rollback"]):
        assert main([*command, "--config", str(config)]) == 1
        told = capsys.readouterr().err
        assert f"{id_of(3)}/manifest.json: schema version {TOO_OLD} found" in told
        assert "build the release again, or read it with the Daybreak that wrote it" in told
    assert main(["prune", "--keep", "2", "--dry-run", "--config", str(config)]) == 0
    assert f"left: it is to stay, but is not readable: {four / id_of(3)}" in capsys.readouterr().out


def test_prune_treats_all_versions_alike(four: Path) -> None:
    outcomes = list(prune(four, keep=2))
    assert [one.id for one in outcomes if one.why is None] == [id_of(1), id_of(2)]
    (stays,) = (one for one in outcomes if one.why is not None)
    assert stays.id == id_of(3)
    assert f"it is to stay, but is not readable: {four / id_of(3)}" in str(stays.why)
    assert {path.name for path in four.iterdir() if path.is_dir()} == {id_of(3), id_of(4)}


def test_a_newer_release_that_waits_to_be_published_stays(four: Path, source: Path) -> None:
    set_version(four / copy(source, four, 5), NEXT)
    outcomes = {one.id: one.why for one in prune(four, keep=1)}
    assert [one for one, why in outcomes.items() if why is None] == [id_of(n) for n in (1, 2, 3)]
    assert f"schema version {NEXT} found" in str(outcomes[id_of(5)])
    assert (four / id_of(5)).exists()


def test_a_release_of_another_version_that_is_read_stays(four: Path) -> None:
    """Another Daybreak reads it: its lock is on the same file."""
    with (four / id_of(1) / LOCKED_FILE).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        outcomes = {one.id: one.why for one in prune(four, keep=1)}
    assert "read it" in str(outcomes[id_of(1)])
    assert (four / id_of(1)).exists()
    assert not (four / id_of(3)).exists()


def test_the_patch_log_keeps_what_an_unreadable_release_may_need(four: Path) -> None:
    for n in (2, 4):
        path = four / id_of(n) / "manifest.json"
        path.write_text(sealed(json.loads(path.read_text()) | {"patches_until": 1}))
    with closing(open_log(four)) as log:
        log.append([patches.event("u", "item-1", "purchase", at=datetime(2026, 11, 1, tzinfo=UTC))])
        with pytest.raises(ReleaseError, match=rf"{id_of(1)}/manifest.json: .*The patch log keeps all its events"):
            prune_log(four, log, date(2026, 11, 20))
        assert len(log.events("u", 0)) == 1
        assert {one.id for one in prune(four, keep=1) if one.why is None} == {id_of(1), id_of(2), id_of(3)}
        assert prune_log(four, log, date(2026, 11, 20)) == 1
