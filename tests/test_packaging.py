"""The two distributions: what they hold, and that they belong together."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def read(path: str) -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))
    return data


NIGHT, DAY = read("pyproject.toml"), read("lookup/pyproject.toml")


def test_both_have_one_version_and_the_night_depends_on_it() -> None:
    version = NIGHT["project"]["version"]
    assert DAY["project"]["version"] == version
    assert f"daybreak-lookup=={version}" in NIGHT["project"]["dependencies"]
    assert NIGHT["project"]["optional-dependencies"]["redis"] == [f"daybreak-lookup[redis]=={version}"]


def test_a_backend_gets_three_packages_and_no_more() -> None:
    names = {dependency.partition(">")[0] for dependency in DAY["project"]["dependencies"]}
    assert names == {"numpy", "duckdb", "annoy"}


def test_every_package_of_lookup_is_in_its_distribution() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "lookup").rglob("*.py")}
    assert sorted(DAY["tool"]["setuptools"]["packages"]) == sorted(".".join(folder.parts) for folder in folders)


def test_a_backend_gets_no_package_jobs() -> None:
    assert NIGHT["tool"]["setuptools"]["packages"]["find"]["include"] == ["jobs*"]
    assert not any(name.startswith("jobs") for name in DAY["tool"]["setuptools"]["packages"])
