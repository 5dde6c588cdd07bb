"""What the README says is so: its SQL, its backend, its configuration."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from fastapi.testclient import TestClient

from jobs.config.loader import load
from jobs.config.presets import names
from jobs.config.presets.settings import read
from tests.jobs.cli.understood import understood
from tests.releases import make_release

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("readme")
    return folder, make_release(folder)


@pytest.mark.parametrize("query", blocks("sql"))
def test_the_worked_examples_of_sql_find_something(shop, query):
    folder, release = shop
    with duckdb.connect(str(folder / "releases" / release / "catalog.duckdb"), read_only=True) as catalog:
        assert catalog.sql(query).fetchall()


def test_there_are_four_worked_examples_of_sql():
    assert len(blocks("sql")) == 4


def test_the_backend_answers(shop, monkeypatch):
    (code,) = blocks("python")
    monkeypatch.chdir(shop[0])
    defined: dict = {}
    exec(compile(code, "README.md", "exec"), defined)
    client = TestClient(defined["app"])
    hits = client.get("/recommend/user-1?k=5").json()
    assert [hit["source"] for hit in hits] == ["list"] * 5
    assert {hit["source"] for hit in client.get("/recommend/nobody").json()} == {"popular"}
    alike = client.get(f"/similar/{hits[0]['item']}?k=3").json()
    assert len(alike) == 3
    assert all(one["title"] for one in alike)


def test_the_configuration_loads(tmp_path):
    whole, with_preset, shown = blocks("toml")
    (tmp_path / "daybreak.toml").write_text(whole)
    assert len(load(tmp_path / "daybreak.toml", date(2026, 1, 2)).events) == 2
    (tmp_path / "daybreak.toml").write_text(whole + shown)
    assert load(tmp_path / "daybreak.toml", date(2026, 1, 2)).impressions[0].user_id == "visitor"
    (tmp_path / "daybreak.toml").write_text(with_preset + whole)
    night, preset = load(tmp_path / "daybreak.toml", date(2026, 1, 2)), read("sequence")
    assert (night.train, night.embed) == (replace(preset.train, epochs=8), preset.embed)


def test_the_presets_are_named():
    assert {name for name in names() if f"| `{name}` |" in TEXT} == set(names())


def test_the_commands_that_measure_are_understood():
    commands = [line.split()[1:] for line in TEXT.splitlines() if re.match("daybreak (evaluate|tune) ", line)]
    assert {words[0] for words in commands} == {"evaluate", "tune"}
    for words in commands:
        given = understood(words[: words.index(">")] if ">" in words else words).options["preset"]
        assert set(filter(None, given.split(","))) <= set(names())
