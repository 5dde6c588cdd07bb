"""What a build makes, from tables written as Spark writes them."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import annoy
import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

import lookup
from jobs.config.config import Config
from jobs.errors import MissingStepError
from jobs.infra.tables import ITEM_TOPK, POPULAR, USER_AGAIN, USER_TOPK, USER_UNSEEN
from jobs.infra.vector_store import ITEM_ARRAYS, VectorStore
from jobs.stages.build import job as build
from jobs.stages.build.release_folder import building
from lookup import Release, ReleaseError
from lookup.release import pointer
from lookup.release.catalog_schema import CATALOG
from lookup.release.locks import open_locked
from lookup.release.schema import ARRAYS, NO_ITEM, NONE, UNSHARDED_VERSION, WHOLE_SHOP
from tests.jobs.stages.build.conftest import SIZES
from tests.releases import config_at, make_release, rewrite
from tests.run_tables import FEATURES, Sizes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("build")
    return base / "releases" / make_release(base, seed=4, sizes=SIZES)


@pytest.fixture(scope="module")
def release(made: Path) -> Release:
    return Release(made, verify=True)


def query(made: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(made / "catalog.duckdb"), read_only=True) as db:
        return db.sql(sql).fetchall()


def test_the_arrays_equal_the_tables(made: Path, release: Release) -> None:
    """Every list of the hot path, id by id and score by score, is what SQL says; and the other way round."""
    families = dict.fromkeys(("user_topk", "user_unseen", "user_again"), (release.users, "user_id"))
    families |= {"item_topk": (release.items, "similar_to")}
    for name, (keys, key) in families.items():
        rows = query(made, f"SELECT {key}, rank, item_id, score FROM {name} ORDER BY {key}, rank")
        lists = getattr(release, name)
        held = [
            (keys.id(row), rank, release.items.id(item), score)
            for row in range(len(keys))
            for rank, (item, score) in enumerate(zip(*lists.top(row, 1000), strict=True), 1)
        ]
        assert rows == sorted(held)
        assert rows
    names = ["", *list(map(release.categories.id, range(len(release.categories))))]
    held = [
        (name, rank, release.items.id(item), score)
        for row, name in enumerate(names)
        for rank, (item, score) in enumerate(zip(*release.popular.top(row, 1000), strict=True), 1)
    ]
    assert query(made, "SELECT * FROM popular ORDER BY category, rank") == sorted(held)
    assert [row for (row,) in query(made, "SELECT user_id FROM users ORDER BY sha256(user_id)")] == list(
        map(release.users.id, range(SIZES.users))
    )


def test_item_records_equal_the_table(made: Path, release: Release) -> None:
    columns = [column.name for column in next(table for table in CATALOG if table.name == "items").columns]
    quoted = ", ".join(f'"{column}"' for column in columns)
    rows = query(made, f"SELECT {quoted} FROM items ORDER BY sha256(item_id)")
    records = [release.record(n) for n in range(SIZES.items)]
    for record in records:
        assert all(
            type(known) is (float if FEATURES[n] == "number" else str) for n, known in record["features"].items()
        )
        record["features"] = {name: str(known) for name, known in record["features"].items()}
    assert [dict(zip(columns, row, strict=True)) for row in rows] == records
    assert any(record["features"] for record in records)


def test_what_is_known_of_items_equals_their_records(release: Release) -> None:
    names = release.categories.id
    for row in range(SIZES.items):
        record = release.record(row)
        assert [names(c) for c in release.item_category[row] if c != NONE] == record["category"]
        brand = release.item_brand[row]
        assert (None if brand == NONE else release.brands.id(brand)) == record["brand"]
        price = release.item_price[row]
        assert (None if np.isnan(price) else price) == record["price"]
        assert release.item_in_stock[row] == record["in_stock"]
        known = dict(zip(release.features, release.item_feature[row].tolist(), strict=True))
        found = {
            name: release.values.id(int(value)) if release.features[name] == "text" else value
            for name, value in known.items()
            if not np.isnan(value)
        }
        assert found == record["features"]
    order = np.argsort(-release.item_popularity, kind="stable")[:12]
    assert order.tolist() == release.popular.top(WHOLE_SHOP, 12)[0]
    assert release.item_popularity[order].tolist() == release.popular.top(WHOLE_SHOP, 12)[1]


def test_the_day_recomputes_the_vectors_of_the_night(release: Release) -> None:
    """To the last digit, from the history that the release carries."""
    night = (date.fromisoformat(release.manifest.date) - date(1970, 1, 1)).days
    for row in range(SIZES.users):
        rows, days, weights = release.history(row)
        assert len(rows) > 3
        assert (np.diff(days) >= 0).all()
        inputs, ages = release.item_input[rows], (night - days).astype(float)
        vector = release.encoder.user_vector(inputs, ages, weights.astype(float))
        np.testing.assert_array_equal(vector, release.user_vector[row])


def test_vectors_are_the_runs(made: Path, release: Release) -> None:
    run = config_at(made.parent.parent).run
    vectors = VectorStore.of(run)
    for array in ITEM_ARRAYS:
        np.testing.assert_array_equal(release.arrays[array.name], vectors.array(array.name))
    order = [release.labels.find(label) for label in vectors.labels]
    for name in ("label_vector", "label_text"):
        np.testing.assert_array_equal(release.arrays[name][order], vectors.array(name))
    np.testing.assert_array_equal(release.arrays["label_map"], vectors.array("label_map"))
    users = pq.read_table(run.path("user_vectors")).sort_by("user").to_pydict()
    np.testing.assert_array_equal(release.arrays["user_vector"], np.array(users["vector"], dtype=np.float32))
    assert list(map(release.users.id, users["user"])) == users["user_id"]


def test_the_catalog_is_the_schema(made: Path) -> None:
    for table in CATALOG:
        found = query(made, f"DESCRIBE {table.name}")
        assert [(name, kind) for name, kind, *_ in found] == [(c.name, c.type) for c in table.columns]
        tables = "SELECT table_name AS name, comment FROM duckdb_tables()"
        views = "SELECT view_name, comment FROM duckdb_views()"
        described = query(made, f"SELECT comment FROM ({tables} UNION {views}) WHERE name = '{table.name}'")
        assert described == [(table.doc,)]
        comments = query(made, f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{table.name}'")
        assert dict(comments) == {column.name: column.doc or None for column in table.columns}
        keys = ", ".join(table.key)
        assert query(made, f"SELECT {keys} FROM {table.name} GROUP BY ALL HAVING count(*) > 1") == []


def test_the_catalog_says_why(made: Path) -> None:
    """What the day says of an item of a list is what the night wrote."""
    shop = lookup.open(made.parent, pin=made.name)
    rows = query(
        made, "SELECT user_id, rank, because_item, share FROM because JOIN users USING (user_id) ORDER BY 1, 2"
    )
    assert len(rows) > 100
    for user, rank, item, share in rows[::7]:
        ((listed,),) = query(made, f"SELECT item_id FROM user_topk WHERE user_id = '{user}' AND rank = {rank}")
        why = shop.explain(user, listed)
        shares = {one.item_id: one.share + why.again * (one.item_id == listed) for one in why.because}
        assert max(shares.values()) == pytest.approx(share, rel=1e-4, abs=1e-5)
        assert shares[item] == pytest.approx(share, rel=1e-4, abs=1e-5)
    shop.close()


def test_users_events_metrics_and_manifest_in_the_catalog(made: Path, release: Release) -> None:
    assert query(made, "SELECT count(DISTINCT last_event), min(last_event)::VARCHAR FROM users") == [
        (1, "2026-11-21 19:00:00")
    ]
    assert query(made, "SELECT sum(events), count(DISTINCT day), min(day)::VARCHAR FROM events_per_day") == [
        (400, 5, "2026-11-17")
    ]
    metrics = query(made, "SELECT method, metric, value, users FROM metrics")
    assert sorted(metrics) == sorted(
        (m["method"], m["metric"], m["value"], m["users"]) for m in release.manifest.metrics
    )
    facts = dict(query(made, "SELECT key, value FROM manifest"))
    assert facts["id"] == made.name
    assert facts["space_id"] == release.manifest.space_id
    assert json.loads(facts["dims"]) == release.manifest.dims
    assert "files" not in facts


@pytest.mark.parametrize("view", ["recommendations", "discoveries", "buy_again", "similar_items", "popular_items"])
def test_views_name_the_items(made: Path, view: str) -> None:
    assert query(made, f"SELECT count(*) > 0 AND count(*) = count(title) FROM {view}") == [(True,)]


def test_the_index_opens_with_plain_annoy(made: Path, release: Release) -> None:
    index = annoy.AnnoyIndex(release.manifest.annoy.f, "angular")
    index.load(str(made / "items.ann"))
    assert index.get_n_items() == SIZES.items
    assert index.get_n_trees() == release.manifest.annoy.trees == 30
    np.testing.assert_array_equal(index.get_item_vector(7)[:-1], release.item_vector[7])


def test_the_manifest_says_what_is_there(made: Path, release: Release) -> None:
    manifest = release.manifest
    there = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert set(manifest.files) == there - {"manifest.json"}
    assert {f"arrays/{array.name}.npy" for array in ARRAYS} < there
    assert manifest.schema_version == UNSHARDED_VERSION
    assert manifest.counts == {"items": 50, "users": 30, "categories": 5, "events": 400}
    assert manifest.receipt[0]["job"] == "ingest"
    assert manifest.index_choice.recall >= 0.9
    assert manifest.patches_until == 0
    assert manifest.parent is None


def test_a_build_names_itself_and_its_parent(config: Config) -> None:
    write_first = build.run(None, config)["release"]
    assert config.run.read_json("release.json") == {"id": write_first}
    assert not (config.releases / "CURRENT").exists()
    pointer.announce(config.releases, write_first)
    second = build.run(None, config)
    assert lookup.release.manifest.read(config.releases / second["release"]).parent == write_first
    report = (config.releases / second["release"] / "report.html").read_text()
    assert f"Incumbent: {write_first}" in report
    assert "incumbent, on its own night" in report


def test_a_release_says_how_far_it_has_read_the_patches(config: Config) -> None:
    config.run.write_json("patches.json", {"position": 17, "log": {"id": "a", "mark": "b"}})
    release_id = build.run(None, config)["release"]
    made = Release(config.releases / release_id, verify=True).manifest
    assert (made.patches_until, made.patches_log) == (17, {"id": "a", "mark": "b"})


def test_built_again_without_leftovers(config: Config) -> None:
    first = build.run(None, config)["release"]
    (config.releases / ".building-20260101T000000Z-0000").mkdir()
    second = build.run(None, config)["release"]
    assert [path.name for path in config.releases.iterdir()] == [second] != [first]
    pointer.announce(config.releases, second)
    third = build.run(None, config)["release"]  # what was announced stays, whatever runs again
    assert {path.name for path in config.releases.iterdir()} == {second, third, "CURRENT", "HISTORY"}


def test_what_a_process_reads_or_builds_is_no_leftover(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """An arm of a test that was never announced, and the folder of another build."""
    first = build.run(None, config)["release"]
    arm = open_locked(config.releases, first)
    with building(config.releases, "20260101T000000Z-0000") as folder:
        second = build.run(None, config)["release"]
        assert folder.exists()
        (folder / "whole").touch()
    assert (config.releases / "20260101T000000Z-0000" / "whole").exists()
    assert f"build not removed release={first}" in capsys.readouterr().out
    assert arm.path.exists()
    del arm
    build.run(None, config)
    assert not (config.releases / second).exists()
    assert (config.releases / first).exists()  # of no run any more: `daybreak prune` removes it


def test_what_a_damaged_history_may_have_announced_stays(config: Config) -> None:
    first = build.run(None, config)["release"]
    pointer.announce(config.releases, first)
    path = config.releases / "HISTORY"
    path.write_bytes(path.read_bytes().replace(b"publish", b"qublish"))
    (config.releases / "CURRENT").write_text("20260101T000000Z-0000\n")
    build.run(None, config)
    assert (config.releases / first).exists()


def test_a_run_that_names_no_release_is_refused(config: Config) -> None:
    config.run.write_json("release.json", {"id": "../../elsewhere"})
    with pytest.raises(ReleaseError, match="is not the id of a release"):
        build.run(None, config)


def test_a_build_that_fails_leaves_nothing(config: Config) -> None:
    shutil.rmtree(config.run.path("events"))
    with pytest.raises(MissingStepError, match="daybreak job ingest"):
        build.run(None, config)
    assert list(config.releases.iterdir()) == []


@pytest.mark.parametrize("sizes", [Sizes(items=1, users=1, k=1, similar=0, again=1), Sizes(users=0), Sizes(again=0)])
def test_odd_sizes(tmp_path: Path, sizes: Sizes) -> None:
    """One item, no user, no buy-again list: a release all the same, and it serves."""
    make_release(tmp_path, sizes=sizes)
    shop = lookup.open(tmp_path / "releases", verify=True)
    assert shop.recommend("user-0", k=3)
    assert shop.recommend("x", k=3, history=["item-0"])[0].source == "session"
    assert bool(shop.buy_again("user-0")) == (sizes.users > 0 and sizes.again > 0)


def test_short_lists_end_with_no_item(config: Config) -> None:
    def cut(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            keep = row["user"] % 4
            row["items"], row["scores"] = row["items"][:keep], row["scores"][:keep]

    rewrite(config, "user_topk", cut)
    release = Release(config.releases / build.run(None, config)["release"])
    assert release.manifest.dims["K"] == 3
    lengths = (release.user_topk.items != NO_ITEM).sum(axis=1)
    np.testing.assert_array_equal(lengths, np.arange(30) % 4)
    assert len(release.user_topk.top(2, 3)[0]) == 2
    assert release.user_topk.top(0, 3) == ([], [])


def test_tests_and_jobs_agree_on_the_columns(config: Config) -> None:
    """The tables that these tests write have the columns that Spark's jobs write."""
    for table in (USER_TOPK, USER_UNSEEN, USER_AGAIN, ITEM_TOPK, POPULAR):
        assert pq.read_table(config.run.path(table.name)).column_names == table.columns
