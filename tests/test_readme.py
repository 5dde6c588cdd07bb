"""What the README says is so: its tables, its SQL, its backend, its configuration."""

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest
from fastapi.testclient import TestClient

from jobs.config import load
from tests.readme import README, with_tables
from tests.releases import make_release

TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("readme")
    return folder, make_release(folder)


def test_the_tables_are_those_of_the_schema():
    assert with_tables(TEXT) == TEXT, "run `python -m tests.readme`"


@pytest.mark.parametrize("query", blocks("sql"))
def test_the_worked_examples_of_sql_find_something(shop, query):
    folder, release = shop
    with duckdb.connect(str(folder / "releases" / release / "catalog.duckdb"), read_only=True) as catalog:
        assert catalog.sql(query).fetchall()


def test_there_are_three_worked_examples_of_sql():
    assert len(blocks("sql")) == 3


def test_the_backend_answers(shop, monkeypatch):
    (code,) = blocks("python")
    monkeypatch.chdir(shop[0])
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    client = TestClient(names["app"])
    hits = client.get("/recommend/user-1?k=5").json()
    assert [hit["source"] for hit in hits] == ["list"] * 5
    assert {hit["source"] for hit in client.get("/recommend/nobody").json()} == {"popular"}
    alike = client.get(f"/similar/{hits[0]['item']}?k=3").json()
    assert len(alike) == 3
    assert all(one["title"] for one in alike)


def test_the_configuration_loads(tmp_path):
    (toml,) = blocks("toml")
    (tmp_path / "daybreak.toml").write_text(toml)
    assert len(load(tmp_path / "daybreak.toml", date(2026, 1, 2)).events) == 2
