"""A run that a build can read."""

from pathlib import Path

import pytest

from jobs.config.config import Config
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=50, users=30)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 5, SIZES)
    return config
