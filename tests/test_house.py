"""The shape of the house: small modules, small folders, one class a name."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for package in ("lookup", "jobs", "dags") for path in (ROOT / package).rglob("*.py"))
LONGEST_MODULE = 350
"""Lines."""
LARGEST_FOLDER = 12
"""Modules, `__init__.py` not counted."""


def test_no_module_is_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert len(lengths) > 100
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_no_folder_is_large() -> None:
    sizes = Counter(str(path.parent.relative_to(ROOT)) for path in MODULES if path.name != "__init__.py")
    assert {folder: size for folder, size in sizes.items() if size > LARGEST_FOLDER} == {}


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name: times for name, times in names.items() if times > 1} == {}


@pytest.mark.parametrize("package", ["lookup", "jobs"])
def test_every_folder_says_what_it_holds(package: str) -> None:
    folders = {path.parent for path in MODULES if path.is_relative_to(ROOT / package)}
    silent = [
        str(folder.relative_to(ROOT))
        for folder in folders
        if not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert silent == []
