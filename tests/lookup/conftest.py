"""Two releases of one shop, of different spaces, built once; tests that damage them take a copy."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.releases import NIGHT, make_release


class Two(NamedTuple):
    releases: Path
    old: str
    new: str
    """Announced last."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Two:
    base = tmp_path_factory.mktemp("shop")
    old = make_release(base, seed=1)
    new = make_release(base, seed=2, night=NIGHT + timedelta(days=1))
    return Two(base / "releases", old, new)


@pytest.fixture
def two(built: Two, tmp_path: Path) -> Two:
    """A copy of both that a test may change."""
    return Two(Path(shutil.copytree(built.releases, tmp_path / "releases")), built.old, built.new)
