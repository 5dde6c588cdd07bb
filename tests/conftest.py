"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.session import open_session

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A small local Spark: two cores, so two Python workers side by side."""
    # Workers are processes of their own, and must find the packages as this one does.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    session = open_session(
        "local[2]",
        {"spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2", "spark.driver.host": "localhost"},
    )
    yield session
    session.stop()
