"""Two releases of one shop, of different spaces, built once; tests that damage them take a copy."""

import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from lookup.release.history import read_history

MADE = "DAYBREAK_MADE_RELEASES"
"""Environment: a folder of two releases that `python -m tests.lookup.conftest FOLDER` made. With it, what needs the
night to make releases is passed over, so that the rest runs where only `daybreak-lookup` is installed.
"""
NEEDS_THE_NIGHT = re.compile(
    r"^\s*(from|import) (tests\.(releases|run_tables|release_format|rankers|searchable|variants)|jobs)\b", re.MULTILINE
)
ROOT = Path(__file__).parents[2]


def needs_the_night(path: Path) -> bool:
    """Whether a test module, or one that it imports from, makes releases by the code of the night."""
    text = path.read_text(encoding="utf-8")
    modules = re.findall(r"^\s*from (tests\.lookup[\w.]+) import", text, re.MULTILINE)
    others = [ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in modules if name != __name__]
    return bool(NEEDS_THE_NIGHT.search(text)) or any(map(needs_the_night, filter(Path.exists, others)))


if MADE in os.environ:
    collect_ignore = [str(path) for path in Path(__file__).parent.rglob("test_*.py") if needs_the_night(path)]


class Two(NamedTuple):
    releases: Path
    old: str
    new: str
    """Announced last."""


def make_two(base: Path) -> Two:
    """Two nights of one shop in `base/releases`."""
    from tests.releases import make_release
    from tests.run_tables import NIGHT

    old = make_release(base, seed=1)
    return Two(base / "releases", old, make_release(base, seed=2, night=NIGHT + timedelta(days=1)))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Two:
    base = tmp_path_factory.mktemp("shop")
    if MADE in os.environ:
        releases = Path(shutil.copytree(os.environ[MADE], base / "releases"))
        # Not by name: two releases of one second are told apart by random digits.
        old, new = (announcement.id for announcement in read_history(releases).lines)
        return Two(releases, old, new)
    return make_two(base)


@pytest.fixture
def two(built: Two, tmp_path: Path) -> Two:
    """A copy of both that a test may change."""
    return Two(Path(shutil.copytree(built.releases, tmp_path / "releases")), built.old, built.new)


if __name__ == "__main__":
    import sys

    make_two(Path(sys.argv[1]))
