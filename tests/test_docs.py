"""What the manuals say is so: every command is understood, every query, configuration and program runs."""

import json
import re
import shlex
import shutil
import tomllib
from configparser import ConfigParser
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fastapi.testclient import TestClient

from jobs.config.loader import load
from jobs.config.presets import AUTO, names
from jobs.config.presets.settings import read
from jobs.demo.airflow import LOCAL_SPARK, POOL
from lookup.patches import patch
from tests.jobs.cli.understood import command_names, understood
from tests.run_tables import NIGHT
from tests.searchable import make_release_with_search

ROOT = Path(__file__).parents[1]
MANUALS = (
    "README.md",
    "lookup/README.md",
    "lookup/patches/README.md",
    "lookup/release/shards/README.md",
    "lookup/search/README.md",
    "lookup/serving/README.md",
    "lookup/travel/README.md",
    "jobs/README.md",
    "jobs/infra/kept/README.md",
    "jobs/infra/storage/README.md",
    "jobs/costs/README.md",
    "jobs/models/pretrained/README.md",
    "jobs/stages/ingest/README.md",
    "jobs/stages/validate/README.md",
    "dags/README.md",
    "tests/README.md",
)
RELEASE_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
LONGEST = {"README.md": 200}
"""Lines of a manual; 400 for the others."""


def blocks(manual: str, language: str) -> list[str]:
    """The blocks of a language in a manual, those in lists without their indentation."""
    text = (ROOT / manual).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.S | re.M)
    return [re.sub(rf"^{indent}", "", body, flags=re.M) for indent, body in found]


def each(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{manual} {n}")
        for manual in MANUALS
        for n, block in enumerate(blocks(manual, language), 1)
    ]


def shell_lines() -> list[Any]:
    return [
        pytest.param(line, id=f"{manual}: {line[:60]}")
        for manual in MANUALS
        for block in blocks(manual, "sh")
        for line in block.splitlines()
    ]


def extras_of(path: str) -> tuple[str, set[str]]:
    project = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]
    return project["name"], set(project["optional-dependencies"])


def check_command(words: list[str]) -> None:
    """Fail unless a command of a manual would do what it says."""
    match words:
        case ["daybreak", *rest]:
            presets = understood(rest).options.get("preset") or ""
            assert set(filter(None, presets.split(","))) <= {AUTO, *names()}
        case ["make", target, *_]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{target}:", makefile, re.M), f"no target {target}"
        case ["pip", "install", wanted]:
            name, _, extras = wanted.rstrip("]").partition("[")
            known = dict(extras_of(path) for path in ("pyproject.toml", "lookup/pyproject.toml"))
            assert set(filter(None, extras.split(","))) <= known[name]
        case ["python", "-m", module, *_]:
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        case ["tail", "-F", _]:
            assert shutil.which("tail")
        case ["airflow", *rest]:
            assert rest == POOL
        case ["export", setting]:
            assert setting == f"AIRFLOW_CONN_DAYBREAK_SPARK={LOCAL_SPARK}"
        case ["gunicorn", *_]:
            pass  # test_deployment runs it
        case _:
            pytest.fail(f"nothing checks {words}")


@pytest.mark.parametrize("line", shell_lines())
def test_every_command_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)
    if ">" in words:
        words = words[: words.index(">")]
    command: list[str] = []
    for word in [*words, "|"]:
        if word == "|":
            check_command(command)
            command = []
        else:
            command.append(word)


def test_every_command_of_the_command_line_is_in_a_manual() -> None:
    text = "\n".join((ROOT / manual).read_text(encoding="utf-8") for manual in MANUALS)
    assert {
        name for name in command_names() if f"`daybreak {name}" not in text and f"\ndaybreak {name}" not in text
    } == set()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with `releases/`, and the ids of two releases in it."""
    folder = tmp_path_factory.mktemp("docs")
    return folder, [make_release_with_search(folder, seed, NIGHT + timedelta(days=seed)) for seed in (1, 2)]


@pytest.mark.parametrize("query", each("sql"))
def test_queries_find_something(shop: tuple[Path, list[str]], query: str) -> None:
    folder, (_, release) = shop
    with duckdb.connect(str(folder / "releases" / release / "catalog.duckdb"), read_only=True) as catalog:
        assert catalog.sql(query).fetchall()


@pytest.mark.parametrize(
    "manual",
    [
        "README.md",
        "lookup/README.md",
        "lookup/search/README.md",
        "lookup/serving/README.md",
        "lookup/release/shards/README.md",
    ],
)
def test_programs_run(
    shop: tuple[Path, list[str]], manual: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The programs of a manual, one after the other, in the folder of a shop with these users, items and releases."""
    folder, ids = shop
    shutil.copytree(folder / "releases", tmp_path / "releases")
    monkeypatch.chdir(tmp_path)
    defined: dict[str, Any] = {}
    known = {"900": "user-1", "901": "user-2", "1029743": "item-1"}
    for block in blocks(manual, "python"):
        here = iter(ids)
        program = RELEASE_ID.sub(lambda _, here=here: next(here), block)
        for shown, real in known.items():
            program = program.replace(f'"{shown}"', f'"{real}"')
        exec(compile(program, manual, "exec"), defined)
    if "app" in defined:
        client = TestClient(defined["app"])
        assert len(client.get("/recommend/user-1?k=5").json()) == 5
        for k in ("0", "-1", "1000000", "many"):
            assert client.get(f"/recommend/user-1?k={k}").status_code == 422
            assert client.get(f"/similar/item-1?k={k}").status_code == 422
        assert {hit["source"] for hit in client.get("/recommend/nobody").json()} == {"popular"}
        alike = client.get("/similar/item-1?k=3").json()
        assert len(alike) == 3
        assert all(one["title"] for one in alike)


def test_the_configuration_loads(tmp_path: Path) -> None:
    (whole,) = blocks("README.md", "toml")
    one_table, grouped, searched = blocks("jobs/stages/ingest/README.md", "toml")
    with_preset, shown = blocks("jobs/README.md", "toml")
    path, day = tmp_path / "daybreak.toml", date(2026, 1, 2)
    path.write_text(whole)
    assert len(load(path, day).events) == 2
    path.write_text(whole + shown)
    assert load(path, day).impressions[0].user_id == "visitor"
    path.write_text(whole + searched)
    assert load(path, day).searches[0].session == "session_id"
    path.write_text(grouped + whole[whole.index("[[events]]") :])
    assert load(path, day).items.group == "parent_asin"
    path.write_text(one_table)
    assert load(path, day).events[0].guests == "basket"
    (priced,) = blocks("jobs/costs/README.md", "toml")
    path.write_text(whole + priced)
    assert load(path, day).costs.core_hour == 0.04
    (stored,) = blocks("jobs/infra/storage/README.md", "toml")
    path.write_text(stored + one_table)
    assert load(path, day).storage == "s3a://bucket/shop"
    path.write_text(with_preset + whole)
    night, preset = load(path, day), read("sequence")
    assert (night.train, night.embed) == (replace(preset.train, epochs=8), preset.embed)


def test_the_presets_are_named() -> None:
    text = (ROOT / "jobs/README.md").read_text(encoding="utf-8")
    assert {name for name in names() if f"| `{name}` |" in text} == set(names())


@pytest.mark.parametrize("block", each("json"))
def test_the_examples_of_patches_are_patches(block: str) -> None:
    kinds = [patch.decode(line).kind for line in block.splitlines()]
    assert kinds == ["item", "event", "forget"]


def test_uwsgi_has_threads() -> None:
    (block,) = blocks("lookup/README.md", "ini")
    settings = ConfigParser()
    settings.read_string(block)
    assert settings["uwsgi"]["enable-threads"] == "true"


@pytest.mark.parametrize("manual", [*MANUALS, "lookup/release/FORMAT.md"])
def test_links_lead_somewhere(manual: str) -> None:
    text = (ROOT / manual).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        there = (ROOT / manual).parent / path if path else ROOT / manual
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, target


@pytest.mark.parametrize("manual", MANUALS)
def test_files_that_a_manual_names_exist(manual: str) -> None:
    text = (ROOT / manual).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:lookup|jobs|dags|tests)/[\w/.]+)`", text):
        assert (ROOT / name).exists(), name


def test_tests_that_a_recipe_names_exist() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = {
        name for manual in MANUALS for name in re.findall(r"`(test_\w+)`", (ROOT / manual).read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert {name for name in named if f"def {name}(" not in sources} == set()


@pytest.mark.parametrize("manual", MANUALS)
def test_a_manual_is_short(manual: str) -> None:
    assert len((ROOT / manual).read_text(encoding="utf-8").splitlines()) <= LONGEST.get(manual, 400)


def test_the_demo_says_what_the_manual_says_of_it() -> None:
    """The columns that the README shows are those that the demo prints."""
    show = (ROOT / "jobs/demo/show.py").read_text(encoding="utf-8")
    assert all(text in show for text in ("How good", "The lookup", "means over"))


def test_json_of_the_airflow_connection_is_json() -> None:
    assert json.loads(LOCAL_SPARK)["conn_type"] == "spark"
