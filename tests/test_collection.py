"""Every test file on disk is collected: pytest passes over whole folders without a word, by their names alone."""

import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEFAULT = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
"""Names of folders that pytest passes over where the configuration sets no `norecursedirs`."""
PASSES = "def test_it():\n    pass\n"


def passed_over(root: Path) -> dict[str, str]:
    """The test files below root/tests that pytest does not collect, by path, each with the likely reason.

    A file counts as collected when it yields at least one test. Pytest runs as `make test` runs it: with the
    configuration in root/pyproject.toml and without arguments that name a file.
    """
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    collected = {line.partition("::")[0] for line in told.splitlines() if "::" in line}
    on_disk = {path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py")}
    return {file: reason(root, file, told) for file in sorted(on_disk - collected)}


def reason(root: Path, file: str, told: str) -> str:
    """Why pytest may have left a file out. told: what pytest printed."""
    options = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    patterns = options.get("norecursedirs", DEFAULT)
    for folder in Path(file).parent.parts:
        for pattern in patterns:
            if fnmatch(folder, pattern):
                whose = "the configuration's" if "norecursedirs" in options else "pytest's default"
                return f"its folder {folder!r} matches {pattern!r} of {whose} norecursedirs"
    for option in options.get("addopts", "").split():
        name, _, ignored = option.partition("=")
        if name in ("--ignore", "--ignore-glob") and fnmatch(file, f"{ignored}*"):
            return f"addopts has {option}"
    if f"ERROR {file}" in told:
        return f"it cannot be imported: `pytest {file}` shows the error"
    return "it has no test: no function test_… and no class Test…"


def test_pytest_collects_every_test_file() -> None:
    missing = passed_over(ROOT)
    assert not missing, "\n".join(f"{file} is not collected: {why}" for file, why in missing.items())


def test_a_file_that_pytest_passes_over_is_found_with_its_reason(tmp_path: Path) -> None:
    """In a small tree, with pytest's own norecursedirs, one file of each kind that is left out."""
    configuration = '[tool.pytest.ini_options]\ntestpaths = ["tests"]\naddopts = "--ignore=tests/slow"\n'
    (tmp_path / "pyproject.toml").write_text(configuration)
    files = {
        "tests/x/test_fine.py": PASSES,
        "tests/x/build/test_y.py": PASSES,
        "tests/slow/test_slow.py": PASSES,
        "tests/test_broken.py": "import no_such_module_anywhere\n",
        "tests/test_empty.py": "def check_it():\n    pass\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert passed_over(tmp_path) == {
        "tests/slow/test_slow.py": "addopts has --ignore=tests/slow",
        "tests/test_broken.py": "it cannot be imported: `pytest tests/test_broken.py` shows the error",
        "tests/test_empty.py": "it has no test: no function test_… and no class Test…",
        "tests/x/build/test_y.py": "its folder 'build' matches 'build' of pytest's default norecursedirs",
    }
    configuration += f"norecursedirs = {project_options()['norecursedirs']}\n"
    (tmp_path / "pyproject.toml").write_text(configuration)
    assert "tests/x/build/test_y.py" not in passed_over(tmp_path)


def project_options() -> dict[str, list[str]]:
    options: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"][
        "ini_options"
    ]
    return options
